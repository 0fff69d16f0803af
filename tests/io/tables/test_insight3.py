import numpy as np
import pytest

from truevar.errors import UserError
from truevar.io.tables.table import read_emitters


def test_on_its_movie(shared_data):
    from truevar.io.movies.movie import open_movie

    folder = shared_data / "simulated/storm-analysis-256x256"
    table = read_emitters(folder / "test_olist.bin", 160)
    assert len(table) == 2000
    assert table.frame.tolist() == sorted(table.frame.tolist())
    assert (table.frame.min(), table.frame.max()) == (0, 9)
    with open_movie(folder / "test.dax") as movie:
        block = movie.read(0, 10).astype(float)

    def light(shift):
        x = np.round(table.x / 160 + shift).astype(int)
        return block[table.frame, np.round(table.y / 160 + shift).astype(int), x].mean()

    assert light(0) > 1.2 * max(light(-1), light(1))
    with pytest.raises(UserError, match="pixel_size=NM"):
        read_emitters(folder / "test_olist.bin")


def test_a_list_that_is_truncated(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"M425" + np.array([1, 6, 3], "<i4").tobytes() + bytes(72))
    with pytest.raises(UserError, match="truncated"):
        read_emitters(path, 100)
    path.write_bytes(b"text")
    with pytest.raises(UserError, match="is not a list of Insight3"):
        read_emitters(path, 100)
