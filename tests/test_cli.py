"""The command line: what every command does, and what it says to bad input."""

from __future__ import annotations

import builtins
import errno
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import truevar
from truevar.cli import COMMANDS, main
from truevar.commands import parser as values
from truevar.io.tables.table import read_emitters
from truevar.model.weights import DEFAULT_MODEL, available_models
from truevar.simulation.scenes import simulate

pytestmark = pytest.mark.skipif(not available_models(), reason="no model came with the package")

GIVEN = ["--pixel-size", "100", "--psf-sigma", "130", "--baseline", "100", "--e-per-adu", "0.46"]
GIVEN += ["--read-noise", "1.5"]
"""Nothing left to estimate or to assume, so nothing is said on the way."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with movie.tif, its truth, and found.csv with its picture."""
    folder = tmp_path_factory.mktemp("made")
    simulated = "simulate --scene 2d-scmos --density 0.3 --frames 12 --size 32 --seed 5 --quiet"
    movie, truth = str(folder / "movie.tif"), str(folder / "truth.csv")
    assert main([*simulated.split(), "-o", movie, "--truth", truth]) == 0
    found, picture = str(folder / "found.csv"), str(folder / "found.png")
    assert main(["localize", movie, "-o", found, "--picture", picture, "--quiet"]) == 0
    return folder


def fails(capsys: pytest.CaptureFixture[str], *argv: object, code: int = 2) -> str:
    """Run a command that must fail with one line on stderr; that line."""
    capsys.readouterr()
    assert main([str(one) for one in argv]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("truevar: error: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert len(err) < 400
    return err


# Each command


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"usage: truevar {name}")
    assert err == ""


def test_help_of_localize_names_all_options(capsys: pytest.CaptureFixture[str]) -> None:
    main(["localize", "--help"])
    said = capsys.readouterr().out
    wanted = (
        "--pixel-size NM --psf-sigma NM --baseline ADU --e-per-adu G --em-gain M --read-noise E "
        "--camera NAME|FILE --camera-maps FILE.npy --camera-offset X,Y --frames A:B "
        "--min-prob P --roi X0:X1,Y0:Y1 --model NAME|PATH --device D --picture PNG"
    )
    for option in wanted.split(" --"):
        assert option.removeprefix("--") in said


def test_no_command_prints_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out.startswith("usage: truevar")
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"truevar {truevar.__version__}\n"


def test_simulate_writes_what_the_function_makes(made: Path) -> None:
    same = simulate("2d-scmos", 0.3, 12, 32, 5)
    np.testing.assert_array_equal(tifffile.imread(made / "movie.tif"), same.frames())
    truth = read_emitters(made / "truth.csv")
    np.testing.assert_allclose(truth.x, same.truth.x, atol=1e-3)
    np.testing.assert_array_equal(truth["id"], same.truth["id"])
    assert truth.meta["camera"] == same.camera.describe()


@pytest.mark.parametrize("ending", ["csv", "hdf5"])
def test_simulate_tells_which_two_emitters_are_a_pair(tmp_path: Path, ending: str) -> None:
    what = "simulate --scene pair --separation 104 --ratio 3 --photons 2000 --background 10"
    truth = tmp_path / f"truth.{ending}"
    given = [*what.split(), "--frames", "7", "--size", "40", "--seed", "6", "--quiet"]
    assert main([*given, "-o", str(tmp_path / "m.tif"), "--truth", str(truth)]) == 0
    same = simulate("pair", None, 7, 40, 6, 10, separation=104, photons=2000, ratio=3)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "m.tif"), same.frames())
    table = read_emitters(truth)
    np.testing.assert_array_equal(table["pair"], same.truth["pair"])
    assert table.meta["separation"] == 104


