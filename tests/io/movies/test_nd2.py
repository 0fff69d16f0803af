"""Nikon's files: through a stand-in for the package nd2, and through itself where it is there."""

import struct
import types
from collections import namedtuple

import numpy as np
import pytest

from truevar.errors import UserError
from truevar.io.movies.movie import open_movie

Voxel = namedtuple("Voxel", "x y z")


class StandIn:
    """What is used of ``nd2.ND2File``, as the package documents it."""

    closed = 0

    def __init__(self, path):
        self.path = path
        self.sizes = {"T": 12, "Y": 20, "X": 24}
        self.dtype = np.dtype(np.uint16)
        self.attributes = types.SimpleNamespace(sequenceCount=12)
        self.is_rgb = False
        self.frames = np.random.default_rng(0).integers(0, 60000, (12, 20, 24)).astype(np.uint16)
        self.read = []
        self.change()

    def change(self):
        pass

    def voxel_size(self):
        return Voxel(0.108, 0.108, 1.0)

    def read_frame(self, number):
        self.read.append(number)
        return self.frames[number]

    def close(self):
        type(self).closed += 1


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """(class to open with, path)."""
    (tmp_path / "a.nd2").write_bytes(b"\xda\xce\xbe\x0a and more")
    kind = type("Reader", (StandIn,), {})
    module = types.SimpleNamespace(ND2File=kind)
    monkeypatch.setattr("truevar.io.extras.import_module", lambda name: module)
    return kind, tmp_path / "a.nd2"


def test_frames_are_read_when_asked_for(stand_in):
    kind, path = stand_in
    with open_movie(path) as movie:
        file = movie._source._frame.__self__
        assert movie.shape == (12, 20, 24)
        assert movie.meta == {"pixel_size": pytest.approx(108)}
        assert (movie.notes, movie.warnings, file.read) == ([], [], [])
        np.testing.assert_array_equal(movie.read(4, 6), file.frames[4:6])
        assert file.read == [4, 5]
        movie.close()
    assert kind.closed == 1
    with open_movie(path, frames=(2, 9), roi=(1, 20, 2, 19)) as movie:
        np.testing.assert_array_equal(movie.read(0, 7), file.frames[2:9, 2:19, 1:20])


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"T": 12, "C": 2, "Y": 20, "X": 24}, "(time: 12, channels: 2)"),
        ({"T": 12, "Z": 3, "Y": 20, "X": 24}, "(time: 12, slices: 3)"),
        ({"P": 12, "Y": 20, "X": 24}, "(positions: 12)"),
        ({"Z": 12, "Y": 20, "X": 24}, "(slices: 12)"),
        ({"C": 2, "Y": 20, "X": 24}, "(channels: 2)"),
        ({"T": 12, "Y": 20, "X": 24, "S": 3}, "is in colour"),
    ],
)
def test_other_axes_are_refused(stand_in, sizes, words):
    kind, path = stand_in
    kind.change = lambda file: setattr(file, "sizes", sizes)
    with pytest.raises(UserError) as caught:
        open_movie(path)
    assert words in str(caught.value)
    assert "export one channel, slice and position as a movie of its own" in str(caught.value)
    assert kind.closed == 1


def test_a_recording_that_was_ended_early(stand_in):
    kind, path = stand_in
    kind.change = lambda file: file.sizes.update(T=20)
    with open_movie(path) as movie:
        assert len(movie) == 12
        assert movie.notes == ["the file announces 20 frames and holds 12"]


def test_frames_without_a_plan(stand_in):
    kind, path = stand_in
    kind.change = lambda file: file.sizes.pop("T")
    with open_movie(path) as movie:
        assert len(movie) == 12


def test_a_size_never_calibrated(stand_in):
    kind, path = stand_in
    kind.voxel_size = lambda file: Voxel(1.0, 1.0, 1.0)
    with open_movie(path) as movie:
        assert movie.meta == {}
        assert "not believable" in movie.notes[0]
    kind.voxel_size = lambda file: Voxel(0.0, 0.0, 0.0)
    with open_movie(path) as movie:
        assert (movie.meta, movie.notes) == ({}, [])


def test_a_frame_that_is_damaged(stand_in):
    kind, path = stand_in

    def damaged(file, number):
        raise ValueError("bad\nchunk")

    kind.read_frame = damaged
    with open_movie(path) as movie:
        words = r"^frames 3 to 3 of .*a.nd2 cannot be read \(bad chunk\); copy the file again"
        with pytest.raises(UserError, match=words):
            movie.read(3, 5)


@pytest.mark.parametrize("error", [ValueError("bad\nhead"), OSError("not recognized"), KeyError(1)])
@pytest.mark.parametrize("where", ["__init__", "is_rgb"])
def test_a_file_that_is_damaged(stand_in, error, where):
    kind, path = stand_in

    def damaged(*_):
        raise error

    kind.change = lambda file: None
    if where == "__init__":
        kind.change = damaged
    else:
        kind.is_rgb = property(damaged, lambda *_: None)
    with pytest.raises(UserError, match=r"a.nd2 cannot be read as an .nd2 \(") as caught:
        open_movie(path)
    assert "\n" not in str(caught.value)
    assert kind.closed == (where != "__init__")


