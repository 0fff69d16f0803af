import h5py
import numpy as np
import pytest

from truevar.errors import UserError
from truevar.io.tables.table import read_emitters


def write(path, frames, **attributes):
    with h5py.File(path, "w") as file:
        file.attrs.update({"sa_type": "unknown", **attributes})
        for number, columns in frames.items():
            group = file.create_group(f"fr_{number}")
            group.attrs.update({"dx": 0.0, "n_locs": len(next(iter(columns.values()), ()))})
            for name, values in columns.items():
                group[name] = np.array(values, np.float32)


def test_reading(tmp_path):
    path = tmp_path / "a.hdf5"
    one = {"x": [1.0, 2.0], "y": [3.0, 4.0], "z": [0.1, -0.2], "sum": [9.0, 8.0]}
    one |= {"background": [5.0, 6.0], "xsigma": [1.0, 1.0], "ysigma": [4.0, 1.0], "error": [7, 7]}
    two = {name: values[:1] for name, values in one.items()} | {"category": [1.0]}
    # Groups are sorted as text in the file, and empty frames have no columns.
    write(path, {10: two, 2: one, 5: {}}, pixel_size=100.0, movie_x=64, movie_y=32, movie_l=11)
    table = read_emitters(path)
    assert table.frame.tolist() == [2, 2, 10]
    assert (table.x.tolist(), table.y.tolist()) == ([100, 200, 100], [300, 400, 300])
    np.testing.assert_allclose(table.z, [100, -200, 100], rtol=1e-6)  # from µm
    assert (table.photons.tolist(), table.bg.tolist()) == ([9, 8, 9], [5, 6, 5])
    np.testing.assert_allclose(table.psf_sigma, [200, 100, 200])
    assert table["error"].tolist() == [7, 7, 7]
    assert "category" not in table  # not in every frame
    assert {name: table.meta[name] for name in ("pixel_size", "width", "height", "frames")} == {
        "pixel_size": 100,
        "width": 64,
        "height": 32,
        "frames": 11,
    }
    np.testing.assert_allclose(read_emitters(path, 50).x, [50, 100, 50])


def test_a_drift_is_said_and_not_taken_off(tmp_path):
    path = tmp_path / "a.hdf5"
    write(path, {0: {"x": [1.0], "y": [1.0]}}, pixel_size=100.0)
    with h5py.File(path, "a") as file:
        file["fr_0"].attrs["dx"] = 3.0
    table = read_emitters(path)
    assert table.x.tolist() == [100]
    assert "drift" in table.meta["notes"][0]


def test_files_that_cannot_be_used(tmp_path):
    path = tmp_path / "a.hdf5"
    write(path, {0: {"x": [1.0], "y": [1.0]}})
    with pytest.raises(UserError, match="pixel_size=NM"):
        read_emitters(path)
    write(path, {0: {"x": [1.0]}}, pixel_size=100.0)
    with pytest.raises(UserError, match="lacks the column 'y'"):
        read_emitters(path)
    write(path, {0: {"x": [1.0], "y": [np.nan]}}, pixel_size=100.0)
    with pytest.raises(UserError, match="row 1: a position"):
        read_emitters(path)
    write(path, {}, pixel_size=100.0)
    assert len(read_emitters(path)) == 0


def test_on_its_movie(shared_data):
    from truevar.io.movies.movie import open_movie

    folder = shared_data / "simulated/storm-analysis-256x256"
    table = read_emitters(folder / "test_ref.hdf5")
    assert (len(table), table.frame.max(), table.meta["width"]) == (200, 0, 256)
    with open_movie(folder / "test.dax") as movie:
        frame = movie.read(0, 1)[0].astype(float)

    def light(shift):
        x, y = (np.round(table[axis] / 100 + shift).astype(int) for axis in "xy")
        return frame[y, x].mean()

    assert light(0) > 1.1 * max(light(-0.5), light(0.5))
    # The list of true positions, counted otherwise, has the same ones.
    truth = read_emitters(folder / "test_olist.bin", 100)
    truth = truth.select(truth.frame == 0)
    np.testing.assert_allclose(np.sort(truth.x), np.sort(table.x), atol=0.1)
    np.testing.assert_allclose(np.sort(truth.y), np.sort(table.y), atol=0.1)
