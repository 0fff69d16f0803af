"""truevar frc: a resolution, and a picture of the curve."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from truevar.cli import main
from truevar.emitters import Emitters


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sites of 20 localisations each at 10 nm, for which 31 nm is expected."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    place = rng.uniform(500, 5500, (800, 2))[rng.integers(0, 800, 16_000)]
    found = place + 10 * rng.standard_normal(place.shape)
    columns = {"frame": rng.integers(0, 2000, 16_000), "x": found[:, 0], "y": found[:, 1]}
    Emitters(columns, {"pixel_size": 100.0, "width": 64, "height": 64}).write("e.csv")
    return Path("e.csv")


def test_the_text_and_the_picture(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["frc", str(table), "--picture", "curve.png"]
    assert main(argv) == 0
    said = capsys.readouterr().out
    assert 29 < float(said.split("resolution:")[1].split()[0]) < 33
    for line in ("interval:", "NeNA:", "does not see artefacts", "picture:    curve.png"):
        assert line in said
    assert Path("curve.png").read_bytes().startswith(b"\x89PNG")
    assert main(argv) == 2
    assert "curve.png exists already" in capsys.readouterr().err
    assert main([*argv, "--overwrite", "--blocks", "10"]) == 0
    assert "10 blocks" in capsys.readouterr().out


def test_a_picture_of_nothing_determined(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(2)
    columns = {
        "frame": np.arange(2000),
        "x": rng.uniform(0, 3e3, 2000),
        "y": rng.uniform(0, 3e3, 2000),
    }
    Emitters(columns, {"pixel_size": 100.0}).write("none.csv")
    assert main(["frc", "none.csv", "--picture", "none.png"]) == 0
    assert "resolution: not determined" in capsys.readouterr().out
    assert Path("none.png").exists()


def test_mistakes_are_one_line(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Emitters({"frame": [0], "x": [1.0], "y": [1.0]}, {"pixel_size": 100.0}).write("one.csv")
    columns = {"frame": np.zeros(500), "x": np.arange(500.0), "y": np.arange(500.0)}
    Emitters(columns, {"pixel_size": 100.0}).write("still.csv")
    for options, said in (
        (["one.csv"], "1 localisations are too few"),
        (["still.csv"], "fewer --blocks"),
        (["e.csv", "--blocks", "2"], "whole number of 5 or more"),
        (["e.csv", "--picture", "a.pdf"], ".png"),
        (["no.csv"], "no.csv"),
    ):
        capsys.readouterr()
        assert main(["frc", *options]) == 2
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1
