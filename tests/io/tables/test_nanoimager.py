import numpy as np
import pytest

from truevar.errors import UserError
from truevar.io.tables.table import read_emitters

HEAD = "Channel,Frame,X (nm),Y (nm),Z (nm),Photons,Background"


def test_reading(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f"{HEAD}\n1,0,117.5,234,0.0,500,3\n0,9,1,2,0.0,600,4\n")
    table = read_emitters(path)
    assert (table.x.tolist(), table.y.tolist()) == ([117.5, 1], [234, 2])
    assert (table.frame.tolist(), table.bg.tolist()) == ([0, 9], [3, 4])
    assert table["Channel"].tolist() == [1, 0]
    assert "z" not in table  # nothing but zeros in 2D
    assert "pixel_size" not in table.meta
    assert "ONI does not publish" in table.meta["notes"][0]
    path.write_text(f"{HEAD}\n1,0,117.5,234,-5,500,3\n")
    assert read_emitters(path, 117).z.tolist() == [-5]
    assert read_emitters(path, 117).meta["pixel_size"] == 117


def test_columns_in_pixels(tmp_path):
    path = tmp_path / "a.csv"
    further = "X precision (nm),Y precision (nm),X (pix),PSF Sigma X (pix),PSF Sigma Y (pix)"
    path.write_text(f"{HEAD},{further}\n0,1,234,234,0,500,3,8,9,2,1,1.21\n")
    table = read_emitters(path)
    assert table.meta["pixel_size"] == 117
    assert (table.sigma_x[0], table.sigma_y[0]) == (8, 9)
    np.testing.assert_allclose(table.psf_sigma, 117 * 1.1)
    assert table["X (pix)"].tolist() == [2]


def test_a_file_that_cannot_be_used(tmp_path):
    (tmp_path / "a.csv").write_text(f"{HEAD}\n1,0,,234,0.0,500,3\n")
    with pytest.raises(UserError, match="row 1: a position is not a number"):
        read_emitters(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("Channel,Frame,X (nm)\n1,0,5\n")
    with pytest.raises(UserError, match="is not a table of ThunderSTORM, SMAP or Nanoimager"):
        read_emitters(tmp_path / "a.csv")


def test_a_real_table(shared_data):
    table = read_emitters(shared_data / "tables/locan-samples/Nanoimager_dstorm_data.csv")
    assert (len(table), table.frame.min(), table.frame[0]) == (14, 0, 1548)
    assert table.x[0] == pytest.approx(40918.949219)
