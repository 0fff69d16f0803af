"""``truevar localize``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import tifffile

import truevar
from truevar.cli import main
from truevar.io.tables.table import read_emitters
from truevar.model.weights import available_models

pytestmark = pytest.mark.skipif(not available_models(), reason="no model came with the package")

GIVEN = {"pixel_size": 100.0, "psf_sigma": 130.0}
OPTIONS = ["--pixel-size", "100", "--psf-sigma", "130", "--baseline", "100", "--e-per-adu", "0.5"]

Fails = Callable[..., str]


@pytest.fixture
def frames():
    return np.random.default_rng(0).poisson(150, (6, 16, 18)).astype(np.uint16)


def test_a_guessed_axis_is_said_and_kept(tmp_path, frames, capsys):
    movie, table = str(tmp_path / "a.mat"), str(tmp_path / "a.csv")
    scipy.io.savemat(movie, {"mov": frames.transpose(1, 2, 0)})  # 16 x 18 x 6
    camera = {"baseline": 100, "e_per_adu": 0.5}
    assert (
        truevar.localize(movie, camera=camera, **GIVEN).meta["notes"]
        == ["the last axis of mov (16 x 18 x 6) is taken for frames"]
        + truevar.localize(frames, camera=camera, **GIVEN).meta["notes"]
    )
    scipy.io.savemat(movie, {"mov": np.tile(frames, (4, 1, 1)).transpose(1, 2, 0)})
    assert main(["localize", movie, "-o", table, *OPTIONS]) == 0
    said = capsys.readouterr().err
    assert "warning: the last axis of mov (16 x 18 x 24) is taken" in said
    said = read_emitters(table).meta["warnings"]
    assert any('axes="yxt" says that this is right' in line for line in said)


def test_axes_are_taken(tmp_path, frames, capsys):
    movie, table = str(tmp_path / "a.mat"), str(tmp_path / "a.csv")
    scipy.io.savemat(movie, {"mov": frames})
    assert main(["localize", movie, "-o", table, "--axes", "TYX", *OPTIONS]) == 0
    assert "axis" not in capsys.readouterr().err
    assert read_emitters(table).meta["frames"] == 6
    assert main(["localize", movie, "-o", table, "--axes", "zyx", *OPTIONS]) == 2
    assert "--axes" in capsys.readouterr().err


def test_the_parts_of_a_movie(tmp_path, frames, capsys):
    names = [str(tmp_path / name) for name in ("m.tif", "m_1.tif")]
    for number, name in enumerate(names):
        tifffile.imwrite(name, frames[3 * number : 3 * number + 3], photometric="minisblack")
    table = str(tmp_path / "t.csv")
    assert main(["localize", names[0], "-o", table, *OPTIONS]) == 0
    assert "warning: m_1.tif beside m.tif may be a part" in capsys.readouterr().err
    assert read_emitters(table).meta["frames"] == 3
    assert main(["localize", *names, "-o", str(tmp_path / "both.csv"), *OPTIONS]) == 0
    assert "may be a part" not in capsys.readouterr().err
    meta = read_emitters(tmp_path / "both.csv").meta
    assert (meta["frames"], meta["movie"]) == (6, "m.tif to m_1.tif")


def test_localize_tells_what_it_did(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "told.hdf5"
    assert main(["localize", str(made / "movie.tif"), "-o", str(out)]) == 0
    said, noted = capsys.readouterr()
    table = read_emitters(out)
    assert f"{len(table):,} in 12 frames" in said
    assert "frames per second" in said
    assert "nm (median standard error" in said
    assert str(out) in said
    assert "note: PSF width estimated from" in noted
    assert out.with_suffix(".yaml").exists()
    assert table.meta["camera"]["e_per_adu"] == 0.46
    csv = read_emitters(made / "found.csv")
    np.testing.assert_allclose(csv.x, table.x, atol=1e-2)


def test_localize_part_of_a_movie(made: Path, tmp_path: Path) -> None:
    out, picture = tmp_path / "part.csv", tmp_path / "part.png"
    part = ["--frames", "3:9", "--roi", "8:,0:24", "--min-prob", "0.2", "--quiet"]
    movie = str(made / "movie.tif")
    assert main(["localize", movie, "-o", str(out), "--picture", str(picture), *part]) == 0
    table = read_emitters(out)
    assert table.meta["frame_range"] == [3, 9]
    assert table.meta["region"] == [8, 32, 0, 24]
    assert set(table.frame) <= set(range(3, 9))
    assert np.all(table.x >= 750)
    assert np.all(table.y <= 2350)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_camera_file_and_options_before_it(made: Path, tmp_path: Path) -> None:
    camera = tmp_path / "camera.yaml"
    camera.write_text("Baseline: 99\nSensitivity: 0.5\nGain: 1\nQe: 0.8\npsf_sigma: 140\n")
    out = tmp_path / "out.csv"
    options = ["--camera", str(camera), "--baseline", "101", "--pixel-size", "110", "--quiet"]
    # The movie's own tags, which say otherwise, come last.
    assert main(["localize", str(made / "movie.tif"), "-o", str(out), *options]) == 0
    meta = read_emitters(out).meta
    assert meta["camera"]["baseline"] == 101
    assert meta["camera"]["e_per_adu"] == 0.5
    assert (meta["pixel_size"], meta["psf_sigma"]) == (110, 140)


def test_the_file_beside_a_table_is_a_camera_file(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "movie.npy", tifffile.imread(made / "movie.tif"))
    first, again = tmp_path / "first.hdf5", tmp_path / "again.hdf5"
    argv = ["localize", str(tmp_path / "movie.npy"), "-o"]
    assert main([*argv, str(first), *OPTIONS, "--e-per-adu", "0.46", "--read-noise", "1.5"]) == 0
    capsys.readouterr()
    assert main([*argv, str(again), "--camera", str(first.with_suffix(".yaml"))]) == 0
    assert capsys.readouterr().err == ""
    one, two = read_emitters(first), read_emitters(again)
    numbers = [dict(table.meta["camera"], source="") for table in (one, two)]
    assert numbers[0] == numbers[1]
    np.testing.assert_array_equal(one.x, two.x)


def test_an_estimate_is_said_and_kept(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "movie.npy", tifffile.imread(made / "movie.tif"))
    out = tmp_path / "out.csv"
    assert main(["localize", str(tmp_path / "movie.npy"), "-o", str(out)]) == 0
    said = capsys.readouterr().err.splitlines()
    warned = [line for line in said if line.startswith("warning: ")]
    assert any("pixel size" in line for line in warned)
    assert any("gain" in line or "e_per_adu" in line for line in warned)
    meta = read_emitters(out).meta
    options = {  # in the metadata as Python has them
        "--pixel-size NM": "pixel_size=NM",
        "--em-gain": 'camera={"em_gain": …}',
    }
    for option, argument in options.items():
        warned = [line.replace(option, argument) for line in warned]
    assert [f"warning: {line}" for line in meta["warnings"]] == warned
    noted = [line for line in said if line.startswith("note: ")]
    assert [f"note: {line}" for line in meta["notes"]] == noted
    assert "photon transfer" in meta["camera"]["source"]


def test_a_width_outside_the_domain_is_a_warning(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out.csv")
    assert main(["localize", str(made / "movie.tif"), "-o", out, "--psf-sigma", "400"]) == 0
    said = capsys.readouterr().err
    low, high = truevar.load_model().domain["psf_sigma"]
    assert "warning: a PSF width of 400 nm" in said
    assert "domain" in said
    assert f"{low:g} to {high:g} px" in said


def test_a_picture_that_cannot_be_written_does_not_cost_the_table(
    made: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fails: Fails,
) -> None:
    def full(*_: object) -> None:
        raise truevar.UserError("the disk is full")

    monkeypatch.setattr("truevar.commands.localize.draw", full)
    outputs = ["-o", tmp_path / "out.csv", "--picture", tmp_path / "out.png", "--quiet"]
    said = fails("localize", made / "movie.tif", *outputs)
    assert "out.csv is complete" in said
    assert "--resume" not in said  # there is nothing left to go on with
    assert len(read_emitters(tmp_path / "out.csv")) > 0


def test_two_outputs_of_one_name_are_refused_before_the_work(
    made: Path, tmp_path: Path, fails: Fails
) -> None:
    out, picture = tmp_path / "out.csv", tmp_path / "out.png"
    outputs = ["-o", out, "--picture", picture, "--live", picture]
    assert "have one name" in fails("localize", made / "movie.tif", *outputs)
    assert list(tmp_path.iterdir()) == []
