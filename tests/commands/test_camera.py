"""``truevar camera``, and ``--camera NAME``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import truevar
from truevar.cli import main
from truevar.io.tables.table import read_emitters
from truevar.model.weights import available_models

NUMBERS = ["--pixel-size", "101", "--psf-sigma", "131", "--baseline", "99", "--e-per-adu", "0.45"]


def said(capsys: pytest.CaptureFixture[str], *argv: str, code: int = 0) -> str:
    capsys.readouterr()
    assert main(["camera", *argv]) == code
    out, err = capsys.readouterr()
    assert bool(err) == bool(code)
    assert err.count("\n") == bool(code)
    return out + err


def test_the_life_of_a_camera(own_settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no camera is saved" in said(capsys, "list")
    text = said(capsys, "add", "orca", *NUMBERS)
    assert "pixel_size 101, psf_sigma 131, baseline 99, e_per_adu 0.45" in text
    assert "left open: em_gain, read_sigma" in text
    assert "exists already" in said(capsys, "add", "orca", *NUMBERS, code=2)
    said(capsys, "add", "other", "--from", "orca", "--read-noise", "1.6", "--cic", "0.002")
    assert said(capsys, "list").splitlines() == [
        "orca   pixel_size 101, psf_sigma 131, baseline 99, e_per_adu 0.45",
        "other  pixel_size 101, psf_sigma 131, baseline 99, e_per_adu 0.45, read_sigma 1.6, "
        "cic 0.002",
    ]
    shown = said(capsys, "show", "other")
    assert str(own_settings / "cameras" / "other.yaml") in shown
    assert "read_sigma  1.6 electrons (RMS)" in shown
    (own_settings / "cameras" / "other.yaml").write_text("[")
    listed = said(capsys, "list").splitlines()
    assert listed[0].startswith("orca   pixel_size")
    assert listed[1].startswith("other  cannot be used: the camera file")
    assert "removed: orca" in said(capsys, "remove", "orca")
    assert "no saved camera orca; saved are other" in said(capsys, "show", "orca", code=2)


@pytest.mark.parametrize(
    ("argv", "wanted"),
    [
        (["add", "orca"], "give at least one number"),
        (["add", "two words", *NUMBERS], "cannot be called"),
        (["add", "orca", "--pixel-size", "0.1"], "did you mean 100 nm (0.1 µm)?"),
        (["add", "orca", "--gain", "2.2"], "--em-gain for the multiplication"),
        (["add", "orca", "--offset", "100"], "called --baseline"),
        (["add", "orca", "--baseline", "1e30"], "cannot be"),
        (["add", "orca", "--from", "nobody"], "no saved camera nobody"),
        (["remove", "nobody"], "none is saved"),
        ([], "WHAT"),
    ],
)
def test_what_cannot_be_done(
    own_settings: Path, argv: list[str], wanted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wanted in said(capsys, *argv, code=2)
    assert not own_settings.exists()


@pytest.mark.skipif(not available_models(), reason="no model came with the package")
def test_a_camera_is_used_by_name(
    own_settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    movie, out = str(tmp_path / "m.tif"), tmp_path / "out.csv"
    what = "simulate --scene 2d-scmos --density 0.3 --frames 2 --size 32 --quiet"
    assert main([*what.split(), "-o", movie, "--truth", str(tmp_path / "t.csv")]) == 0
    said(capsys, "add", "orca", *NUMBERS)
    given = ["localize", movie, "-o", str(out), "--camera", "orca", "--psf-sigma", "129"]
    assert main(given) == 0
    text, told = capsys.readouterr()
    assert text.splitlines()[:3] == [
        "used:      pixel_size 101 nm, baseline 99, e_per_adu 0.45 (the saved camera orca)",
        "           psf_sigma 129 nm (given)",
        "           em_gain 1, read_sigma 1.5 (the movie's tags)",
    ]
    assert "pixel_size 101 of the saved camera orca used; the movie's tags say 100" in told
    meta = read_emitters(out).meta
    assert meta["sources"]["camera.baseline"] == "the saved camera orca"
    again = truevar.localize(movie, camera="orca", psf_sigma=129)
    assert again.meta["camera"] == meta["camera"]
    assert again.meta["sources"] == meta["sources"]
    both = truevar.localize(movie, camera={"baseline": 98}, camera_profile="orca")
    assert both.meta["sources"]["camera.baseline"] == "given"
    assert both.meta["sources"]["camera.e_per_adu"] == "the saved camera orca"
    assert main([*given[:4], "--overwrite", "--camera", "orka"]) == 2
    assert "no saved camera orka" in capsys.readouterr().err


@pytest.mark.skipif(not available_models(), reason="no model came with the package")
def test_a_camera_with_maps(
    own_settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    movie, maps = str(tmp_path / "m.tif"), str(tmp_path / "maps.npy")
    what = "simulate --scene 2d-scmos --density 0.3 --frames 2 --size 32 --quiet"
    assert main([*what.split(), "-o", movie, "--truth", str(tmp_path / "t.csv")]) == 0
    np.save(maps, np.stack([np.full((32, 32), value) for value in (100.0, 10.0, 1 / 0.46)]))
    said(capsys, "add", "orca", "--pixel-size", "100", "--psf-sigma", "130", "--camera-maps", maps)
    Path(maps).unlink()
    assert "psf_sigma 130, per-pixel maps" in said(capsys, "list")
    assert f"camera_maps {own_settings}" in said(capsys, "show", "orca")
    found = truevar.localize(movie, camera="orca")
    assert found.meta["camera"]["per_pixel_maps"]
    assert found.meta["sources"]["camera"] == "per-pixel maps"
    assert main(["localize", movie, "-o", str(tmp_path / "o.csv"), "--camera", "orca"]) == 0
    assert "(per-pixel maps)" in capsys.readouterr().out
    own = ["localize", movie, "-o", str(tmp_path / "p.csv"), "--camera", "orca", "--baseline", "99"]
    assert main(own) == 0
    assert "baseline given: the camera maps" in capsys.readouterr().err
    assert not read_emitters(tmp_path / "p.csv").meta["camera"]["per_pixel_maps"]
