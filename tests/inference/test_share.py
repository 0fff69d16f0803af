"""Chunks that others localise make the table that this process would have made."""

from __future__ import annotations

import os
import pickle
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

import truevar
from truevar.calibration.imaging_setup import Setup
from truevar.camera import SCMOS
from truevar.cli import main
from truevar.errors import UserError
from truevar.inference import chunks, gather, processes
from truevar.inference.helpers import TRIES
from truevar.model.weights import available_models
from truevar.simulation.scenes import simulate

pytestmark = pytest.mark.skipif(not available_models(), reason="no model came with the package")

GIVEN = {"pixel_size": 100, "psf_sigma": 130, "camera": SCMOS}
OPTIONS = (
    "--pixel-size 100 --psf-sigma 130 --baseline 100 --e-per-adu 0.46 --read-noise 1.5 --quiet"
)


@pytest.fixture
def movie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Forty frames, three chunks of 16, 16 and 8."""
    monkeypatch.setattr(chunks, "_CHUNK_PIXELS", 1)
    path = tmp_path / "movie.npy"
    np.save(path, simulate("2d-scmos", 0.5, 40, 24, seed=5).frames())
    return path


def run(movie: Path, name: str, *options: str) -> int:
    return main(
        ["localize", str(movie), "-o", str(movie.with_name(name)), *OPTIONS.split(), *options]
    )


class Here:
    """Stands for processes: this one does all, the last chunk first."""

    def __init__(self, job, count):
        self.job = pickle.loads(pickle.dumps(job))
        self.asked: list[int] = []
        self.stop_after = 10

    def __enter__(self):
        return self

    def __exit__(self, *stopped):
        return None

    def finished(self, wanted, report):
        for number, frames in enumerate(reversed(list(wanted))):
            if number == self.stop_after:
                raise KeyboardInterrupt
            self.asked.append(frames.first)
            yield frames.first, frames.stop, self.job.localize(frames, report)


@pytest.mark.slow
def test_draws_are_the_same_in_whatever_order(movie: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = ["--samples", "2"]
    assert run(movie, "alone.csv", *more) == 0
    monkeypatch.setattr(gather, "Processes", Here)
    assert run(movie, "shared.csv", "--workers", "2", *more) == 0
    alone, shared = (movie.with_name(name) for name in ("alone.csv", "shared.csv"))
    assert alone.read_bytes() == shared.read_bytes()


def test_a_long_movie_is_shared_unasked(movie: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Counted(Here):
        def __init__(self, job, count):
            super().__init__(job, count)
            asked.append(count)

    monkeypatch.setattr(gather, "Processes", Counted)
    assert run(movie, "alone.csv") == 0
    assert not asked, "three chunks are too few"
    monkeypatch.setattr(processes, "CHUNKS_EACH", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert run(movie, "shared.csv") == 0
    assert run(movie, "told.csv", "--workers", "1") == 0
    truevar.localize(movie, **GIVEN)
    assert asked == [2], "not where one is asked for, nor unasked from Python"
    alone, shared = (movie.with_name(name) for name in ("alone.csv", "shared.csv"))
    assert alone.read_bytes() == shared.read_bytes()


def test_no_more_processes_than_pay_off(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = {"SC_PHYS_PAGES": 1 << 24, "SC_PAGE_SIZE": 1 << 12}
    monkeypatch.setattr(os, "sysconf_names", memory, raising=False)
    monkeypatch.setattr(os, "sysconf", memory.__getitem__, raising=False)
    assert [processes.worth_starting(n, 4) for n in (1, 3, 4, 8, 100)] == [1, 1, 2, 4, 4]
    assert processes.worth_starting(100, 1) == 1
    assert processes.worth_starting(100, 64) == processes.MOST
    memory["SC_PHYS_PAGES"] = 1 << 20  # 4 GB
    assert processes.worth_starting(100, 64) == 2
    memory.clear()
    assert processes.worth_starting(100, 64) == processes.MOST // 2


def test_what_is_said_is_the_same(movie: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Warnings come in the order of the frames; the check of the table is made."""
    model = truevar.load_model()
    model.domain["density_per_px"] = (0.0, 1e-4)
    monkeypatch.setattr(gather, "Processes", Here)
    tables, seen = [], []
    for workers in (1, 2):
        numbers: list[tuple[int, int, int]] = []
        with pytest.warns(truevar.TrueVARWarning, match=r"emitters per px in frames 0 to"):
            tables.append(
                truevar.localize(
                    movie,
                    model=model,
                    workers=workers,
                    **GIVEN,
                    progress=lambda *now, numbers=numbers: numbers.append(now),
                )
            )
        seen.append(numbers[-1])
    assert seen[0] == seen[1] == (40, 40, len(tables[0]))
    for name in tables[0]:
        np.testing.assert_array_equal(tables[0][name], tables[1][name])
    metas = [{k: v for k, v in table.meta.items() if k != "seconds"} for table in tables]
    assert metas[0] == metas[1]
    assert "fit" in metas[0]


