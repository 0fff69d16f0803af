"""That commands name their options where Python names arguments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

import truevar
from truevar.cli import main
from truevar.doors import enter
from truevar.emitters import Emitters


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a movie and tables, in which commands run."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    tifffile.imwrite("m.tif", rng.poisson(100, (4, 40, 40)).astype(np.uint16), photometric=0)
    Emitters({"frame": [0], "x": [800.0], "y": [800.0]}, {"pixel_size": 100.0}).write("t.csv")
    Path("px.csv").write_text("frame,x [px],y [px]\n1,8.5,8.5\n", encoding="utf-8")
    return tmp_path


def test_an_error_in_both_worlds(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("info px.csv", "convert px.csv a.csv", "render px.csv -o a.png"):
        assert main(command.split()) == 2
        assert "; give it with --pixel-size NM\n" in capsys.readouterr().err
    with pytest.raises(ValueError, match="; give it with pixel_size=NM$"):
        truevar.read("px.csv")
    assert main(["convert", "t.csv", "px.csv"]) == 2
    assert "or add --overwrite\n" in capsys.readouterr().err
    with pytest.raises(truevar.UserError, match="or add overwrite=True$"):
        truevar.read("t.csv").write("px.csv")
    assert main(["render", "t.csv", "-o", "a.png", "--pixel", "0.01"]) == 2
    assert "a larger pixel than --pixel 0.01 nm\n" in capsys.readouterr().err


def test_a_table_that_lacks_its_pixel_size_is_not_told_of_an_argument(folder: Path) -> None:
    table = Emitters({"frame": [0], "x": [800.0], "y": [800.0]})
    for name in ("a.csv", "a.hdf5"):
        with pytest.raises(truevar.UserError, match=r'give it with meta\["pixel_size"\]$'):
            table.write(name)
    assert not list(folder.glob("a.*"))


def test_what_is_said_about_a_movie(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--camera", "c.yaml", "--frames", "0:1"]
    Path("c.yaml").write_text("baseline: 10\nem_gain: 2\n")
    assert main(["localize", "m.tif", "-o", "a.csv", *options]) == 0
    said = capsys.readouterr().err
    assert "in hundredths of a pixel; give --pixel-size NM\n" in said
    assert "if so, give --em-gain 1 and --e-per-adu 2 (or 0.5 where" in said
    stored = truevar.read("a.csv").meta
    with pytest.warns(truevar.TrueVARWarning) as warned:
        table = truevar.localize("m.tif", camera="c.yaml", frames=(0, 1))
    for lines in (
        stored["warnings"],
        table.meta["warnings"],
        [str(one.message) for one in warned],
    ):
        text = "\n".join(lines)
        assert "in hundredths of a pixel; give pixel_size=NM" in text
        assert 'if so, give camera={"em_gain": 1, "e_per_adu": 2} (or 0.5 where' in text
        assert "--" not in text
    assert all(type(line) is str for line in (*table.meta["warnings"], *table.meta["notes"]))


def test_a_doors_spelling(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["--input", "m.tif", "--psf_sigma", "130", "--frames", "1", "--mode", "progressive"]
    assert enter("inference", argv) == 0
    said = capsys.readouterr().err
    assert "in hundredths of a pixel; give --pixel_size NM\n" in said
    assert "come out at half; give em_gain in --camera FILE.yaml\n" in said
    side = next((folder / "true_var_output").glob("*.csv.yaml")).read_text(encoding="utf-8")
    assert "give pixel_size=NM" in " ".join(side.split())
    movie = tifffile.imread("m.tif").astype(np.float32)
    movie[0, 5, 5] = np.nan
    tifffile.imwrite("m.tif", movie, photometric=0)
    assert enter("inference", argv) == 2
    assert "leave the frame out with --frames\n" in capsys.readouterr().err


def test_a_doubtful_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("t.csv.yaml").rename("t.yaml")
    text = Path("t.yaml").read_text(encoding="utf-8")
    Path("t.yaml").write_text(text.replace("Table: t.csv\n", ""), encoding="utf-8")
    Path("t.csv").write_text('"frame","x [nm]","y [nm]"\n1,850,850\n', encoding="utf-8")
    Path("t.hdf5").touch()
    assert main(["info", "t.csv"]) == 0
    assert "give --pixel-size NM if it is wrong\n" in capsys.readouterr().err
    with pytest.warns(truevar.TrueVARWarning, match="give pixel_size=NM if it is wrong$"):
        table = truevar.read("t.csv")
    assert table.meta["notes"][-1].endswith("give pixel_size=NM if it is wrong")
