"""Zeiss' files, written by Zeiss' own library where it is there."""

import os

import numpy as np
import pytest

from truevar.errors import UserError
from truevar.io.movies.movie import open_movie


@pytest.fixture
def czi():
    reason = 'needs pylibCZIrw: pip install "truevar[czi]"'
    return pytest.importorskip("pylibCZIrw.czi", reason=reason)


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 60000, (12, 20, 24)).astype(np.uint16)


def write(czi, path, frames, planes=None, size=1.08e-7, compression=None, **options):
    with czi.create_czi(str(path), exist_ok=True, compression_options=compression) as file:
        for number, frame in enumerate(frames):
            plane = {"T": number, "C": 0, "Z": 0} if planes is None else planes(number)
            file.write(frame if frame.ndim == 3 else frame[..., None], plane=plane, **options)
        file.write_metadata("a", scale_x=size, scale_y=size)
    return path


def refused(path):
    with pytest.raises(UserError) as caught:
        open_movie(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("compression", [None, "zstd1:ExplicitLevel=2;PreProcess=HiLoByte"])
@pytest.mark.parametrize("dtype", [np.uint16, np.uint8, np.float32])
def test_frames(tmp_path, czi, frames, dtype, compression):
    if compression and dtype == np.float32:
        compression = "zstd0:ExplicitLevel=2"
    values = frames.astype(dtype)
    path = write(czi, tmp_path / "a.czi", values, compression=compression, location=(-7, 5))
    with open_movie(path) as movie:
        assert movie.shape == (12, 20, 24)
        assert movie.dtype == dtype
        assert movie.meta == {"pixel_size": pytest.approx(108)}
        assert (movie.notes, movie.warnings) == ([], [])
        np.testing.assert_array_equal(movie.read(0, 12), values)
        np.testing.assert_array_equal(movie.read(5, 7), values[5:7])
    with open_movie(path, frames=(2, 9), roi=(1, 20, 2, 19)) as movie:
        np.testing.assert_array_equal(movie.read(0, 7), values[2:9, 2:19, 1:20])
    os.remove(path)  # closed


def test_time_that_does_not_begin_at_zero(tmp_path, czi, frames):
    path = write(czi, tmp_path / "a.czi", frames, lambda number: {"T": number + 3, "C": 0, "Z": 2})
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.read(0, 12), frames)


def test_a_frame_that_is_not_there(tmp_path, czi, frames):
    times = [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12]
    path = write(czi, tmp_path / "a.czi", frames, lambda n: {"T": times[n], "C": 0, "Z": 0})
    assert "lacks frame 4 (counted from 0) and has later ones" in refused(path)


def test_one_frame(tmp_path, czi, frames):
    with open_movie(write(czi, tmp_path / "a.czi", frames[:1])) as movie:
        np.testing.assert_array_equal(movie.read(0, 1), frames[:1])


@pytest.mark.parametrize(
    ("planes", "words"),
    [
        (lambda number: {"T": number // 2, "C": number % 2, "Z": 0}, "(time: 6, channels: 2)"),
        (lambda number: {"T": number // 2, "C": 0, "Z": number % 2}, "(time: 6, slices: 2)"),
        (lambda number: {"T": 0, "C": 0, "Z": number}, "(slices: 12)"),
    ],
)
def test_other_axes_are_refused(tmp_path, czi, frames, planes, words):
    said = refused(write(czi, tmp_path / "a.czi", frames, planes))
    assert words in said
    assert "export one channel, slice and position as a movie of its own" in said


def test_scenes_are_refused(tmp_path, czi, frames):
    path = tmp_path / "a.czi"
    with czi.create_czi(str(path)) as file:
        for number, frame in enumerate(frames):
            plane = {"T": number // 2, "C": 0, "Z": 0}
            where = (100 * (number % 2), 0)
            file.write(frame[..., None], plane=plane, scene=number % 2, location=where)
    assert "(time: 6, positions: 2)" in refused(path)


def test_colour_is_refused(tmp_path, czi):
    path = write(czi, tmp_path / "a.czi", np.zeros((3, 20, 24, 3), np.uint8))
    assert "has pixels of the kind Bgr24, not grey values" in refused(path)


def test_a_size_that_is_not_there(tmp_path, czi, frames):
    with open_movie(write(czi, tmp_path / "a.czi", frames, size=0)) as movie:
        assert (movie.meta, movie.notes) == ({}, [])
    with open_movie(write(czi, tmp_path / "a.czi", frames, size=1e-6)) as movie:
        assert movie.meta == {}
        assert "not believable" in movie.notes[0]


def test_damaged_files(tmp_path, czi, frames):
    path = write(czi, tmp_path / "a.czi", frames)
    whole = path.read_bytes()
    for length in (10, 600, len(whole) // 2, len(whole) - 300):
        path.write_bytes(whole[:length])
        assert "cannot be read as a .czi" in refused(path)
    path.write_bytes(b"text")
    assert "cannot be read as a .czi" in refused(path)
    path.write_bytes(b"")
    assert "is empty" in refused(path)
