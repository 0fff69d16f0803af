import h5py
import numpy as np
import pytest
from scipy.io import savemat

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.io.tables.table import read_emitters, write_emitters

LOC = {
    "xnm": [104.0, 5 * 104.0],
    "ynm": [3 * 104.0, 208.0],
    "frame": [1.0, 7.0],
    "phot": [1000.0, 2000.0],
    "bg": [5.0, 6.0],
    "locprecnm": [9.0, 8.0],
    "LLrel": [-1.0, -2.0],
}


def test_a_csv(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("xnm,ynm,phot,bg,frame,locprecnm,PSFxnm,PSFynm\n100,300,1000,5,1,9,130,130\n")
    table = read_emitters(path, 100)
    assert (table.x[0], table.y[0], table.frame[0]) == (0, 200, 0)
    assert (table.photons[0], table.bg[0], table.sigma_x[0], table.sigma_y[0]) == (1000, 5, 9, 9)
    assert table.psf_sigma[0] == 130
    with pytest.raises(UserError, match="pixel_size=NM"):
        read_emitters(path)
    path.write_text("xnm,phot,frame\n100,300,1\n")
    with pytest.raises(UserError, match="ynm"):
        read_emitters(path, 100)
    path.write_text("xnm,ynm,phot,frame\n100,100,300,0\n")
    with pytest.raises(UserError, match="files of this kind count from 1"):
        read_emitters(path, 100)


def test_what_is_written(tmp_path):
    one = {"frame": [0], "x": [0.0], "y": [200.0], "photons": [10.0], "sigma_x": [3.0]}
    table = Emitters({**one, "sigma_y": [4.0], "channel": [2]}, {"pixel_size": 100.0})
    write_emitters(table, tmp_path / "a.csv", format="smap")
    head, row = (tmp_path / "a.csv").read_text().splitlines()
    assert head == "frame,xnm,ynm,locprecnm,phot,xnmerr,ynmerr,channel,pixelsizenm"
    assert row == "1,100.0000,300.0000,3.535534,10,3,4,2,100"
    with pytest.raises(UserError, match="'Phot' has a name that means something else"):
        write_emitters(table.with_columns(Phot=[1]), tmp_path / "b.csv", format="smap")
    assert not (tmp_path / "b.csv").exists()


def test_it_keeps_its_place_without_the_side_file(tmp_path):
    table = Emitters({"frame": [3], "x": [20.0], "y": [40.0]}, {"pixel_size": 97.0})
    write_emitters(table, tmp_path / "a.csv", format="smap")
    (tmp_path / "a.csv.yaml").unlink()
    back = read_emitters(tmp_path / "a.csv")
    np.testing.assert_allclose([back.x[0], back.y[0]], [20, 40], atol=1e-3)
    assert back.meta == {"pixel_size": 97.0}


def mat73(path, info):
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in LOC.items():
            file[f"saveloc/loc/{name}"] = np.array([values])
        file["saveloc/loc/empty"] = np.array([0, 0], np.uint64)
        file["saveloc/loc/empty"].attrs["MATLAB_empty"] = 1
        for name, values in info.items():
            file[f"saveloc/file/info/{name}"] = np.atleast_2d(values)
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(512))


def mat5(path, info):
    savemat(path, {"saveloc": {"loc": LOC, "file": {"info": info}}, "parameters": {"a": 1}})


@pytest.mark.parametrize("write", [mat73, mat5])
def test_a_mat(tmp_path, write):
    path = tmp_path / "a_sml.mat"
    info = {"cam_pixelsize_um": [0.104, 0.104], "Width": 256.0, "Height": 128.0}
    write(path, info)
    table = read_emitters(path)
    np.testing.assert_allclose(table.x, [0, 416], atol=1e-9)  # the first pixel is pixel 1
    np.testing.assert_allclose(table.y, [208, 104], atol=1e-9)
    assert table.frame.tolist() == [0, 6]
    assert table.sigma_x.tolist() == table.sigma_y.tolist() == [9, 8]
    assert table["LLrel"].tolist() == [-1, -2]
    assert (table.meta["pixel_size"], table.meta["width"], table.meta["height"]) == (104, 256, 128)
    # SMAP counts from the chip's first pixel, we from the movie's.
    write(path, {**info, "roi": [2.0, 1.0, 128.0, 128.0]})
    table = read_emitters(path)
    np.testing.assert_allclose([table.x[1], table.y[0]], [416 - 208, 208 - 104], atol=1e-9)
    assert any("2, 1 px of the camera" in note for note in table.meta["notes"])
    write(path, {"Width": 256.0})
    with pytest.raises(UserError, match="pixel_size=NM"):
        read_emitters(path)
    np.testing.assert_allclose(read_emitters(path, 104).x, [0, 416], atol=1e-9)


def test_a_mat_that_is_a_movie(tmp_path):
    savemat(tmp_path / "a.mat", {"data": np.zeros((16, 16, 3))})
    with pytest.raises(UserError, match="holds no table of SMAP .*truevar.localize"):
        read_emitters(tmp_path / "a.mat", 100)
    whole = (tmp_path / "a.mat").read_bytes()
    (tmp_path / "a.mat").write_bytes(whole[:140])
    with pytest.raises(UserError, match="damaged|no table"):
        read_emitters(tmp_path / "a.mat", 100)
    (tmp_path / "a.mat").write_text("text")
    with pytest.raises(UserError, match="is not a MATLAB file"):
        read_emitters(tmp_path / "a.mat", 100)


def test_real_tables(shared_data):
    table = read_emitters(shared_data / "tables/smap/cme_2um_site_uncorrected_sml.csv", 100)
    assert (len(table), table.frame[0]) == (4382, 236)
    table = read_emitters(shared_data / "tables/locan-samples/smap_dstorm_data.mat")
    assert (len(table), table.frame[0], table.meta["pixel_size"]) == (4884, 0, 104)
    # nm = px · pixel size without an offset, with px counted from 1
    np.testing.assert_allclose(table.x, 104 * (table["xpix"] - 1), atol=0.01)
    np.testing.assert_allclose(table.y, 104 * (table["ypix"] - 1), atol=0.01)
