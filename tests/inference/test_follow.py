"""A movie that is localised while it is written has the table of one that is localised after."""

from __future__ import annotations

import re
import threading
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import tifffile

import truevar
from truevar.cli import main
from truevar.inference import chunks, follow
from truevar.inference.journal import Journal, folder_of
from truevar.io.movies import growing
from truevar.model.weights import available_models
from truevar.simulation.scenes import simulate

pytestmark = pytest.mark.skipif(not available_models(), reason="no model came with the package")

CAMERA = ["--pixel-size", "100", "--baseline", "100", "--e-per-adu", "0.46", "--read-noise", "1.5"]
GIVEN = [*CAMERA, "--psf-sigma", "130"]


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return simulate("2d-scmos", 0.5, 44, 24, seed=6).frames()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three chunks of 16, 16 and 12 frames, and a look every other millisecond."""
    monkeypatch.setattr(chunks, "_CHUNK_PIXELS", 1)
    monkeypatch.setattr(growing, "POLL", 0.002)


class Microscope(threading.Thread):
    """Writes frames, the first after a while."""

    def __init__(self, path: Path, frames: np.ndarray, pause: float = 0.002):
        super().__init__()
        self.path, self.frames, self.pause = path, frames, pause
        self.halfway = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def run(self) -> None:
        time.sleep(0.05)
        if self.path.is_dir():
            for number, frame in enumerate(self.frames):
                tifffile.imwrite(self.path / f"img_{number}.tif", frame)
                self._wait(number)
            return
        with tifffile.TiffWriter(self.path) as file:
            for number, frame in enumerate(self.frames):
                file.write(frame, contiguous=False, metadata=None, photometric="minisblack")
                file.filehandle.flush()
                self._wait(number)

    def _wait(self, number: int) -> None:
        time.sleep(self.pause)
        if number == len(self.frames) // 2:
            self.halfway.set()
            self.go_on.wait(30)


def localize(movie: Path, output: Path, *options: str) -> int:
    return main(["localize", str(movie), "-o", str(output), *GIVEN, *options])


def side(path: Path) -> str:
    text = path.with_name(f"{path.name}.yaml").read_text(encoding="utf-8")
    return re.sub("seconds: .*", "", text).replace("followed", "after")


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_it_is_the_table_of_a_run_after_the_fact(
    tmp_path: Path, frames: np.ndarray, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    movie = tmp_path / ("movie.tif" if kind == "file" else "movie")
    if kind == "folder":
        movie.mkdir()
    microscope = Microscope(movie, frames)
    microscope.start()
    followed, after = tmp_path / "followed.csv", tmp_path / "after.csv"
    assert localize(movie, followed, "--follow", "0.5") == 0
    microscope.join()
    assert not folder_of(followed).exists()
    assert localize(movie, after) == 0
    assert followed.read_bytes() == after.read_bytes()
    assert side(followed) == side(after)
    assert len(truevar.read(after)) > 30
    first, *said = capsys.readouterr().err.splitlines()
    assert first.startswith(f"note: follows {movie} until")
    assert len(said) == 2 * len(set(said))  # nothing is told twice


def test_chunks_are_done_while_it_is_written_and_ctrl_c_ends_it(
    tmp_path: Path, frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    movie, followed, after = (tmp_path / name for name in ("m.tif", "followed.csv", "after.csv"))
    microscope = Microscope(movie, frames)
    microscope.go_on.clear()
    microscope.start()
    done = []
    add = Journal.add

    def adding(self, first, stop, chunk):
        done.append((first, stop, microscope.halfway.is_set(), microscope.go_on.is_set()))
        add(self, first, stop, chunk)

    def interrupted(quiet):
        """A Ctrl-C when a chunk is done and the microscope pauses."""
        return nullcontext(lambda: bool(done) and microscope.halfway.is_set())

    monkeypatch.setattr(Journal, "add", adding)
    monkeypatch.setattr("truevar.commands.localize.first_interrupt", interrupted)
    try:
        assert localize(movie, followed, "--quiet", "--follow", "60") == 0
        assert [one[:2] for one in done[:1]] == [(0, 16)]
        assert not any(one[3] for one in done)  # all of it while the movie was open
    finally:
        microscope.go_on.set()
        microscope.join()
    end = truevar.read(followed).meta["frame_range"][1]
    assert 16 <= end <= 23
    assert localize(movie, after, "--frames", f"0:{end}", "--no-refine") == 0
    found, whole = truevar.read(followed), truevar.read(after)
    assert set(found.frame) == set(whole.frame)


def test_a_run_that_was_killed_goes_on_with_or_without_following(
    tmp_path: Path, frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    movie, after = tmp_path / "m.tif", tmp_path / "after.csv"
    tifffile.imwrite(movie, frames, photometric="minisblack")
    assert localize(movie, after, "--quiet") == 0
    for more in ([], ["--follow", "0.1"]):
        followed = tmp_path / "followed.csv"
        with monkeypatch.context() as patch:
            patch.setattr(follow, "gather", _killed)
            assert localize(movie, followed, "--quiet", "--follow", "0.1") == 130
        assert len(list(folder_of(followed).glob("*.npz"))) == 3
        with monkeypatch.context() as patch:
            patch.setattr("truevar.inference.gather.localize_chunk", _killed)
            patch.setattr(follow, "localize_incoming", _only_the_last)
            assert localize(movie, followed, "--quiet", "--resume", *more) == 0
        assert followed.read_bytes() == after.read_bytes()
        assert side(followed) == side(after)
        for path in tmp_path.glob("followed.csv*"):
            path.unlink()


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


_whole = follow.localize_incoming


def _only_the_last(engine, incoming, first, stop, refine_to):
    assert first == 32  # for nobody knew that it was complete
    return _whole(engine, incoming, first, stop, refine_to)


@pytest.mark.slow
def test_what_is_estimated_is_from_the_first_frames_and_said(
    tmp_path: Path, frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    movie, followed, after = (tmp_path / name for name in ("m.tif", "followed.csv", "after.csv"))
    tifffile.imwrite(movie, frames, photometric="minisblack")
    monkeypatch.setattr("truevar.calibration.imaging_setup._SAMPLE_PIXELS", 20 * 24 * 24)
    options = ["localize", str(movie), *CAMERA, "--quiet", "-o"]
    assert main([*options, str(followed), "--follow", "0.1"]) == 0
    meta = truevar.read(followed).meta
    assert any("first frames; all 44 say a PSF of" in note for note in meta["notes"])
    again = ["localize", str(movie), "--quiet", "--camera", f"{followed}.yaml", "-o", str(after)]
    assert main(again) == 0
    assert followed.read_bytes() == after.read_bytes()


def test_what_cannot_be_followed_is_told(
    tmp_path: Path,
    frames: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    np.save(tmp_path / "m.npy", frames)
    tifffile.imwrite(tmp_path / "m.tif", frames, photometric="minisblack")
    (tmp_path / "text.tif").write_text("no TIFF at all")
    (tmp_path / "empty").mkdir()

    def interrupted(quiet):
        end = time.monotonic() + 0.3
        return nullcontext(lambda: time.monotonic() > end)

    monkeypatch.setattr("truevar.commands.localize.first_interrupt", interrupted)
    for movie, options, said in (
        ("m.npy", [], "leave out --follow and wait until it is complete"),
        ("text.tif", [], "is no TIFF"),
        ("absent", [], "make it before the microscope writes"),
        ("absent.tif", [], "no frame came into"),
        ("empty", [], "no frame came into"),
        ("m.tif", ["--frames", "50:"], "give --follow 60 for a longer time"),
        ("m.tif", ["--workers", "2"], "leave out --workers or --follow"),
        ("m.tif", ["--axes", "tyx"], "--axes is for arrays"),
    ):
        output = tmp_path / "e.csv"
        assert localize(tmp_path / movie, output, "--quiet", "--follow", "0.05", *options) == 2
        line = capsys.readouterr().err
        assert said in line, line
        assert line.count("\n") == 1
        assert not folder_of(output).exists()
    assert main(["localize", "--follow", str(tmp_path / "m.tif"), "-o", "e.csv"]) == 2
    assert "give it before --follow" in capsys.readouterr().err