def test_a_stopped_run_goes_on_with_and_without_others(
    movie: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(movie, "whole.csv") == 0

    class Stopping(Here):
        def __init__(self, job, count):
            super().__init__(job, count)
            self.stop_after = 1

    with monkeypatch.context() as patch:
        patch.setattr(gather, "Processes", Stopping)
        assert run(movie, "it.csv", "--workers", "2") == 130
        assert "frames 32 to 39 are done; go on with --resume" in capsys.readouterr().err
        assert run(movie, "it.csv", "--workers", "2", "--resume") == 130
        assert "frames 16 to 39 are done" in capsys.readouterr().err
    assert run(movie, "it.csv", "--resume") == 0
    assert movie.with_name("it.csv").read_bytes() == movie.with_name("whole.csv").read_bytes()


def test_frames_that_cannot_be_used_leave_what_was_before_them(
    movie: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = np.load(movie).astype(np.float32)
    frames[37, 3, 3] = np.nan
    np.save(movie, frames)
    monkeypatch.setattr(gather, "Processes", Here)
    monkeypatch.setattr("truevar.inference.asked.find_setup", _setup)
    assert run(movie, "it.csv", "--workers", "2") == 2
    said = capsys.readouterr().err
    assert "frame 37" in said
    assert "(frames 0 to 31 are done; then go on with --resume)" in said


def _setup(*_: object) -> Setup:
    """Without a look at the bad frame."""
    return Setup(100.0, 130.0, truevar.Camera(100.0, 0.46, 1.0, 1.5))


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="kills by signal")
def test_processes_make_the_same_table_though_one_is_killed(
    movie: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As many as each of the two has: the seventh digit may depend on it.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    assert run(movie, "alone.csv") == 0
    torch.set_num_threads(threads)
    monkeypatch.setattr(processes.torch, "get_num_threads", lambda: 2)
    killed = []
    answers = processes._Process.answers

    def killing(self, frames):
        for answer in answers(self, frames):
            if frames.first == 16 and not killed:
                killed.append(self._running.pid)
                os.kill(self._running.pid, signal.SIGKILL)
            yield answer

    monkeypatch.setattr(processes._Process, "answers", killing)
    assert run(movie, "shared.csv", "--workers", "2") == 0
    assert len(killed) == 1
    alone, shared = (movie.with_name(name) for name in ("alone.csv", "shared.csv"))
    assert alone.read_bytes() == shared.read_bytes()


def test_one_that_always_ends_is_told(movie: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    def answers(self, frames):
        started.append(frames.first)
        raise EOFError
        yield

    monkeypatch.setattr(processes._Process, "answers", answers)
    with pytest.raises(UserError, match=f"ended {TRIES} times .* frames 0 to 15; .* fewer workers"):
        truevar.localize(movie, workers=2, **GIVEN)
    assert started.count(0) == TRIES


def test_an_error_in_a_process_is_raised_here(
    movie: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said: tuple[object, ...] = ("failed", "RuntimeError: can't allocate memory: you tried")

    def answers(self, frames):
        yield said

    monkeypatch.setattr(processes._Process, "answers", answers)
    assert run(movie, "it.csv", "--workers", "2") == 1
    assert "out of memory" in capsys.readouterr().err
    said = ("refused", UserError("no such thing"))
    assert run(movie, "it.csv", "--workers", "2") == 2
    assert "no such thing" in capsys.readouterr().err


def test_numbers_of_machines_that_cannot_be(movie: Path) -> None:
    for wrong in ({"workers": 0}, {"workers": True}, {"workers": "2"}, {"scheduler": 5}):
        with pytest.raises(UserError, match=next(iter(wrong))):
            truevar.localize(movie, **wrong)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="give one of the two"):
        truevar.localize(movie, workers=2, scheduler="tcp://a:1")
