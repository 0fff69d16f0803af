"""What the tests of several commands need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from truevar.cli import main
from truevar.model.weights import available_models


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with movie.tif, its truth, and found.csv with its picture; only to be read."""
    if not available_models():
        pytest.skip("no model came with the package")
    folder = tmp_path_factory.mktemp("made")
    simulated = "simulate --scene 2d-scmos --density 0.3 --frames 12 --size 32 --seed 5 --quiet"
    movie, truth = str(folder / "movie.tif"), str(folder / "truth.csv")
    assert main([*simulated.split(), "-o", movie, "--truth", truth]) == 0
    found, picture = str(folder / "found.csv"), str(folder / "found.png")
    assert main(["localize", movie, "-o", found, "--picture", picture, "--quiet"]) == 0
    return folder


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """A function that runs a command which must fail with one line on stderr, and gives that."""

    def fails(*argv: object, code: int = 2) -> str:
        capsys.readouterr()
        assert main([str(one) for one in argv]) == code
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("truevar: error: ")
        assert err.count("\n") == 1
        assert err.endswith("\n")
        assert len(err) < 400
        return err

    return fails
