"""Micro-Manager's stacks and NDTiff, written here as their formats are described.

https://micro-manager.org/Micro-Manager_File_Formats, https://github.com/micro-manager/NDTiffStorage
"""

import json
import struct

import numpy as np
import pytest

from truevar.errors import UserError
from truevar.io.movies.movie import open_movie


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 60000, (15, 20, 24)).astype(np.uint16)


_TEXT = b'{"a": 1}\0\0'


def page(frame, offset, last):
    """A directory of thirteen tags, its pixels right behind it, two fractions and a text."""
    height, width = frame.shape
    data = offset + 2 + 12 * 13 + 4
    fractions = data + frame.nbytes
    end = fractions + 16 + len(_TEXT)
    tags = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, 16),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, data),
        (277, 3, 1),
        (278, 4, height),
        (279, 4, frame.nbytes),
        (282, 5, fractions),
        (283, 5, fractions + 8),
        (296, 3, 3),
        (51123, 2, fractions + 16),
    ]
    said = b"".join(
        struct.pack("<HHII", code, kind, len(_TEXT) if kind == 2 else 1, value)
        for code, kind, value in tags
    )
    text = struct.pack("<H", 13) + said + struct.pack("<I", 0 if last else end)
    return text + frame.tobytes() + struct.pack("<4I", 1, 1, 1, 1) + _TEXT, data, end


def stack(path, frames, places, **summary):
    """A Micro-Manager stack: ``places`` are (channel, slice, frame, position) of every frame."""
    said = {"MicroManagerVersion": "1.4.22", "Prefix": "m", "PixelSize_um": 0.107, **summary}
    summary = json.dumps(said).encode()
    begin = 40 + len(summary)
    body, offsets, offset = b"", [], begin
    for number, frame in enumerate(frames):
        text, _, end = page(frame, offset, number == len(frames) - 1)
        offsets.append(offset)
        body, offset = body + text, end
    index = struct.pack("<II", 3453623, len(frames))
    index += b"".join(
        struct.pack("<5I", *place, at) for place, at in zip(places, offsets, strict=True)
    )
    head = b"II*\0" + struct.pack("<I", begin)
    head += struct.pack("<6I", 54773648, offset, 0, 0, 0, 0)
    head += struct.pack("<II", 2355492, len(summary)) + summary
    path.write_bytes(head + body + index)
    return path


def ndtiff(folder, frames, axes, size, **summary):
    """An NDTiff: ``axes`` are those of every frame, ``size`` the frames in a file."""
    folder.mkdir()
    said = json.dumps({"PixelSize_um": 0.107, **summary}).encode()
    index = b""
    for number, first in enumerate(range(0, len(frames), size)):
        name = f"NDTiffStack{'' if number == 0 else f'_{number}'}.tif"
        begin = 28 + len(said)
        body, offset = b"", begin
        part = frames[first : first + size]
        for place, frame in enumerate(part):
            text, data, offset = page(frame, offset, place == len(part) - 1)
            body += text
            where = json.dumps(axes[first + place]).encode()
            index += struct.pack("<I", len(where)) + where
            index += struct.pack("<I", len(name)) + name.encode()
            index += struct.pack("<IiiiiIii", data, frame.shape[1], frame.shape[0], 1, 0, 0, 0, 0)
        head = b"II*\0" + struct.pack("<I", begin)
        head += struct.pack("<5I", 483729, 3, 3, 2355492, len(said)) + said
        (folder / name).write_bytes(head + body)
    (folder / "NDTiff.index").write_bytes(index)
    return folder


