import re

import numpy as np
import pytest

from truevar.errors import UserError
from truevar.io.movies.movie import check_values, open_movie


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(1, 60000, (10, 20, 24)).astype(np.uint16)


def refused(source, **options):
    with pytest.raises(UserError) as caught:
        open_movie(source, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_arrays(frames):
    with open_movie(frames) as movie:
        assert (movie.shape, len(movie), movie.name, movie.path) == (
            (10, 20, 24),
            10,
            "array",
            None,
        )
        block = movie.read(2, 5)
        np.testing.assert_array_equal(block, frames[2:5])
        block[:] = 0  # a copy: the caller's array stays as it was
        assert frames[2:5].min() > 0
    assert open_movie(frames[0]).shape == (1, 20, 24)
    assert open_movie(frames.astype(">u2")).dtype.isnative


def test_a_path_as_text_or_path(tmp_path, frames):
    np.save(tmp_path / "a.npy", frames)
    for path in (tmp_path / "a.npy", str(tmp_path / "a.npy")):
        with open_movie(path) as movie:
            assert (movie.name, movie.path) == ("a.npy", tmp_path / "a.npy")


def test_other_types_are_a_programming_error():
    with pytest.raises(TypeError):
        open_movie(3)


def test_frames_and_region(frames):
    with open_movie(frames, frames=(3, 8), roi=(4, 24, 2, 18)) as movie:
        assert movie.shape == (5, 16, 20)
        assert (movie.first_frame, movie.x0, movie.y0) == (3, 4, 2)
        np.testing.assert_array_equal(movie.read(0, 5), frames[3:8, 2:18, 4:24])
        with pytest.raises(IndexError):
            movie.read(-1, 2)
    assert len(open_movie(frames, frames=(None, 4))) == 4
    assert len(open_movie(frames, frames=(4, None))) == 6
    assert open_movie(frames, roi=(None, 17, None, None)).shape == (10, 20, 17)


def test_more_frames_than_there_are(frames):
    movie = open_movie(frames, frames=(5, 100))
    assert len(movie) == 5
    assert "the movie has 10" in movie.notes[0]


@pytest.mark.parametrize("wanted", [(5, 5), (6, 5), (10, 20), (-3, 5)])
def test_empty_ranges(frames, wanted):
    assert f"no frames {wanted[0]}:{wanted[1]}" in refused(frames, frames=wanted)


@pytest.mark.parametrize("roi", [(0, 25, 0, 20), (-1, 20, 0, 20), (20, 4, 0, 20), (0, 20, 0, 21)])
def test_regions_outside(frames, roi):
    assert "is not in array" in refused(frames, roi=roi)


def test_regions_too_small(frames):
    assert "too small" in refused(frames, roi=(0, 15, 0, 20))


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((3, 15, 40)), "at least 16 x 16"),
        (np.zeros((3, 40, 15)), "at least 16 x 16"),
        (np.zeros((0, 20, 20)), "no frames"),
        (np.zeros((2, 2, 20, 20)), "4 axes"),
        (np.zeros(400), "1 axes"),
        (np.zeros((2, 20, 20), complex), "complex"),
        (np.zeros((2, 20, 20), bool), "boolean"),
        (np.zeros((2, 20, 20), object), "object"),
    ],
)
def test_arrays_that_are_no_movie(array, words):
    assert words in refused(array)


def test_files_that_are_no_movie(tmp_path):
    assert "there is no file" in refused(tmp_path / "no.tif")
    assert "holds no TIFF" in refused(tmp_path)
    for ending in (".tif", ".npy", ".raw", ".dax", ".mat", ".npz", ".txt"):
        (tmp_path / f"empty{ending}").touch()
        assert "is empty" in refused(tmp_path / f"empty{ending}")
    (tmp_path / "a.avi").write_bytes(b"RIFF")
    assert "known are .tif" in refused(tmp_path / "a.avi")
    (tmp_path / "a.tif").write_bytes(b"some text")
    assert "whatever its name says" in refused(tmp_path / "a.tif")
    refused("a\0b.tif")
    # Said once: a UserError is a ValueError, which reading turns into one.
    assert refused(tmp_path / "no.tif") == f"there is no file {tmp_path / 'no.tif'}"


def test_the_content_decides(tmp_path, frames):
    np.save(tmp_path / "a.npy", frames)
    (tmp_path / "a.npy").rename(tmp_path / "movie.data")
    with open_movie(tmp_path / "movie.data") as movie:
        assert movie.shape == frames.shape


def test_values_that_are_no_numbers():
    block = np.zeros((4, 3, 3), np.float32)
    check_values(block)
    check_values(np.zeros((4, 3, 3), np.uint16))
    for bad in (np.nan, np.inf):
        block[2, 1, 1] = bad
        with pytest.raises(UserError, match=re.escape("frame 102 (counted from 0)")):
            check_values(block, 100)


def test_empty_movies(frames):
    open_movie(frames).check_not_empty()
    with pytest.raises(UserError, match="every pixel of the movie array is zero"):
        open_movie(0 * frames).check_not_empty()
    open_movie(0 * frames[:1] + 1).check_not_empty()


def test_close_may_be_called_twice(tmp_path, frames):
    np.save(tmp_path / "a.npy", frames)
    movie = open_movie(tmp_path / "a.npy")
    movie.read(0, 1)
    movie.close()
    movie.close()
    (tmp_path / "a.npy").unlink()  # Windows refuses this while the file is open


def test_neighbours_of_a_range(frames):
    with open_movie(frames, frames=(3, 8), roi=(4, 24, 2, 18)) as movie:
        before, after = movie.neighbours()
        np.testing.assert_array_equal(before, frames[2:3, 2:18, 4:24])
        np.testing.assert_array_equal(after, frames[8:9, 2:18, 4:24])
        before, after = movie.neighbours(4)
        np.testing.assert_array_equal(before, frames[:3, 2:18, 4:24])
        np.testing.assert_array_equal(after, frames[8:12, 2:18, 4:24])
    assert [len(side) for side in open_movie(frames).neighbours(2)] == [0, 0]
    assert len(open_movie(frames, frames=(0, 9)).neighbours()[0]) == 0
    assert len(open_movie(frames, frames=(1, 10)).neighbours()[1]) == 0


def test_a_bad_frame_beside_a_range_is_no_neighbour(frames):
    bad = frames.astype(np.float32)
    bad[2, 3, 4] = np.nan
    before, after = open_movie(bad, frames=(3, 8)).neighbours()
    assert [len(before), len(after)] == [0, 1]
    before, after = open_movie(bad, frames=(4, 8)).neighbours(2)
    assert [len(before), len(after)] == [1, 2]


def test_light_in_every_other_frame_is_enough():
    frames = np.zeros((15, 16, 16), np.uint16)
    frames[1::2] = 7
    open_movie(frames).check_not_empty()


def test_values_beyond_any_camera(frames):
    block = frames.astype(np.float64)
    check_values(block)
    check_values((block / 2).astype(np.float16))
    block[4, 0, 0] = -1e30
    with pytest.raises(UserError, match="frame 14 .* beyond"):
        check_values(block, 10)
