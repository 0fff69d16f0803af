"""No command replaces a file without being told to."""

from __future__ import annotations

from pathlib import Path

import pytest

from truevar.cli import main
from truevar.emitters import Emitters
from truevar.model.weights import available_models

SIMULATE = "simulate --scene 2d-dim --density 0.5 --frames 3 --size 16 --quiet"
LOCALIZE = "localize movie.tif --psf-sigma 130 --quiet"

needs_model = pytest.mark.skipif(not available_models(), reason="no model came with the package")

WRITES = [
    (f"{SIMULATE} -o a.tif --truth a.csv", ["a.tif", "a.csv", "a.csv.yaml"]),
    ("render t.csv -o a.png", ["a.png"]),
    ("report t.csv -o a.html", ["a.html"]),
    ("convert t.csv a.hdf5", ["a.hdf5", "a.yaml"]),
    ("convert t.csv a.csv", ["a.csv", "a.csv.yaml"]),
    ("convert t.csv a.csv --format smap", ["a.csv", "a.csv.yaml"]),
    ("convert t.csv a.smlm", ["a.smlm"]),
    pytest.param(
        f"{LOCALIZE} -o a.csv --picture a.png --report a.html",
        ["a.csv", "a.csv.yaml", "a.png", "a.html"],
        marks=needs_model,
    ),
    pytest.param(f"{LOCALIZE} -o a.hdf5 --format decode", ["a.hdf5"], marks=needs_model),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a movie and a table, in which commands run."""
    monkeypatch.chdir(tmp_path)
    assert main([*SIMULATE.split(), "-o", "movie.tif", "--truth", "known.csv"]) == 0
    one = {"frame": [0], "x": [100.0], "y": [100.0]}
    Emitters(one, {"pixel_size": 100.0, "width": 16, "height": 16}).write("t.csv")
    return tmp_path


@pytest.mark.parametrize(("command", "outputs"), WRITES)
def test_an_output_that_exists(
    folder: Path, command: str, outputs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    argv = command.split()
    assert main(argv) == 0
    inputs = {path.name for path in folder.iterdir()} - set(outputs)
    for name in outputs:  # each of them is guarded, even alone
        for path in folder.iterdir():
            if path.name not in inputs:
                path.unlink()
        # The metadata of a table are replaced only where they are metadata of a table.
        old = "TrueVAR: {}\n" if name.endswith(".yaml") else "old"
        (folder / name).write_text(old)
        capsys.readouterr()
        assert main(argv) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert f"{name} exists already" in said
        assert "--overwrite" in said
        assert (folder / name).read_text() == old
        assert {path.name for path in folder.iterdir()} == {*inputs, name}
    for _ in "twice":
        assert main([*argv, "--overwrite"]) == 0
        assert {path.name for path in folder.iterdir()} == inputs | set(outputs)
        assert all((folder / name).stat().st_size > 12 for name in outputs)


def test_it_is_said_before_the_work(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(*_: object, **__: object) -> None:
        raise AssertionError("the work was begun")

    for place in (
        "truevar.simulation.scenes.simulate",
        "truevar.inference.localize.localize",
        "truevar.io.tables.table.read_emitters",
        "truevar.view.render.render",
    ):
        monkeypatch.setattr(place, work)
    for command in (
        f"{SIMULATE} -o movie.tif --truth new.csv",
        f"{SIMULATE} -o new.tif --truth known.csv",
        f"{LOCALIZE} -o known.csv",
        f"{LOCALIZE} -o new.csv --picture old.png",
        f"{LOCALIZE} -o new.csv --report old.html",
        "render known.csv -o old.png",
        "report known.csv -o old.html",
        "convert known.csv t.csv",
    ):
        (folder / "old.png").touch()
        (folder / "old.html").touch()
        assert main(command.split()) == 2, command


def test_a_table_is_never_converted_onto_itself(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "t.csv").read_bytes()
    assert main(["convert", "t.csv", "t.csv", "--overwrite"]) == 2
    assert "write to another file" in capsys.readouterr().err
    assert (folder / "t.csv").read_bytes() == before