def refused(source):
    with pytest.raises(UserError) as caught:
        open_movie(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def stacks(folder, frames, sizes=(6, 6, 3), **summary):
    folder.mkdir()
    first = 0
    for number, size in enumerate(sizes):
        name = f"m_MMStack_Pos0{'' if number == 0 else f'_{number}'}.ome.tif"
        places = [(0, 0, t, 0) for t in range(first, first + size)]
        part = frames[first : first + size]
        stack(folder / name, part, places, **{"Frames": len(frames), **summary})
        first += size
    return folder


def test_stacks_in_several_files(tmp_path, frames):
    folder = stacks(tmp_path / "movie", frames)
    names = sorted(folder.iterdir(), key=lambda path: path.name)
    for source in (folder, names[-1], names[::-1]):
        with open_movie(source) as movie:
            assert movie.shape == (15, 20, 24)
            assert movie.meta["pixel_size"] == pytest.approx(107)
            assert (movie.notes, movie.warnings) == ([], [])
            np.testing.assert_array_equal(movie.read(0, 15), frames)
            np.testing.assert_array_equal(movie.read(5, 7), frames[5:7])


def test_a_stack_that_is_missing(tmp_path, frames):
    folder = stacks(tmp_path / "movie", frames)
    (folder / "m_MMStack_Pos0_1.ome.tif").unlink()
    assert "lacks frame 6; are all files of the movie in one folder?" in refused(folder)
    (folder / "m_MMStack_Pos0_2.ome.tif").unlink()
    with open_movie(folder) as movie:
        np.testing.assert_array_equal(movie.read(0, 99), frames[:6])
        assert "announces 15 frames and 6 were found: the recording" in movie.warnings[0]


@pytest.mark.parametrize(
    ("place", "summary", "words"),
    [
        (lambda n: (n % 3, 0, n // 3, 0), {"Channels": 3}, "time: 5, channels: 3"),
        (lambda n: (0, n % 3, n // 3, 0), {"Slices": 3}, "time: 5, slices: 3"),
        (lambda n: (0, n, 0, 0), {"Slices": 15}, "(slices: 15)"),
        (lambda n: (0, 0, 0, n), {"Positions": 15}, "(positions: 15)"),
    ],
)
def test_more_than_one_channel_slice_or_position(tmp_path, frames, place, summary, words):
    places = [place(number) for number in range(15)]
    count = len({place[2] for place in places})
    path = stack(tmp_path / "m_MMStack.tif", frames, places, Frames=count, **summary)
    said = refused(path)
    assert words in said
    assert "save one channel or slice as a movie of its own" in said


def at(number):
    return {"channel": "Default", "time": number, "position": 0, "z": 0}


def test_ndtiff(tmp_path, frames):
    folder = ndtiff(tmp_path / "movie", frames, [at(number) for number in range(15)], 6)
    (folder / "other.tif").write_bytes(b"no part of it")
    for source in (folder, folder / "NDTiffStack_1.tif"):
        with open_movie(source) as movie:
            assert movie.shape == (15, 20, 24)
            assert movie.meta["pixel_size"] == pytest.approx(107)
            np.testing.assert_array_equal(movie.read(0, 15), frames)
            np.testing.assert_array_equal(movie.read(4, 8), frames[4:8])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"channel": ["A", "B", "C"]}, "channels: 3"),
        ({"z": [0, 1, 2]}, "slices: 3"),
        ({"position": [0, 1, 2]}, "positions: 3"),
    ],
)
def test_ndtiff_of_more_than_one_channel_slice_or_position(tmp_path, frames, change, words):
    axes = [at(number // 3) for number in range(15)]
    for number, one in enumerate(axes):
        for axis, values in change.items():
            one[axis] = values[number % 3]
    said = refused(ndtiff(tmp_path / "movie", frames, axes, 20))
    assert words in said
    assert "time: 5" in said


def test_ndtiff_that_is_not_whole(tmp_path, frames):
    axes = [at(number) for number in range(15)]
    folder = ndtiff(tmp_path / "movie", frames, axes, 6)
    (folder / "NDTiffStack_1.tif").unlink()
    assert "lacks NDTiffStack_1.tif, which NDTiff.index names" in refused(folder)
    said = refused(folder / "NDTiffStack.tif")
    assert "names NDTiffStack_1.tif as a part of the movie, which is not beside it" in said
    (folder / "NDTiff.index").write_bytes(b"\x10")
    assert "NDTiff.index is damaged or names no frames" in refused(folder)
    other = ndtiff(tmp_path / "other", frames, axes[:7] + axes[8:] + [at(20)], 20)
    assert "lacks frame 7" in refused(other)
    cut = ndtiff(tmp_path / "cut", frames, axes, 20) / "NDTiffStack.tif"
    cut.write_bytes(cut.read_bytes()[:-2000])
    assert "is truncated" in refused(tmp_path / "cut")


@pytest.mark.parametrize("kind", ["stacks", "ndtiff"])
def test_damaged_bytes_never_escape(tmp_path, frames, kind):
    if kind == "stacks":
        folder = stacks(tmp_path / "movie", frames)
    else:
        folder = ndtiff(tmp_path / "movie", frames, [at(number) for number in range(15)], 6)
    whole = {path: path.read_bytes() for path in sorted(folder.iterdir())}
    rng = np.random.default_rng(2)
    refused_ones = 0
    for _ in range(80):
        path = list(whole)[rng.integers(len(whole))]
        damaged = bytearray(whole[path])
        for place in rng.integers(0, min(400, len(damaged)), 8):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            with open_movie(folder) as movie:
                movie.read(0, len(movie))
        except UserError:
            refused_ones += 1
        path.write_bytes(whole[path])
    assert refused_ones > 10
