"""A run that is stopped goes on with --resume and ends as if it had not been."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import truevar
from truevar.cli import main
from truevar.errors import UserError
from truevar.inference import chunks, gather
from truevar.model.weights import available_models

pytestmark = pytest.mark.skipif(not available_models(), reason="no model came with the package")

OPTIONS = ["--psf-sigma", "130", "--quiet"]


@pytest.fixture
def movie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Forty frames, three chunks of 16, 16 and 8."""
    monkeypatch.setattr(chunks, "_CHUNK_PIXELS", 1)
    path = tmp_path / "movie.tif"
    what = "--scene 2d-scmos --density 0.5 --frames 40 --size 24 --quiet"
    assert (
        main(["simulate", *what.split(), "-o", str(path), "--truth", str(tmp_path / "t.csv")]) == 0
    )
    return path


def run(movie: Path, output: Path, *options: str) -> int:
    return main(["localize", str(movie), "-o", str(output), *OPTIONS, *options])


def stopping_at(monkeypatch: pytest.MonkeyPatch, chunk: int, error: BaseException) -> None:
    """Let a run end as it comes to a chunk."""
    whole = gather.localize_chunk

    def some(engine, part, first, stop, refine_to):
        if first == 16 * chunk:
            raise error
        return whole(engine, part, first, stop, refine_to)

    monkeypatch.setattr(gather, "localize_chunk", some)


def test_a_stopped_run_ends_as_an_undisturbed_one(
    movie: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, stopped = movie.with_name("whole.csv"), movie.with_name("stopped.csv")
    assert run(movie, whole) == 0
    for chunk in (1, 2):
        with monkeypatch.context() as patch:
            stopping_at(patch, chunk, KeyboardInterrupt())
            assert run(movie, stopped, *(["--resume"] if chunk > 1 else [])) == 130
        said = capsys.readouterr().err
        assert f"frames 0 to {16 * chunk - 1} are done; go on with --resume" in said
        assert not stopped.exists()
    assert run(movie, stopped) == 2
    assert "add --resume to go on with it, or --overwrite" in capsys.readouterr().err
    with monkeypatch.context() as patch:
        # What is done is not done again.
        stopping_at(patch, 0, AssertionError())
        assert run(movie, stopped, "--resume") == 0
    assert stopped.read_bytes() == whole.read_bytes()
    assert not movie.with_name("stopped.csv.unfinished").exists()
    assert run(movie, stopped, "--resume") == 2
    assert "exists already" in capsys.readouterr().err


def test_other_options_do_not_go_on_with_it(
    movie: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = movie.with_name("e.csv")
    with monkeypatch.context() as patch:
        stopping_at(patch, 1, KeyboardInterrupt())
        run(movie, output)
    capsys.readouterr()
    assert run(movie, output, "--resume", "--min-prob", "0.2") == 2
    said = capsys.readouterr().err
    assert "least probability was 0.7, and is 0.2 now" in said
    assert "frames 0 to 15 are done" in said
    assert run(movie, output, "--overwrite", "--min-prob", "0.2") == 0


def test_a_movie_that_ends_early_leaves_what_was_done(
    movie: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = movie.with_name("e.csv")
    stopping_at(monkeypatch, 2, UserError("frame 33 cannot be read"))
    assert run(movie, output) == 2
    said = capsys.readouterr().err
    assert "frame 33 cannot be read (frames 0 to 31 are done; then go on with --resume)" in said
    assert said.count("\n") == 1


def test_the_table_is_the_same_whatever_the_chunks(
    movie: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refined places are but for emitters that stay on beyond the frames beside a chunk."""
    ways = {False: 0.01, True: 5.0}
    parts = [truevar.localize(movie, psf_sigma=130, refine=refine) for refine in ways]
    monkeypatch.setattr(chunks, "_CHUNK_PIXELS", 1 << 22)
    for (refine, within), one in zip(ways.items(), parts, strict=True):
        whole = truevar.localize(movie, psf_sigma=130, refine=refine)
        assert len(one) == len(whole) > 0
        np.testing.assert_allclose(one.x, whole.x, rtol=0, atol=within)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
def test_a_killed_run_goes_on(tmp_path: Path, movie: Path) -> None:
    script = (
        "import sys; from truevar.inference import chunks; chunks._CHUNK_PIXELS = 1; "
        "from truevar.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    whole, killed = tmp_path / "whole.csv", tmp_path / "killed.csv"
    assert run(movie, whole) == 0
    command = [sys.executable, "-c", script, "localize", str(movie), "-o", str(killed), *OPTIONS]
    for after in (1, 2):
        process = subprocess.Popen([*command, "--resume"])
        deadline = time.monotonic() + 120
        while len(list(tmp_path.glob("killed.csv.unfinished/*.npz"))) < after:
            assert time.monotonic() < deadline
            assert process.poll() is None or killed.exists()
            if killed.exists():  # faster than we looked
                break
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
    if not killed.exists():
        assert subprocess.run([*command, "--resume"]).returncode == 0
    assert killed.read_bytes() == whole.read_bytes()
