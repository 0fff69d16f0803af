"""``truevar render``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import truevar.commands.render as command
from truevar.cli import main
from truevar.emitters import Emitters
from truevar.view.colour import COLOURS
from truevar.view.render import STYLES, render

META = {"pixel_size": 100.0, "width": 32, "height": 32, "frames": 100}


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Emitters:
    """A table, in t.csv too, in a folder in which commands run."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(5)
    columns = {name: random.uniform(0, 3100, 400) for name in ("x", "y", "photons")}
    columns |= {name: random.uniform(5, 15, 400) for name in ("sigma_x", "sigma_y")}
    table = Emitters({"frame": np.arange(400) // 4, **columns}, META)
    table.write("t.csv")
    return table


def fails(capsys: pytest.CaptureFixture[str], command: str) -> str:
    capsys.readouterr()
    assert main(command.split()) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_options_are_those_of_the_functions() -> None:
    assert command._STYLES == STYLES
    assert command._COLOURS == COLOURS


@pytest.mark.usefixtures("table")
def test_every_style_and_colour(capsys: pytest.CaptureFixture[str]) -> None:
    for style in STYLES:
        assert main(f"render t.csv -o {style}.png --style {style}".split()) == 0
        assert "800 x 800 px of 4 nm, 400 localisations, density 0 to" in capsys.readouterr().out
    for colour, said in (("time", "time 1 to 98 frame"), ("photons", "e⁻")):
        for option in ("--colour", "--color"):
            assert main(f"render t.csv -o {colour}.png {option} {colour} --overwrite".split()) == 0
            assert said in capsys.readouterr().out
    pictures = [np.asarray(Image.open(path)) for path in Path.cwd().glob("*.png")]
    assert len({picture.tobytes() for picture in pictures}) == 5


def test_a_field_is_cut_out(table: Emitters, capsys: pytest.CaptureFixture[str]) -> None:
    field = "0.5,2,-0.01,1.2"
    assert main(["render", "t.csv", "-o", "a.tif", "--field", field, "--pixel", "5"]) == 0
    cut = tifffile.imread("a.tif")
    assert cut.shape == (242, 300)
    np.testing.assert_allclose(cut, render(table, 5.0, (500, 2000, -10, 1200)), atol=1e-4)
    whole = render(table, 5.0)  # from -50 nm
    np.testing.assert_allclose(cut, whole[8 : 8 + 242, 110 : 110 + 300], atol=2e-3)
    near = (table.x >= 500) & (table.x < 2000) & (table.y < 1200)
    assert f"{near.sum()} localisations" in capsys.readouterr().out


@pytest.mark.usefixtures("table")
def test_contrast_and_bars() -> None:
    means = {}
    for name, options in {
        "plain": "",
        "bright": "--percentile 50",
        "linear": "--gamma 1",
        "bare": "--no-scale-bar --no-colour-bar",
        "blurred": "--blur 60 --no-scale-bar --no-colour-bar",
    }.items():
        assert main(f"render t.csv -o {name}.png {options}".split()) == 0
        means[name] = np.asarray(Image.open(f"{name}.png"))[:, :, :3].mean()
    assert means["bright"] > 1.1 * means["plain"]
    assert means["linear"] < 0.9 * means["plain"]
    assert means["bare"] < means["plain"]
    assert means["blurred"] > 1.5 * means["bare"]


@pytest.mark.usefixtures("table")
def test_refusals(capsys: pytest.CaptureFixture[str]) -> None:
    before = set(Path.cwd().iterdir())
    for options, said in (
        ("--colour depth", "no column 'z' to colour by depth; colour it by density or time or"),
        ("--field 1,1,2,3", "--field: 1,1,2,3 is an empty field"),
        ("--field 1,2,3", "--field: 1,2,3 is not a field"),
        ("--field 7,8,9,inf", "is not a field"),
        ("--field 7,8,9,10", "no localisation lies in --field 7,8,9,10; the table's field is x -"),
        ("--percentile 0", "--percentile"),
        ("--percentile 101", "a percentile, above 0 and up to 100"),
        ("--gamma -1", "--gamma"),
        ("--style dots", "--style"),
        ("--colour red", "--colour"),
    ):
        for name in ("a.png", "a.ome.tif"):
            assert said in fails(capsys, f"render t.csv -o {name} {options}")
    assert set(Path.cwd().iterdir()) == before
