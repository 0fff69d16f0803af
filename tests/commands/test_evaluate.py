"""``truevar evaluate``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from truevar.cli import main


def test_evaluate(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables = [str(made / "found.csv"), str(made / "truth.csv")]
    assert main(["evaluate", *tables, "--pixel-size", "100", "--size", "32"]) == 0
    said = capsys.readouterr().out
    for line in ("efficiency E", "duplicates", "error over the limit", "joint limit, three frames"):
        assert line in said
    assert main(["evaluate", *tables, "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    one, three = (plain["limits"][name] for name in ("one frame", "three frames"))
    assert three["rmse"] < one["rmse"]  # neighbouring frames tell more, never less
    assert three["efficiency"] > one["efficiency"]
    assert plain["tp"] > 0
    low, high = plain["intervals"]["efficiency"]
    assert low < plain["efficiency"] < high


def test_evaluate_the_truth_itself(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = str(made / "truth.csv")
    assert main(["evaluate", truth, truth, "--json", "--no-limits", "--size", "32x32"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["efficiency"] == pytest.approx(100)
    assert plain["limits"] == {}
