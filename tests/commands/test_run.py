"""truevar run: from a movie to a folder with all that is usually made of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import truevar
from truevar.cli import main
from truevar.model.weights import available_models
from truevar.postprocess import drift

pytestmark = pytest.mark.skipif(
    "true-var-small" not in available_models(), reason="no true-var-small came with the package"
)

ALWAYS = {"localisations.csv", "molecules.csv", "picture.png", "report.html"}
TOLD = {"drift.csv", "drift.png", "resolution.png"}
HOW = ["--model", "true-var-small", "--psf-sigma", "130", "--precision", "float32"]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.suffix != ".yaml"}


@pytest.fixture
def movie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    # The report shows fewer frames, which is quicker.
    monkeypatch.setattr("truevar.view.report.frame_sample.MOST_FRAMES", 8)
    made = truevar.simulate("filaments", density=1, frames=90, size=32, seed=3)
    made.write("movie.tif")
    return Path("movie.tif")


def test_the_whole_way_and_going_on_from_its_middle(
    movie: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(drift, "_SURE", 500)
    monkeypatch.setattr(drift, "_SURE_FRAMES", 50)
    folder = Path("out")
    assert main(["run", str(movie), "-o", "out", *HOW, "--gap", "1"]) == 0
    said = capsys.readouterr().out
    for word in ("emitters:", "drift:", "resolution:", "linked:", "kept:", "look at:"):
        assert word in said
    assert names(folder) == ALWAYS | TOLD
    found, molecules = (
        truevar.read(folder / "localisations.csv"),
        truevar.read(folder / "molecules.csv"),
    )
    assert [step["step"] for step in molecules.meta["steps"]] == ["drift", "link", "filter"]
    assert molecules.meta["steps"][1]["gap"] == 1
    assert "steps" not in found.meta
    assert 20 < len(molecules) < len(found)
    assert max(molecules.sigma_x) < 65
    page = (folder / "report.html").read_text(encoding="utf-8")
    for title in ("Resolution", "Drift", "Kinetics", "Frames", "Distributions"):
        assert f">{title}</h2>" in page
    assert "Drift along x" in page
    assert "truevar run movie.tif -o out" in page
    assert "emitters found" in page  # in the frames, where the camera saw them
    assert "moved after localising" not in page

    for name in ("molecules.csv", "report.html"):
        (folder / name).unlink()
    assert main(["run", str(movie), "-o", "out", *HOW, "--gap", "1", "--resume"]) == 0
    said = capsys.readouterr().out
    assert "is complete" in said
    assert "frames per second" not in said
    again = truevar.read(folder / "molecules.csv")
    for name in molecules:
        np.testing.assert_array_equal(molecules[name], again[name])


def test_where_there_is_too_little_to_tell(movie: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(movie), "-o", "new/out", *HOW]) == 0
    options = ["--frames", "3:8", "--roi", "0:32,0:24", "--overwrite", "--where", "photons > 500"]
    assert main(["run", str(movie), "-o", "new/out", *HOW, *options]) == 0
    said = capsys.readouterr().out
    assert "drift:     not taken off" in said
    assert "resolution: not told" in said
    assert names(Path("new/out")) == ALWAYS  # nothing of the run before is left
    page = Path("new/out/report.html").read_text(encoding="utf-8")
    assert "The drift was not taken off" in page
    assert "Not determined" in page
    assert truevar.read("new/out/molecules.csv").photons.min() > 500


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("movie.tif -o out", "out/picture.png"),
        ("movie.tif -o new --where nonsense>3", "no column 'nonsense'"),
        ("movie.tif -o movie.tif", "movie.tif"),
        ("none.tif -o new", "none.tif"),
        ("other.tif -o out --resume", "localisations.csv is of movie.tif"),
    ],
)
def test_refused_before_the_work(
    movie: Path, options: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    truevar.simulate(frames=3, size=32).write("other.tif")
    folder = Path("out")
    folder.mkdir()
    (folder / "picture.png").write_bytes(b"mine")
    table = truevar.simulate(density=1, frames=3, size=32).truth
    truevar.Emitters(table.columns, {**table.meta, "movie": "movie.tif"}).write(
        folder / "localisations.csv"
    )
    assert main(["run", *options.split(), *HOW]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert (folder / "picture.png").read_bytes() == b"mine"
    assert not Path("new").exists()
