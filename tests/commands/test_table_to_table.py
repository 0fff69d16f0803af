"""truevar link and truevar filter: a table in, a table out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import truevar
from truevar.cli import main
from truevar.emitters import Emitters


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "e.csv"
    columns = {
        "frame": [0, 1, 2, 2],
        "x": [500.0, 505.0, 495.0, 3000.0],
        "y": [500.0, 500.0, 500.0, 3000.0],
        "photons": [1000.0, 1000.0, 1000.0, 200.0],
        "bg": [10.0, 10.0, 10.0, 10.0],
        "sigma_x": [9.0, 9.0, 9.0, 25.0],
        "sigma_y": [9.0, 9.0, 9.0, 25.0],
        "prob": [0.9, 1.0, 0.95, 0.4],
    }
    truevar.write(Emitters(columns, {"pixel_size": 100.0, "width": 64, "height": 64}), path)
    return path


@pytest.mark.parametrize("ending", [".csv", ".hdf5"])
def test_link(table: Path, ending: str, capsys: pytest.CaptureFixture[str]) -> None:
    output = table.with_name(f"molecules{ending}")
    assert main(["link", str(table), "-o", str(output)]) == 0
    assert "4 localisations to 2 molecules" in capsys.readouterr().out
    molecules = truevar.read(output)
    assert molecules["detections"].tolist() == [3, 1]
    assert molecules["last_frame"].tolist() == [2, 2]
    np.testing.assert_allclose(molecules.photons, [3000, 200])
    np.testing.assert_allclose(molecules.x, [500, 3000], atol=0.01)
    np.testing.assert_allclose(molecules.sigma_x, [9 / np.sqrt(3), 25], rtol=1e-4)
    step = molecules.meta["steps"][-1]
    assert step["step"] == "link"
    assert step["gap"] == 0


def test_filter(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = table.with_name("sure.csv")
    where = "prob > 0.92 and sigma_x < 20"
    assert main(["filter", str(table), "-o", str(output), "--where", where]) == 0
    said = capsys.readouterr().out
    assert "kept:      2 of 4" in said
    assert "prob > 0.92" in said
    kept = truevar.read(output)
    assert kept.frame.tolist() == [1, 2]
    assert kept.meta["steps"][-1]["where"] == where


def test_mistakes_are_one_line(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    same = ["filter", str(table), "-o", str(table), "--where", "prob > 0", "--overwrite"]
    for options, said in (
        (same, "write to another file"),
        (["filter", str(table), "-o", "o.csv", "--where", "probe > 0"], "did you mean prob?"),
        (["link", str(table), "-o", "o.csv", "--radius", "0"], "above 0"),
        (["link", "none.csv", "-o", "o.csv"], "none.csv"),
    ):
        capsys.readouterr()
        assert main(options) == 2
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1
    assert not Path("o.csv").exists()
    assert len(truevar.read(table)) == 4
