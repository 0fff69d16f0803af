"""A look at a movie while it is localised, and before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

import truevar
from truevar.cli import main
from truevar.commands import live
from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.inference import chunks
from truevar.model.weights import available_models

needs_model = pytest.mark.skipif(not available_models(), reason="no model came with the package")

FEW = Emitters({"frame": np.zeros(1, int), "x": np.zeros(1), "y": np.zeros(1)})


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    path = tmp_path / "movie.tif"
    truevar.simulate("2d-scmos", density=0.5, frames=40, size=24).write(path)
    return path


@needs_model
def test_a_picture_is_drawn_again_and_again(
    movie: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(live, "EVERY", 0.0)
    monkeypatch.setattr(live, "SHARE", 1e9)
    monkeypatch.setattr(chunks, "_CHUNK_PIXELS", 1)
    drawn: list[int] = []
    whole = live.LivePicture._draw

    def counting(self: live.LivePicture, emitters: Emitters) -> None:
        drawn.append(len(emitters))
        whole(self, emitters)

    monkeypatch.setattr(live.LivePicture, "_draw", counting)
    picture, table = tmp_path / "live.png", tmp_path / "e.csv"
    options = ["-o", str(table), "--live", str(picture), "--psf-sigma", "130", "--quiet"]
    assert main(["localize", str(movie), *options]) == 0
    assert len(drawn) >= 3
    assert drawn == sorted(drawn)
    assert drawn[-1] == len(truevar.read(table)) > 0
    assert imread(picture).shape[:2] == (1000, 1000)  # however many there are
    assert main(["localize", str(movie), "-o", str(tmp_path / "f.csv"), *options[2:]]) == 2


def test_drawing_takes_a_small_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: clock[0])
    pictures: list[float] = []

    def slow(emitters: Emitters, path: Path) -> None:
        pictures.append(clock[0])
        clock[0] += 10.0

    one = live.LivePicture(Path("p.png"), slow)
    for _ in range(1000):
        clock[0] += 1.0
        one(lambda: FEW)
    assert pictures[0] == live.EVERY
    assert len(pictures) * 10.0 <= 1.1 * live.SHARE * clock[0] + 10.0


def test_a_picture_that_fails_is_told_once_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(live, "EVERY", 0.0)

    def full(emitters: Emitters, path: Path) -> None:
        raise UserError("cannot write p.png: the disk is full")

    one = live.LivePicture(Path("p.png"), full)
    for _ in range(3):
        one(lambda: FEW)
    one.finish(FEW)
    assert capsys.readouterr().err == (
        "warning: no more pictures: cannot write p.png: the disk is full\n"
    )


@needs_model
@pytest.mark.parametrize("model", ["true-var-small", "accurate"])
def test_a_preview_decides_on_the_coarsest_cells(movie: Path, model: str) -> None:
    quick = truevar.localize(movie, psf_sigma=130, model=model, preview=True)
    whole = truevar.localize(movie, psf_sigma=130, model=model)
    assert quick.meta["notes"][-1] == "a preview: cells of 4 px only"
    assert 0.5 * len(whole) < len(quick) < 1.2 * len(whole)
    assert np.median(quick.sigma_x) > np.median(whole.sigma_x)