def test_a_large_movie_is_a_bigtiff(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("truevar.io.movies.write.LARGEST_IMAGEJ", 1000)
    what = ["simulate", "--scene", "2d-emccd", "--density", "1", "--frames", "3", "--size", "16"]
    assert main([*what, "-o", str(tmp_path / "m.tif"), "--truth", str(tmp_path / "t.csv")]) == 0
    with tifffile.TiffFile(tmp_path / "m.tif") as file:
        assert file.is_bigtiff
    assert main(["info", str(tmp_path / "m.tif")]) == 0
    said = capsys.readouterr().out
    for line in ("3 of 16 x 16 px", "pixel_size: 100", "em_gain: 300", "read_sigma: 74.4"):
        assert line in said


def test_localize_tells_what_it_did(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = made / "told.hdf5"
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
    assert main([*argv, str(first), *GIVEN]) == 0
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


def test_convert_and_render(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hdf5, csv, png = tmp_path / "a.hdf5", tmp_path / "b.csv", tmp_path / "c.png"
    assert main(["convert", str(made / "found.csv"), str(hdf5)]) == 0
    assert main(["convert", str(hdf5), str(csv)]) == 0
    assert main(["render", str(csv), "-o", str(png), "--pixel", "20"]) == 0
    assert str(png) in capsys.readouterr().out
    before, after = read_emitters(made / "found.csv"), read_emitters(csv)
    np.testing.assert_array_equal(after.frame, before.frame)
    np.testing.assert_allclose(after.x, before.x, atol=1e-3)
    np.testing.assert_allclose(after.prob, before.prob, rtol=1e-5)
    assert png.read_bytes().startswith(b"\x89PNG")


def test_info(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    said = capsys.readouterr().out
    for word in ("truevar", "torch", "cpu", "default", "threshold", "psf_sigma", "training"):
        assert word in said
    assert main(["info", str(made / "found.csv")]) == 0
    assert "sigma_photons" in capsys.readouterr().out
    assert main(["info", str(available_models()[DEFAULT_MODEL])]) == 0
    assert "threshold" in capsys.readouterr().out


# Bad input


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
def test_a_movie_that_cannot_be_used(
    bad: Path, name: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(bad.iterdir())
    outputs = ["-o", bad / "out.csv", "--picture", bad / "out.png"]
    assert said in fails(capsys, "localize", bad / name, *outputs, *GIVEN)
    assert sorted(bad.iterdir()) == before
    if name not in ("nan.tif", "zero.tif"):
        assert said in fails(capsys, "info", bad / name)


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
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = [option.format(made=made, tmp=tmp_path) for option in options]
    argv = ["localize", made / "movie.tif", "-o", tmp_path / "out.csv", *options]
    assert said in fails(capsys, *argv)
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
    made: Path, tmp_path: Path, argv: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word.format(made=made, t=tmp_path) for word in argv.split()]
    assert said in fails(capsys, *words)
    assert list(tmp_path.iterdir()) == []


def test_a_table_that_does_not_tell_its_pixel_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.csv").write_text('"frame","x [nm]","y [nm]"\n1,50,50\n')
    assert "--pixel-size" in fails(capsys, "convert", tmp_path / "t.csv", tmp_path / "o.hdf5")
    assert "--size" in fails(
        capsys, "evaluate", tmp_path / "t.csv", tmp_path / "t.csv", "--pixel-size", "100"
    )


class _Full:
    """An open file on a disk that has no room left."""

    def __init__(self, file: Any):
        self._file = file

    def write(self, data: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> _Full:
        return self

    def __exit__(self, *why: object) -> None:
        self._file.close()


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.open

    def opened(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        handle = real(file, mode, *args, **kwargs)
        return _Full(handle) if ".part" in str(file) and "r" not in mode else handle

    monkeypatch.setattr(builtins, "open", opened)
    monkeypatch.setattr(io, "open", opened)


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize(
    "argv",
    [
        "localize {made}/movie.tif -o {t}/out.csv --quiet",
        "localize {made}/movie.tif -o {t}/out.hdf5 --quiet",
        "simulate --scene 2d-dim --density 1 --frames 3 --size 16 -o {t}/m.tif --truth {t}/t.csv",
        "render {made}/found.csv -o {t}/out.png",
        "convert {made}/found.csv {t}/out.hdf5",
    ],
)
def test_a_full_disk(
    made: Path, tmp_path: Path, argv: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word.format(made=made, t=tmp_path) for word in argv.split()]
    assert "disk is full" in fails(capsys, *words)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_cannot_be_written_does_not_cost_the_table(
    made: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(*_: object) -> None:
        raise truevar.UserError("the disk is full")

    monkeypatch.setattr("truevar.commands.localize.draw", full)
    outputs = ["-o", tmp_path / "out.csv", "--picture", tmp_path / "out.png", "--quiet"]
    assert "out.csv is complete" in fails(capsys, "localize", made / "movie.tif", *outputs)
    assert len(read_emitters(tmp_path / "out.csv")) > 0


def test_a_movie_without_its_truth_does_not_appear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise truevar.UserError("the disk is full")

    monkeypatch.setattr(truevar.Emitters, "write", full)
    what = ["simulate", "--scene", "2d-dim", "--density", "1", "--frames", "3", "--size", "16"]
    fails(capsys, *what, "-o", tmp_path / "m.tif", "--truth", tmp_path / "t.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "stopped"),
        (MemoryError(), 1, "out of memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 1 bytes"), 1, "out of memory"),
        (truevar.UserError("two\nlines"), 2, "two lines"),
    ],
)
def test_stopped_on_the_way(
    made: Path,
    tmp_path: Path,
    error: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("truevar.inference.engine.Engine.run", stop)
    argv = ["localize", made / "movie.tif", "-o", tmp_path / "out.csv", "--quiet"]
    assert said in fails(capsys, *argv, code=code)
    assert list(tmp_path.iterdir()) == []


def test_a_bug_keeps_its_traceback(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("truevar.inference.engine.Engine.run", stop)
    with pytest.raises(RuntimeError, match="a bug"):
        main(["localize", str(made / "movie.tif"), "-o", str(made / "never.csv"), "--quiet"])


def test_a_closed_pipe_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "truevar", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 0
    assert said == b""


def test_help_and_mistakes_do_not_wait_for_torch() -> None:
    script = (
        "import sys; from truevar.cli import main;"
        "main(['--help']); main(['localize', '--help']);"
        "main(['localize', 'm.tif', '-o', 'out.txt']); main(['info', 'no.tif']);"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_ranges_and_sizes() -> None:
    assert values.frame_range("3:") == (3, None)
    assert values.frame_range(":7") == (None, 7)
    assert values.region("0:16,:32") == (0, 16, None, 32)
    assert values.size("128x64") == (128, 64)
    assert values.size("64") == (64, 64)
    assert values.position("512, 0") == (512, 0)
