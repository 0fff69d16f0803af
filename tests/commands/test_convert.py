"""truevar convert: every format to be named, every sample to be converted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import truevar
from truevar.cli import main
from truevar.emitters import Emitters


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a table, in which commands run."""
    monkeypatch.chdir(tmp_path)
    columns = {"frame": [0, 7], "x": [-30.0, 900.0], "y": [10.0, 20.0], "photons": [500.0, 800.0]}
    Emitters({**columns, "chi2": [1.5, 2.5]}, {"pixel_size": 100.0}).write("t.csv")
    return tmp_path


@pytest.mark.parametrize(
    ("output", "options", "files"),
    [
        ("a.csv", "--format smap", {"a.csv", "a.csv.yaml"}),
        ("a.h5", "", {"a.h5"}),
        ("a.h5", "--format picasso", {"a.h5", "a.yaml"}),
        ("a.hdf5", "--format decode", {"a.hdf5"}),
        ("a.smlm", "--format SMLM", {"a.smlm"}),
    ],
)
def test_there_and_back(folder: Path, output: str, options: str, files: set[str]) -> None:
    assert main(["convert", "t.csv", output, *options.split()]) == 0
    assert {path.name for path in folder.iterdir()} == {"t.csv", "t.csv.yaml", *files}
    assert main(["convert", output, "b.csv"]) == 0
    before, after = truevar.read("t.csv"), truevar.read("b.csv")
    assert set(after) == set(before)
    for name in before:
        np.testing.assert_allclose(after[name], before[name], atol=1e-3)
    assert after.meta["pixel_size"] == 100


def test_mistakes_are_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path.name for path in folder.iterdir()}
    Path("cut.smlm").write_bytes(b"PK\x03\x04cut")
    for words, said in (
        ("t.csv a.csv --format excel", "--format NAME takes one of thunderstorm, picasso, decode"),
        ("t.csv a.csv --format elyra", "no format 'elyra' can be written; --format NAME"),
        ("t.csv a.csv --format smlm", "is .smlm; name it so, or leave out --format smlm"),
        ("t.csv a.txt", "its ending must be one of .csv (ThunderSTORM), .hdf5 (Picasso)"),
        ("cut.smlm a.csv", "no SMLM file, or a damaged one"),
    ):
        assert main(["convert", *words.split()]) == 2
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1
    assert {path.name for path in folder.iterdir()} == before | {"cut.smlm"}


def test_other_commands_take_a_format(folder: Path) -> None:
    words = ["filter", "t.csv", "-o", "a.csv", "--format", "smap", "--where", "photons > 600"]
    assert main(words) == 0
    assert Path("a.csv").read_text().startswith("frame,xnm,ynm,phot,chi2,pixelsizenm\n8,1000.0000,")


def test_every_sample(shared_data: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples = sorted((shared_data / "tables/locan-samples").glob("*data.*"))
    assert len(samples) == 7
    for number, sample in enumerate(samples):
        output = f"{number}.csv"
        assert main(["convert", str(sample), output, "--pixel-size", "100"]) == 0
        before, after = truevar.read(sample, 100), truevar.read(output)
        assert after.meta["notes"] if "notes" in before.meta else True
        np.testing.assert_array_equal(after.frame, before.frame)
        np.testing.assert_allclose(after.x, before.x, atol=1e-3)
        assert set(after) == set(before), sample
    assert capsys.readouterr().err == ""


def test_convert_and_render(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hdf5, csv, png = tmp_path / "a.hdf5", tmp_path / "b.csv", tmp_path / "c.png"
    assert main(["convert", str(made / "found.csv"), str(hdf5)]) == 0
    assert main(["convert", str(hdf5), str(csv)]) == 0
    assert main(["render", str(csv), "-o", str(png), "--pixel", "20"]) == 0
    assert str(png) in capsys.readouterr().out
    before, after = truevar.read(made / "found.csv"), truevar.read(csv)
    np.testing.assert_array_equal(after.frame, before.frame)
    np.testing.assert_allclose(after.x, before.x, atol=1e-3)
    np.testing.assert_allclose(after.prob, before.prob, rtol=1e-5)
    assert png.read_bytes().startswith(b"\x89PNG")
