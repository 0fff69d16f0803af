"""What the commands say about the tables that they read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from truevar.cli import main
from truevar.emitters import Emitters
from truevar.io.tables.table import read_emitters

ONE = {"frame": [0, 1], "x": [800.0, 700.0], "y": [800.0, 900.0]}
META = {"width": 16, "height": 16, "frames": 2}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a table, in which commands run."""
    monkeypatch.chdir(tmp_path)
    Emitters(ONE, {"pixel_size": 100.0, **META}).write("t.csv")
    return tmp_path


def test_what_is_doubtful_about_a_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    side = folder / "t.csv.yaml"
    side.write_text(side.read_text().replace("100.0", "130.0"))
    for command in ("convert t.csv a.csv", "render t.csv -o a.png", "info t.csv"):
        capsys.readouterr()
        assert main(command.split()) == 0
        said = capsys.readouterr().err
        assert said.startswith("warning: t.csv.yaml is not used: it tells a pixel size of 130 nm")
        assert said.count("\n") == 1
    assert main(["evaluate", "t.csv", "t.csv", "--size", "16"]) == 0
    assert capsys.readouterr().err.count("warning: t.csv.yaml") == 2


def test_a_column_that_the_new_format_cannot_hold(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Emitters({**ONE, "prob": [0.5, np.nan]}, {"pixel_size": 100.0}).write("gap.csv")
    assert main(["convert", "gap.csv", "gap.hdf5"]) == 0
    assert capsys.readouterr().err.startswith("warning: gap.hdf5 is written without prob: ")
    assert "prob" not in read_emitters("gap.hdf5")


@pytest.mark.parametrize("name", ["other.csv", "other.hdf5"])
def test_evaluate_leaves_every_table_its_own_pixel_size(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Emitters({**ONE, "prob": [1.0, 1.0]}, {"pixel_size": 160.0, **META}).write(name)
    assert main(["evaluate", name, "t.csv", "--json", "--no-limits"]) == 0
    assert json.loads(capsys.readouterr().out)["rmse"] == pytest.approx(0, abs=0.01)


def test_evaluate_puts_a_table_without_a_pixel_size_to_the_scale_of_the_truth(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "plain.csv").write_text(
        "frame,x [px],y [px],prob\n1,8.5,8.5,1\n2,7.5,9.5,1\n", encoding="utf-8"
    )
    assert main(["evaluate", "plain.csv", "t.csv", "--json", "--no-limits"]) == 0
    assert json.loads(capsys.readouterr().out)["rmse"] == pytest.approx(0, abs=0.01)


def test_info_shows_further_columns(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Emitters({**ONE, "chi2": [np.nan, np.nan], "group": [7, 8]}, {"pixel_size": 1.0}).write("m.csv")
    assert main(["info", "m.csv"]) == 0
    said = capsys.readouterr().out
    assert "  group          7 to 8, median 7.5 (further column)" in said
    assert "  chi2           no values (further column)" in said
