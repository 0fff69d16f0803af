"""Which axis of a TIFF is time: colours, channels and slices are not taken for frames."""

import os
import warnings

import numpy as np
import pytest
import tifffile

from truevar.errors import UserError
from truevar.io.movies.movie import open_movie


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 60000, (12, 20, 24)).astype(np.uint16)


def test_colour_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 20, 24, 3), np.uint8), photometric="rgb")
    with pytest.raises(UserError, match="colour"):
        open_movie(tmp_path / "a.tif")


def write_with_defaults(path, array, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the default is to change
        tifffile.imwrite(path, array, **options)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"metadata": None},
        {"bigtiff": True},
        {"metadata": {"axes": "TYX"}},
        {"rowsperstrip": 3},
        {"compression": "zlib"},
        {"compression": "zlib", "metadata": {"axes": "TYX"}},
        {"tile": (16, 16)},
    ],
    ids=str,
)
def test_few_frames_as_tifffile_saves_them(tmp_path, frames, count, options):
    # Three and four become the planes of one colour page.
    path = tmp_path / "a.tif"
    write_with_defaults(path, frames[:count], **options)
    with open_movie(path) as movie:
        assert movie.shape == (count, 20, 24)
        np.testing.assert_array_equal(movie.read(0, count), frames[:count])
        np.testing.assert_array_equal(movie.read(count - 1, count), frames[count - 1 : count])
        said = any("colour planes" in note for note in movie.notes)
        assert said == (count in (3, 4) and "axes" not in (options.get("metadata") or {}))
    os.truncate(path, path.stat().st_size - 200)
    with pytest.raises(UserError):
        open_movie(path)


def test_planes_that_may_be_colours_are_refused(tmp_path, frames):
    planes = frames[:3]
    path = tmp_path / "a.tif"
    write_with_defaults(path, planes, software="camera")
    with pytest.raises(UserError, match="colour"):
        open_movie(path)
    write_with_defaults(path, planes, metadata={"axes": "CYX"})
    with pytest.raises(UserError, match="channels: 3"):
        open_movie(path)
    write_with_defaults(path, frames.reshape(4, 3, 20, 24))
    with pytest.raises(UserError, match="colour"):
        open_movie(path)
    with warnings.catch_warnings(), tifffile.TiffWriter(path) as file:
        warnings.simplefilter("ignore", DeprecationWarning)
        for start in (0, 3):  # the second half must not get lost
            file.write(frames[start : start + 3])
    with pytest.raises(UserError, match="colour"):
        open_movie(path)


@pytest.mark.parametrize("axes", ["TCYX", "TZYX"])
def test_two_long_axes_are_refused_by_name(tmp_path, axes):
    stack = np.zeros((5, 2, 20, 24), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": axes})
    with pytest.raises(UserError, match=r"time: 5, (channels|slices): 2.*Duplicate"):
        open_movie(tmp_path / "a.tif")


def test_two_colours_are_no_frames(tmp_path):
    stack = np.zeros((2, 20, 24), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": "CYX"})
    with pytest.raises(UserError, match="channels: 2"):
        open_movie(tmp_path / "a.tif")
