import h5py
import numpy as np
import pytest

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.io.tables.table import read_emitters, write_emitters


def write_decode(path, unit="px", size=(100.0, 100.0)):
    with h5py.File(path, "w") as file:
        file["data/xyz"] = np.array([[1.0, 2.0, 30.0], [3.0, 4.0, 40.0]], np.float32)
        file["data/xyz_sig"] = np.array([[0.1, 0.2, 3.0]] * 2, np.float32)
        file["data/frame_ix"] = np.array([0, 5])
        file["data/phot"] = np.array([10.0, 20.0])
        file["data/prob"] = h5py.Empty("f4")
        file["data/id"] = np.array([-1, -1])
        file.create_group("meta").attrs["xy_unit"] = unit
        if size is not None:
            file["meta"].attrs["px_size"] = size


def test_reading(tmp_path):
    write_decode(tmp_path / "a.h5")
    table = read_emitters(tmp_path / "a.h5")
    assert table.x.tolist() == [200, 400]  # its x runs along rows
    assert table.y.tolist() == [100, 300]
    assert table.z.tolist() == [30, 40]
    np.testing.assert_allclose(table.sigma_x, 20)
    np.testing.assert_allclose(table.sigma_y, 10)
    assert table.frame.tolist() == [0, 5]
    assert "prob" not in table
    assert "id" not in table  # -1 is nobody's
    assert table.meta["pixel_size"] == 100
    np.testing.assert_allclose(read_emitters(tmp_path / "a.h5", 50).x, [100, 200])


def test_pixels_that_are_not_square(tmp_path):
    write_decode(tmp_path / "a.h5", size=(50.0, 100.0))
    table = read_emitters(tmp_path / "a.h5")
    assert (table.x[0], table.y[0]) == (200, 50)
    assert "100 nm along x and 50 nm along y" in table.meta["notes"][0]


def test_without_pixel_size(tmp_path):
    write_decode(tmp_path / "a.h5", unit="nm", size=None)
    assert read_emitters(tmp_path / "a.h5").x.tolist() == [2, 4]
    write_decode(tmp_path / "a.h5", size=None)
    with pytest.raises(UserError, match="pixel_size=NM"):
        read_emitters(tmp_path / "a.h5")


def test_what_is_written(tmp_path):
    columns = {"frame": [4], "x": [300.0], "y": [50.0], "photons": [9.0], "sigma_x": [20.0]}
    table = Emitters({**columns, "chi2/n": [1 / 3], "psf_sigma": [130.0]}, {"pixel_size": 100.0})
    write_emitters(table, tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        data = file["data"]
        np.testing.assert_allclose(data["xyz"][()], [[0.5, 3.0, 0.0]])  # rows first, in px
        np.testing.assert_allclose(data["xyz_sig"][()], [[np.nan, 0.2, np.nan]])
        assert (data["frame_ix"][0], data["id"][0], data["phot"][0]) == (4, -1, 9)
        for name in ("prob", "bg", "phot_sig", "bg_sig", "xyz_cr", "phot_cr", "bg_cr"):
            assert data[name].shape is None, name  # as DECODE stores what it does not know
        assert set(data) - {"xyz", "xyz_sig", "frame_ix", "id", "phot"} == {
            *("prob", "bg", "phot_sig", "bg_sig", "xyz_cr", "phot_cr", "bg_cr")
        }
        assert file["meta"].attrs["px_size"].tolist() == [100, 100]
        assert file["meta"].attrs["xy_unit"] == "px"
        assert "version" in file["decode"].attrs
    back = read_emitters(tmp_path / "a.h5")
    assert set(back) == set(table)  # no z, sigma_y, sigma_z
    assert back["chi2/n"][0] == 1 / 3


def test_layout_of_a_real_table(shared_data, tmp_path):
    sample = shared_data / "tables/locan-samples/decode_dstorm_data.h5"
    table = read_emitters(sample)
    assert (len(table), table.frame[0]) == (96, 294)
    assert table.y[0] == pytest.approx(-0.14920829 * 127)
    square = read_emitters(sample, 127)
    write_emitters(square, tmp_path / "a.h5")
    with h5py.File(sample) as theirs, h5py.File(tmp_path / "a.h5") as ours:
        assert set(theirs["data"]) == set(ours["data"])
        for name in theirs["data"]:
            assert theirs["data"][name].dtype == ours["data"][name].dtype, name
            assert theirs["data"][name].shape == ours["data"][name].shape, name
        np.testing.assert_allclose(ours["data/xyz"], theirs["data/xyz"], rtol=1e-5)
        np.testing.assert_allclose(ours["data/xyz_sig"], theirs["data/xyz_sig"], rtol=1e-5)
