import h5py
import numpy as np
import pytest

from truevar.errors import UserError
from truevar.io.tables.table import read_emitters


def test_smap(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("xnm,ynm,phot,bg,frame,locprecnm,PSFxnm\n100,300,1000,5,1,9,130\n")
    table = read_emitters(path, 100)
    assert (table.x[0], table.y[0], table.frame[0]) == (0, 200, 0)
    assert (table.photons[0], table.bg[0], table.sigma_x[0], table.sigma_y[0]) == (1000, 5, 9, 9)
    assert table.psf_sigma[0] == 130
    with pytest.raises(UserError, match="pixel_size=NM"):
        read_emitters(path)
    path.write_text("xnm,phot,frame\n100,300,1\n")
    with pytest.raises(UserError, match="ynm"):
        read_emitters(path, 100)


def test_rapidstorm(tmp_path):
    path = tmp_path / "a.txt"
    names = ["Position-0-0", "Position-1-0", "ImageNumber-0-0", "Amplitude-0-0"]
    fields = "".join(f'<field identifier="{name}" unit="nanometer" />' for name in names)
    path.write_text(f"# <localizations>{fields}</localizations>\n100 200.5 0 5\n1e2 2 7 5\n")
    table = read_emitters(path)
    assert (table.x.tolist(), table.y.tolist()) == ([100, 100], [200.5, 2])
    assert table.frame.tolist() == [0, 7]
    path.write_text(f"# <localizations>{fields}</localizations>\n100 200.5 0\n")
    with pytest.raises(UserError, match="line 2: 3 fields"):
        read_emitters(path)


def write_decode(path, unit="px", size=(100.0, 100.0)):
    with h5py.File(path, "w") as file:
        file["data/xyz"] = np.array([[1.0, 2.0, 30.0], [3.0, 4.0, 40.0]], np.float32)
        file["data/xyz_sig"] = np.array([[0.1, 0.2, 3.0]] * 2, np.float32)
        file["data/frame_ix"] = np.array([0, 5])
        file["data/phot"] = np.array([10.0, 20.0])
        file["data/prob"] = h5py.Empty("f4")
        file.create_group("meta").attrs["xy_unit"] = unit
        if size is not None:
            file["meta"].attrs["px_size"] = size


def test_decode(tmp_path):
    write_decode(tmp_path / "a.h5")
    table = read_emitters(tmp_path / "a.h5")
    assert table.x.tolist() == [200, 400]  # its x runs along rows
    assert table.y.tolist() == [100, 300]
    assert table.z.tolist() == [30, 40]
    np.testing.assert_allclose(table.sigma_x, 20)
    np.testing.assert_allclose(table.sigma_y, 10)
    assert table.frame.tolist() == [0, 5]
    assert "prob" not in table
    assert table.meta["pixel_size"] == 100
    np.testing.assert_allclose(read_emitters(tmp_path / "a.h5", 50).x, [100, 200])


def test_decode_with_pixels_that_are_not_square(tmp_path):
    write_decode(tmp_path / "a.h5", size=(50.0, 100.0))
    table = read_emitters(tmp_path / "a.h5")
    assert (table.x[0], table.y[0]) == (200, 50)
    assert "100 nm along x and 50 nm along y" in table.meta["notes"][0]


def test_decode_without_pixel_size(tmp_path):
    write_decode(tmp_path / "a.h5", unit="nm", size=None)
    assert read_emitters(tmp_path / "a.h5").x.tolist() == [2, 4]
    write_decode(tmp_path / "a.h5", size=None)
    with pytest.raises(UserError, match="pixel_size=NM"):
        read_emitters(tmp_path / "a.h5")


def test_real_tables(shared_data):
    table = read_emitters(shared_data / "tables/locan-samples/decode_dstorm_data.h5")
    assert (len(table), table.frame[0]) == (96, 294)
    assert table.y[0] == pytest.approx(-0.14920829 * 127)
    assert len(read_emitters(shared_data / "tables/locan-samples/rapidSTORM_dstorm_data.txt")) == 14
    table = read_emitters(shared_data / "tables/smap/cme_2um_site_uncorrected_sml.csv", 100)
    assert (len(table), table.frame[0]) == (4382, 236)
    table = read_emitters(shared_data / "simulated/picasso-paint-32x32/testdata_locs.hdf5", 100)
    assert (len(table), table.frame[0]) == (564, 11)
    assert table.x[0] == pytest.approx(561.8027, abs=1e-3)


def test_insight3_on_its_movie(shared_data):
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


def test_insight3_that_is_truncated(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"M425" + np.array([1, 6, 3], "<i4").tobytes() + bytes(72))
    with pytest.raises(UserError, match="truncated"):
        read_emitters(path, 100)
