import numpy as np
import pytest

from truevar.errors import UserError
from truevar.io.tables.table import read_emitters

HEAD = "Index\tFirst Frame\tNumber Frames\tPosition X [nm]\tPosition Y [nm]\tPrecision [nm]"
HEAD += "\tNumber Photons\tPSF half width [nm]"
ROW = "1\t3\t2\t150.0\t250.0\t8.5\t472\t110.0"
TAIL = "\0\r\r\nVoxelSizeX : 0.1000000000 \xb5m\r\r\nSizeX : 3200\r\r\n\r\nROI List : \r\r\n"


def write(path, *rows, tail=TAIL):
    text = "\r\n".join([HEAD, *rows, ""]) + tail
    path.write_bytes(text.encode("latin-1"))


def test_reading(tmp_path):
    path = tmp_path / "a.txt"
    write(path, ROW, "2\t1\t1\t50.0\t50.0\t9\t100\t120.0")
    table = read_emitters(path)
    assert table.meta["pixel_size"] == 100
    np.testing.assert_allclose(table.x, [100, 0])  # counted from the corner
    np.testing.assert_allclose(table.y, [200, 0])
    assert table.frame.tolist() == [2, 0]
    assert table.sigma_x.tolist() == table.sigma_y.tolist() == [8.5, 9]
    assert table.photons.tolist() == [472, 100]
    assert table["PSF half width [nm]"].tolist() == [110, 120]
    assert "half a pixel off if that is wrong" in table.meta["notes"][0]
    np.testing.assert_allclose(read_emitters(path, 60).x, [120, 20])


def test_without_settings(tmp_path):
    path = tmp_path / "a.txt"
    write(path, ROW, tail="")
    with pytest.raises(UserError, match="pixel_size=NM"):
        read_emitters(path)
    assert read_emitters(path, 100).x.tolist() == [100]
    write(path)
    assert len(read_emitters(path)) == 0


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (ROW.replace("150.0", ""), "row 1: a position is not a number"),
        (ROW.replace("150.0", "150,0"), "line 2: a field is not a number"),
        (ROW + "\t1", "line 2: 9 fields where the head has 8"),
        (ROW.replace("1\t3", "1\t0"), "files of this kind count from 1"),
    ],
)
def test_rows_that_cannot_be_used(tmp_path, row, said):
    write(tmp_path / "a.txt", row)
    with pytest.raises(UserError, match=said):
        read_emitters(tmp_path / "a.txt")


def test_a_real_table(shared_data):
    table = read_emitters(shared_data / "tables/locan-samples/Elyra_dstorm_data.txt")
    assert (len(table), table.frame.tolist()) == (15, [0] * 15)
    pixel = table.meta["pixel_size"]
    assert pixel == pytest.approx(97.0873786)
    assert table.x[0] == pytest.approx(15850.6 - pixel / 2)
    assert max(table.x.max(), table.y.max()) < 320 * pixel  # the field that the settings tell
