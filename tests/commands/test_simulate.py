"""``truevar simulate``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

import truevar
from truevar.cli import main
from truevar.io.tables.table import read_emitters
from truevar.simulation.scenes import simulate

Fails = Callable[..., str]


def test_simulate_writes_what_the_function_makes(made: Path) -> None:
    same = simulate("2d-scmos", 0.3, 12, 32, 5)
    np.testing.assert_array_equal(tifffile.imread(made / "movie.tif"), same.frames())
    truth = read_emitters(made / "truth.csv")
    np.testing.assert_allclose(truth.x, same.truth.x, atol=1e-3)
    np.testing.assert_array_equal(truth["id"], same.truth["id"])
    assert truth.meta["camera"] == same.camera.describe()


@pytest.mark.parametrize("ending", ["csv", "hdf5"])
def test_simulate_tells_which_two_emitters_are_a_pair(tmp_path: Path, ending: str) -> None:
    what = "simulate --scene pair --separation 104 --ratio 3 --photons 2000 --background 10"
    truth = tmp_path / f"truth.{ending}"
    given = [*what.split(), "--frames", "7", "--size", "40", "--seed", "6", "--quiet"]
    assert main([*given, "-o", str(tmp_path / "m.tif"), "--truth", str(truth)]) == 0
    same = simulate("pair", None, 7, 40, 6, 10, separation=104, photons=2000, ratio=3)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "m.tif"), same.frames())
    table = read_emitters(truth)
    np.testing.assert_array_equal(table["pair"], same.truth["pair"])
    assert table.meta["separation"] == 104


def test_a_large_movie_is_a_bigtiff(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("truevar.io.movies.write.LARGEST_IMAGEJ", 1000)
    what = ["simulate", "--scene", "2d-emccd", "--density", "1", "--frames", "3", "--size", "16"]
    assert main([*what, "-o", str(tmp_path / "m.tif"), "--truth", str(tmp_path / "t.csv")]) == 0
    with tifffile.TiffFile(tmp_path / "m.tif") as file:
        assert file.is_bigtiff
    assert main(["info", str(tmp_path / "m.tif")]) == 0
    said = capsys.readouterr().out
    for line in ("3 of 16 x 16 px", "pixel_size: 100", "em_gain: 300", "read_sigma: 74.4"):
        assert line in said


def test_a_movie_without_its_truth_does_not_appear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: Fails
) -> None:
    def full(*_: object) -> None:
        raise truevar.UserError("the disk is full")

    monkeypatch.setattr(truevar.Emitters, "write", full)
    what = ["simulate", "--scene", "2d-dim", "--density", "1", "--frames", "3", "--size", "16"]
    fails(*what, "-o", tmp_path / "m.tif", "--truth", tmp_path / "t.csv")
    assert list(tmp_path.iterdir()) == []
