import json

import h5py
import numpy as np
import pytest

from truevar.errors import UserError
from truevar.io.tables.table import read_emitters

COLUMNS = {
    "x_nm": [100.0, 0.0],
    "y_nm": [200.0, 50.0],
    "frame": [0, 4],
    "photons": [500.0, 600.0],
    "photons_err": [5.0, 6.0],
    "background": [3.0, 4.0],
    "xy_err_nm": [9.0, 8.0],
    "sigma_nm": [130.0, 140.0],
    "logl_rel": [-1.0, -2.0],
}


def write(path, metadata=None, **changes):
    with h5py.File(path, "w") as file:
        for name, values in {**COLUMNS, **changes}.items():
            if values is not None:
                file[f"locs/{name}"] = np.array(values)
        if metadata is not None:
            file.attrs["metadata"] = metadata if isinstance(metadata, str) else json.dumps(metadata)


def test_reading(tmp_path):
    path = tmp_path / "a.hdf5"
    write(path, {"camera": {"pixelsize_um": 0.107}, "units": "nm", "history": [{"what": "fit"}]})
    table = read_emitters(path)
    assert (table.x.tolist(), table.y.tolist()) == ([100, 0], [200, 50])
    assert (table.frame.tolist(), table.bg.tolist()) == ([0, 4], [3, 4])
    assert table.sigma_x.tolist() == table.sigma_y.tolist() == [9, 8]
    assert (table.sigma_photons.tolist(), table.psf_sigma.tolist()) == ([5, 6], [130, 140])
    assert table["logl_rel"].tolist() == [-1, -2]
    assert table.meta == {"format": "SMAPpy", "pixel_size": pytest.approx(107)}
    write(path, {"camera": {"pixelsize_um": [0.1, 0.1]}}, x_err_nm=[1.0, 2.0], y_err_nm=[3.0, 4.0])
    table = read_emitters(path)
    assert (table.sigma_x.tolist(), table.sigma_y.tolist()) == ([1, 2], [3, 4])
    assert table.meta["pixel_size"] == 100


def test_pixels(tmp_path):
    path = tmp_path / "a.h5"
    write(path, x_nm=None, y_nm=None, x_pix=[1.0, 2.0], y_pix=[3.0, 4.0], xy_err_pix=[0.1, 0.2])
    with pytest.raises(UserError, match="pixel_size=NM"):
        read_emitters(path)
    table = read_emitters(path, 100)
    assert (table.x.tolist(), table.y.tolist()) == ([100, 200], [300, 400])
    np.testing.assert_allclose(table.sigma_x, [10, 20])


def test_a_table_that_came_from_smap_has_its_origin(tmp_path):
    path = tmp_path / "a.hdf5"
    write(path, {"smap": {"cam_pixelsize_um": 0.05}})
    assert read_emitters(path).x.tolist() == [50, -50]
    write(path, {"smap": {}})
    with pytest.raises(UserError, match="pixel_size=NM"):
        read_emitters(path)


def test_files_that_cannot_be_used(tmp_path):
    path = tmp_path / "a.hdf5"
    for changes, said in (
        ({"y_nm": None}, "lacks the column 'y_nm'"),
        ({"frame": None}, "lacks the column 'frame'"),
        ({"x_nm": [1.0, np.nan]}, "row 2: a position is not a number"),
        ({"frame": [0, -1]}, "count from 0"),
        ({"photons": [1.0, 2.0, 3.0]}, "different lengths"),
        ({"photons": np.array([b"a", b"b"])}, "damaged"),
    ):
        write(path, "no JSON", **changes)
        with pytest.raises(UserError, match=said):
            read_emitters(path)
