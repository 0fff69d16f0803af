"""What a TIFF's tags tell of the pixel size and the camera."""

import numpy as np
import pytest
import tifffile

from truevar.io.movies.movie import open_movie


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 60000, (12, 20, 24)).astype(np.uint16)


def test_pixel_size_and_camera(tmp_path, frames):
    micron = {"axes": "TYX", "unit": "micron", "baseline": 100, "e_per_adu": 0.46, "gain": 300}
    tifffile.imwrite(tmp_path / "ij.tif", frames, imagej=True, resolution=(10, 10), metadata=micron)
    with open_movie(tmp_path / "ij.tif") as movie:
        # "gain" may be anything in a TIFF; only our own names are believed.
        assert movie.meta == {"pixel_size": 100.0, "baseline": 100.0, "e_per_adu": 0.46}
    tifffile.imwrite(
        tmp_path / "t.tif", frames, photometric="minisblack", metadata={"pixel_size": 123.0}
    )
    with open_movie(tmp_path / "t.tif") as movie:
        assert movie.meta == {"pixel_size": 123.0}
    tifffile.imwrite(
        tmp_path / "cm.tif",
        frames,
        photometric="minisblack",
        metadata=None,
        resolution=(1e5, 1e5),
        resolutionunit="CENTIMETER",
    )
    with open_movie(tmp_path / "cm.tif") as movie:
        assert movie.meta["pixel_size"] == pytest.approx(100)


def test_a_pixel_size_never_calibrated_is_put_aside(tmp_path, frames):
    meta = {"axes": "TYX", "PhysicalSizeX": 1.0, "PhysicalSizeY": 1.0}
    tifffile.imwrite(tmp_path / "a.tif", frames, ome=True, photometric=1, metadata=meta)
    with open_movie(tmp_path / "a.tif") as movie:
        assert movie.meta == {}
        assert "not believable" in movie.notes[0]
