"""Bad input is refused in one line, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

Fails = Callable[..., str]

GIVEN = ["--pixel-size", "100", "--psf-sigma", "130", "--baseline", "100", "--e-per-adu", "0.46"]
GIVEN += ["--read-noise", "1.5"]
"""Nothing left to estimate or to assume, so nothing is said on the way."""


def _tiff(path: Path, array: np.ndarray, **how: Any) -> None:
    tifffile.imwrite(path, array, **how)


@pytest.fixture
def bad(made: Path, tmp_path: Path) -> Path:
    """A folder of movies that cannot be used."""
    frames = tifffile.imread(made / "movie.tif")
    (tmp_path / "text.tif").write_text("this is no movie")
    (tmp_path / "notes.docx").write_text("nor is this")
    (tmp_path / "empty.tif").touch()
    whole = (made / "movie.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(whole[: len(whole) // 2])
    _tiff(tmp_path / "rgb.tif", np.zeros((4, 32, 32, 3), np.uint8), photometric="rgb")
    _tiff(
        tmp_path / "5d.ome.tif",
        np.ones((2, 3, 2, 32, 32), np.uint16),
        metadata={"axes": "TZCYX"},
        photometric="minisblack",
    )
    nan = frames.astype(np.float32)
    nan[7, 3, 4] = np.nan
    _tiff(tmp_path / "nan.tif", nan, photometric="minisblack")
    _tiff(tmp_path / "zero.tif", np.zeros((5, 32, 32), np.uint16), photometric="minisblack")
    _tiff(tmp_path / "small.tif", frames[:, :15, :], photometric="minisblack")
    (tmp_path / "alone.raw").write_bytes(frames.tobytes())
    return tmp_path


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing.tif", "there is no file"),
        ("text.tif", "is not a .tif file"),
        ("notes.docx", "is not a movie"),
        ("empty.tif", "is empty"),
        ("cut.tif", "truncated"),
        ("rgb.tif", "colour"),
        ("5d.ome.tif", "axes"),
        ("nan.tif", "frame 7"),
        ("zero.tif", "zero"),
        ("small.tif", "16 x 16"),
        ("alone.raw", "alone.yaml"),
        (".", "5d.ome.tif has axes"),
    ],
)
def test_a_movie_that_cannot_be_used(bad: Path, name: str, said: str, fails: Fails) -> None:
    before = sorted(bad.iterdir())
    outputs = ["-o", bad / "out.csv", "--picture", bad / "out.png"]
    assert said in fails("localize", bad / name, *outputs, *GIVEN)
    assert sorted(bad.iterdir()) == before
    if name not in ("nan.tif", "zero.tif"):
        assert said in fails("info", bad / name)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--pixel-size", "-100"], "--pixel-size"),
        (["--pixel-size", "nan"], "--pixel-size"),
        (["--psf-sigma", "0"], "--psf-sigma"),
        (["--psf-sigma", "-1e3"], "--psf-sigma"),
        (["--baseline", "inf"], "--baseline"),
        (["--baseline", "-inf"], "--baseline"),
        (["--e-per-adu", "0"], "--e-per-adu"),
        (["--e-per-adu", "1e30"], "e_per_adu"),
        (["--read-noise", "1e30"], "read_sigma"),
        (["--pixel-size", "1e300"], "--pixel-size"),
        (["--em-gain", "0.5"], "--em-gain"),
        (["--read-noise", "-1"], "--read-noise"),
        (["--min-prob", "1.5"], "--min-prob"),
        (["--min-prob", "x"], "--min-prob"),
        (["--frames", "5:5"], "--frames: 5:5 is an empty range"),
        (["--frames", "9:3"], "--frames"),
        (["--frames", "-3:5"], "--frames"),
        (["--frames", "12:"], "no frames 12:12"),
        (["--roi", "0:20"], "--roi"),
        (["--roi", "0:20,5:10"], "too small"),
        (["--roi", "0:20,0:33"], "not in"),
        (["--model", "huge"], "unknown model"),
        (["--model", "{made}/movie.tif"], "weights"),
        (["--device", "cuda:99"], "device"),
        (["--device", "meta"], "device"),
        (["--camera", "{made}/no.yaml"], "camera file"),
        (["--camera", "{made}/movie.tif"], "camera file"),
        (["--camera-maps", "{made}/no.npy"], "camera maps"),
        (["--camera-maps", "{made}/no.npy", "--baseline", "1"], "--baseline"),
        (["--camera-offset", "3,4"], "--camera-offset"),
        (["--camera-offset", "3"], "--camera-offset"),
        (["-o", "{tmp}/out.txt"], "ending"),
        (["-o", "{tmp}/out"], "ending"),
        (["-o", "{tmp}/none/out.csv"], "there is no folder"),
        (["--picture", "{tmp}/out.jpg"], ".png"),
        (["--picture", "{tmp}/none/out.png"], "there is no folder"),
        (["--pixel-siz", "100"], "unrecognized"),
        (["--pixel-size"], "--pixel-size"),
    ],
)
def test_an_option_that_cannot_be_used(
    made: Path,
    tmp_path: Path,
    options: list[str],
    said: str,
    fails: Fails,
) -> None:
    options = [option.format(made=made, tmp=tmp_path) for option in options]
    argv = ["localize", made / "movie.tif", "-o", tmp_path / "out.csv", *options]
    assert said in fails(*argv)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ("fly", "invalid choice"),
        ("localize", "required"),
        ("simulate --scene nowhere --density 1 --frames 2 -o {t}/m.tif --truth {t}/t.csv", "scene"),
        ("simulate --scene 2d-dim --density 0 --frames 2 -o {t}/m.tif --truth {t}/t.csv", "densi"),
        ("simulate --scene 2d-dim --density 1 --frames 0 -o {t}/m.tif --truth {t}/t.csv", "frames"),
        ("simulate --scene 2d-dim --density 1 --frames 2 -o {t}/m.png --truth {t}/t.csv", ".tif"),
        ("simulate --scene 2d-dim --density 1 --frames 2 -o {t}/m.tif --truth {t}/t.doc", "ending"),
        ("simulate --scene 2d-dim --density 1 --frames 2 -o {t}/m.tif --truth {t}/n/t.csv", "fold"),
        (
            "simulate --scene pair --density 1 --frames 2 -o {t}/m.tif --truth {t}/t.csv",
            "pair has no --density",
        ),
        (
            "simulate --scene pair --separation 500 --frames 2 -o {t}/m.tif --truth {t}/t.csv",
            "--separation",
        ),
        ("evaluate {t}/none.csv {made}/truth.csv", "there is no file"),
        ("evaluate {made}/found.csv {made}/truth.csv --size 0", "--size"),
        ("evaluate {made}/truth.csv {made}/truth.csv --min-prob 0.5", "prob"),
        ("render {made}/found.csv -o {t}/out.gif", ".png"),
        ("render {made}/movie.tif -o {t}/out.png", "not a table"),
        ("render {made}/found.csv -o {t}/out.png --pixel 0.01", "too large"),
        ("convert {made}/found.csv {t}/out.xlsx", "ending"),
        ("convert {made}/none.hdf5 {t}/out.csv", "there is no file"),
        ("convert {made}/found.csv {made}/found.csv", "another file"),
        ("train --minutes -1 -o {t}/run", "--minutes"),
        ("info {t}/none.safetensors", "there is no file"),
        ("info {made}/found.png", "not a movie"),
    ],
)
def test_other_commands_refuse_in_one_line(
    made: Path, tmp_path: Path, argv: str, said: str, fails: Fails
) -> None:
    words = [word.format(made=made, t=tmp_path) for word in argv.split()]
    assert said in fails(*words)
    assert list(tmp_path.iterdir()) == []


def test_a_table_that_does_not_tell_its_pixel_size(tmp_path: Path, fails: Fails) -> None:
    (tmp_path / "t.csv").write_text('"frame","x [nm]","y [nm]"\n1,50,50\n')
    assert "--pixel-size" in fails("convert", tmp_path / "t.csv", tmp_path / "o.hdf5")
    assert "--size" in fails(
        "evaluate", tmp_path / "t.csv", tmp_path / "t.csv", "--pixel-size", "100"
    )
