import os

import numpy as np
import pytest
import tifffile

from truevar.errors import UserError
from truevar.io.movies import tiff_parts
from truevar.io.movies.movie import open_movie


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 60000, (15, 20, 24)).astype(np.uint16)


def write(path, frames, **options):
    tifffile.imwrite(path, frames, photometric="minisblack", metadata=None, ome=False, **options)
    return path


@pytest.fixture
def small_disk(tmp_path, frames, monkeypatch):
    """Files are full with six frames: as if programs began a new one there, not at 4 GiB."""
    size = write(tmp_path / "six.tif", frames[:6]).stat().st_size
    monkeypatch.setattr(tiff_parts, "_LIMITS", (size + 10,))


NAMES = [
    ("m.tif", "m_1.tif", "m_2.tif"),
    ("m.ome.tif", "m_1.ome.tif", "m_2.ome.tif"),
    ("a.b_3.TIFF", "a.b_3_1.TIFF", "a.b_3_2.TIFF"),
    ("m.tif", "m_X2.tif", "m_X3.tif"),
]


def split(folder, names, frames, step=6, **options):
    for number, name in enumerate(names):
        write(folder / name, frames[step * number : step * number + step], **options)
    return folder / names[0]


@pytest.mark.usefixtures("small_disk")
@pytest.mark.parametrize("names", NAMES)
def test_files_that_were_full_are_one_movie(tmp_path, frames, names):
    with open_movie(split(tmp_path, names, frames)) as movie:
        assert movie.shape == (15, 20, 24)
        assert movie.name == names[0]
        assert f"goes on in {names[1]} to {names[2]}: read as one, 15 frames" in movie.notes[0]
        assert movie.warnings == []
        np.testing.assert_array_equal(movie.read(0, 15), frames)
        np.testing.assert_array_equal(movie.read(5, 7), frames[5:7])
        np.testing.assert_array_equal(movie.read(12, 14), frames[12:14])
        movie.close()
    with open_movie(tmp_path / names[0], frames=(4, 13), roi=(1, 20, 2, 19)) as movie:
        np.testing.assert_array_equal(movie.read(0, 9), frames[4:13, 2:19, 1:20])
    os.remove(tmp_path / names[1])  # closed


@pytest.mark.parametrize("names", NAMES)
def test_solis_marks_the_parts_of_one_movie(tmp_path, frames, names):
    with open_movie(split(tmp_path, names, frames)) as movie:
        assert len(movie) == (15 if "_X" in names[1] else 6)


@pytest.mark.parametrize("names", NAMES[:3])
def test_files_that_were_not_full_are_not_joined(tmp_path, frames, names):
    with open_movie(split(tmp_path, names, frames)) as movie:
        np.testing.assert_array_equal(movie.read(0, 15), frames[:6])
        assert f"{names[1]} to {names[2]} beside {names[0]} may be a part" in movie.warnings[0]
        assert f"give all of them, in their order: {' '.join(names)}" in movie.warnings[0]
        assert movie.notes == []


@pytest.mark.usefixtures("small_disk")
@pytest.mark.parametrize(
    "change",
    ["more frames", "first not full", "second not full", "another pixel size", "cut", "big"],
)
@pytest.mark.parametrize("names", [NAMES[0], NAMES[3]])
def test_a_doubt_is_enough_not_to_join(tmp_path, frames, names, change):
    path = split(tmp_path, names, frames)
    paths = [tmp_path / name for name in names]
    many = np.concatenate([frames] * 2)
    if change == "more frames":
        write(paths[2], many[:7])
    elif change == "first not full":
        write(paths[0], frames[:3])
    elif change == "second not full":
        write(paths[1], frames[:3])
    elif change == "another pixel size":
        size = {"resolution": (1e5, 1e5), "resolutionunit": "CENTIMETER"}
        write(paths[0], frames[:6], **size)
        write(paths[2], frames[:3], resolution=(2e5, 2e5), resolutionunit="CENTIMETER")
    elif change == "cut":
        os.truncate(paths[2], paths[2].stat().st_size - 100)
    else:  # a BigTIFF is never full
        write(paths[0], frames[:6], bigtiff=True)
    with open_movie(path) as movie:
        solis = "_X" in names[1]
        fine = solis and change in ("big",)
        assert len(movie) == (15 if fine else 3 if change == "first not full" else 6)
        assert len(movie.warnings) == (0 if fine else 1)


@pytest.mark.parametrize("other", ["size", "type", "text", "colour", "gap"])
def test_files_that_are_no_parts_are_not_mentioned(tmp_path, frames, other):
    write(tmp_path / "m.tif", frames)
    path = tmp_path / ("m_3.tif" if other == "gap" else "m_1.tif")
    if other == "size":
        write(path, frames[:, :, :20])
    elif other == "type":
        write(path, frames.astype(np.float32))
    elif other == "text":
        path.write_text("no movie")
    elif other == "colour":
        tifffile.imwrite(path, np.zeros((20, 24, 3), np.uint16), photometric="rgb")
    else:
        write(path, frames)
    for name in ("m.tif", "m_9.tif", "n_1.tif"):
        if name != "m.tif":
            write(tmp_path / name, frames)
        with open_movie(tmp_path / name) as movie:
            assert (len(movie), movie.notes, movie.warnings) == (15, [], [])


def test_a_later_part_says_so(tmp_path, frames):
    split(tmp_path, NAMES[0], frames)
    for name in NAMES[0][1:]:
        with open_movie(tmp_path / name) as movie:
            assert f"{name} may be a later part of the movie m.tif" in movie.warnings[0]
            assert len(movie.warnings) == 1


def test_files_given_are_one_movie(tmp_path, frames):
    names = [tmp_path / name for name in ("z.tif", "k.tif", "a.npy")]
    write(names[0], frames[:6], resolution=(1e5, 1e5), resolutionunit="CENTIMETER")
    write(names[1], frames[6:7])
    np.save(names[2], frames[7:])
    with open_movie([names[0], str(names[1]), names[2]]) as movie:
        np.testing.assert_array_equal(movie.read(0, 15), frames)
        assert (movie.name, movie.path) == ("z.tif to a.npy", names[0])
        assert movie.meta == {"pixel_size": pytest.approx(100)}
        assert movie.notes == [
            "read as one movie, with so many frames each: z.tif (6), k.tif (1), a.npy (8)"
        ]
        assert movie.warnings == []


def test_parts_that_are_given_do_not_ask_for_each_other(tmp_path, frames):
    split(tmp_path, NAMES[0], frames)
    with open_movie([tmp_path / name for name in NAMES[0]]) as movie:
        assert (len(movie), movie.warnings) == (15, [])


def test_files_given_that_are_no_movie(tmp_path, frames):
    one, other = tmp_path / "a.tif", tmp_path / "b.tif"
    write(one, frames)
    write(other, frames[:, :18])
    for given, words in (
        ([one, other], "no parts of one movie: the frames are 24 x 20 px, uint16, and 24 x 18"),
        ([one, one], "given twice"),
        ([one, tmp_path / "c.tif"], "there is no file"),
    ):
        with pytest.raises(UserError, match=words) as caught:
            open_movie(given)
        assert "\n" not in str(caught.value)
    os.remove(one)  # closed