def test_odd_metadata_are_no_reason_not_to_read(stand_in):
    kind, path = stand_in
    kind.voxel_size = lambda file: 1 / 0
    with open_movie(path) as movie:
        assert (len(movie), movie.meta) == (12, {})


@pytest.fixture
def nd2():
    return pytest.importorskip("nd2", reason='needs nd2: pip install "truevar[nd2]"')


def variant(**values):
    """NIS-Elements' XML of a few values: those in a dict are inside of it."""

    def node(name, value):
        if isinstance(value, dict):
            inside = "".join(node(*pair) for pair in value.items())
            return f'<{name} runtype="CLxListVariant">{inside}</{name}>'
        kind = {bool: "bool", int: "lx_uint32", float: "double", str: "CLxStringW"}[type(value)]
        said = str(value).lower() if kind == "bool" else value
        return f'<{name} runtype="{kind}" value="{said}"/>'

    return f'<variant version="1.0">{node("no_name", values)}</variant>'.encode()


def write(path, frames, times=None, pixel_size=0.108, planes=1):
    """A file of version 2.1, as NIS-Elements 4 wrote them: chunks, and where each lies."""
    count, height, width = frames.shape
    attributes = variant(
        uiWidth=width,
        uiWidthBytes=2 * width,
        uiHeight=height,
        uiComp=1,
        uiBpcInMemory=16,
        uiBpcSignificant=16,
        uiSequenceCount=count,
        eCompression=2,
    )
    probe = {"m_sName": "AF647"}
    plane = {"sDescription": "A", "uiColor": 255, "uiCompCount": 1, "pFluorescentProbe": probe}
    picture = variant(
        bCalibrated=True,
        dCalibration=pixel_size,
        sPicturePlanes={
            "uiCount": planes,
            "uiCompCount": planes,
            "sPlane": {f"a{number}": plane for number in range(planes)},
        },
    )
    loop = {"uiCount": times or count, "dStart": 0.0, "dPeriod": 10.0, "dDuration": 0.0}
    chunks = {
        "ImageAttributes!": attributes,
        "ImageMetadataSeq|0!": picture,
        "ImageMetadata!": variant(eType=1, uLoopPars=loop),
    }
    for number, frame in enumerate(frames):
        chunks[f"ImageDataSeq|{number}!"] = bytes(8) + frame.tobytes()
    magic, room = 0x0ABECEDA, 4072
    text = struct.pack("<IIQ32s64s", magic, 32, 64, b"ND2 FILE SIGNATURE CHUNK NAME01!", b"Ver2.1")
    places = b""
    for name, content in chunks.items():
        places += name.encode() + struct.pack("<QQ", len(text), len(content))
        head = struct.pack("<IIQ", magic, room, len(content))
        text += head + name.encode().ljust(room, b"\0") + content
    last = b"ND2 CHUNK MAP SIGNATURE 0000001!" + struct.pack("<Q", len(text))
    name = b"ND2 FILEMAP SIGNATURE NAME 0001!"
    text += struct.pack("<IIQ", magic, len(name), len(places + last)) + name + places + last
    path.write_bytes(text)
    return path


def test_the_package_itself(tmp_path, nd2):
    frames = np.random.default_rng(0).integers(0, 60000, (12, 20, 24)).astype(np.uint16)
    path = write(tmp_path / "a.nd2", frames)
    with open_movie(path) as movie:
        assert movie.shape == (12, 20, 24)
        assert movie.dtype == np.uint16
        assert movie.meta == {"pixel_size": pytest.approx(108)}
        assert (movie.notes, movie.warnings) == ([], [])
        np.testing.assert_array_equal(movie.read(0, 12), frames)
        np.testing.assert_array_equal(movie.read(5, 7), frames[5:7])
    with open_movie(path, frames=(2, 9), roi=(1, 20, 2, 19)) as movie:
        np.testing.assert_array_equal(movie.read(0, 7), frames[2:9, 2:19, 1:20])
    with open_movie(write(tmp_path / "b.nd2", frames, times=30)) as movie:
        assert (len(movie), movie.notes) == (12, ["the file announces 30 frames and holds 12"])
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UserError, match="a.nd2 cannot be read as an .nd2"):
        open_movie(path)


@pytest.mark.usefixtures("nd2")
def test_what_the_package_itself_refuses(tmp_path):
    for content in (
        b"text",
        b"\xda\xce\xbe\x0a" + bytes(999),
        b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(9),
    ):
        (tmp_path / "a.nd2").write_bytes(content)
        with pytest.raises(UserError, match="a.nd2 cannot be read as an .nd2") as caught:
            open_movie(tmp_path / "a.nd2")
        assert "\n" not in str(caught.value)
