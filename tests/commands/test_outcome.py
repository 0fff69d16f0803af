import shutil
from pathlib import Path

import numpy as np
import pytest

import truevar
from truevar.cli import main
from truevar.commands import outcome
from truevar.errors import UserError
from truevar.io.tables.table import read_emitters, write_emitters
from truevar.model.weights import available_models

SIMULATE = ["simulate", "--scene", "2d-dim", "--density", "1", "--frames", "1000", "--size", "64"]


@pytest.fixture
def emitters():
    columns = {name: np.arange(1.0, 4.0) for name in ("x", "y", "photons")}
    return truevar.Emitters({"frame": np.arange(3), **columns}, {"pixel_size": 100.0})


@pytest.fixture
def free(monkeypatch):
    """A function that says how many bytes are free from now on."""

    def say(count, total=10**9):
        usage = type("Usage", (), {"total": total, "used": total - count, "free": count})
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)

    return say


@pytest.fixture
def places(tmp_path, monkeypatch):
    """The folders for temporary files and of the user."""
    for name in ("tmp", "home"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(outcome.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    monkeypatch.setattr(outcome.Path, "home", lambda: tmp_path / "home")
    return tmp_path


def full(monkeypatch, *folders):
    """Let these folders, and what is in them, have no room left."""

    def write(table, path, overwrite=False, format=None):
        if any(folder in Path(path).parents for folder in folders):
            raise UserError(f"cannot write {path}: the disk is full")
        write_emitters(table, path, overwrite, format)

    monkeypatch.setattr(truevar.Emitters, "write", write)


@pytest.mark.parametrize("name", ["t.csv", "t.hdf5"])
def test_a_table_without_a_place_is_kept_elsewhere(places, emitters, monkeypatch, name):
    (places / "out").mkdir()
    out = places / "out" / name
    outcome.write_or_rescue(emitters, out)  # the usual way
    assert len(read_emitters(out)) == 3
    for taken, kept_in in (("out", "tmp"), ("tmp", "home")):
        full(monkeypatch, places / "out", places / taken)
        with pytest.raises(UserError, match="the disk is full") as caught:
            outcome.write_or_rescue(emitters, out, overwrite=True)
        (folder,) = (places / kept_in).iterdir()
        assert f"the 3 emitters are in {folder / name} now" in str(caught.value)
        assert "\n" not in str(caught.value)
        np.testing.assert_array_equal(read_emitters(folder / name).frame, [0, 1, 2])
        shutil.rmtree(folder)
        assert list((places / "tmp").iterdir()) == []  # nothing half-written


def test_a_table_whose_name_was_taken_meanwhile_is_kept_elsewhere(places, emitters):
    (places / "out").mkdir()
    out = places / "out" / "t.csv"
    out.write_text("another's")
    with pytest.raises(UserError, match="exists already.*the 3 emitters are in"):
        outcome.write_or_rescue(emitters, out)
    assert out.read_text() == "another's"
    (folder,) = (places / "tmp").iterdir()
    assert len(read_emitters(folder / "t.csv")) == 3


def test_a_table_with_no_place_at_all(places, emitters, monkeypatch):
    full(monkeypatch, places)
    with pytest.raises(UserError, match="the 3 emitters are not written"):
        outcome.write_or_rescue(emitters, places / "out" / "t.csv")
    assert [list((places / name).iterdir()) for name in ("tmp", "home")] == [[], []]


def test_a_table_that_will_not_fit_is_said_once(tmp_path, free, capsys):
    seen = []
    report = outcome.watch_room(tmp_path / "t.csv", lambda *numbers: seen.append(numbers))
    free(1_000_000)
    report(10, 1000, 200)  # 20,000 rows of 95 bytes
    said = capsys.readouterr().err
    assert said.startswith("warning: ")
    assert "about 1.9 MB, going by the first 10 frames, and 1 MB are free" in said
    report(20, 1000, 4000)
    assert capsys.readouterr().err == ""
    assert seen == [(10, 1000, 200), (20, 1000, 4000)]


@pytest.mark.parametrize(("count", "total"), [(2_000_000, 10**9), (0, 0)])
def test_a_table_that_fits_is_not_mentioned(tmp_path, free, capsys, count, total):
    free(count, total)  # a disk of no size is one that does not tell
    report = outcome.watch_room(tmp_path / "t.csv", lambda *numbers: None)
    report(10, 1000, 200)
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not available_models(), reason="no model came with the package")
def test_localize_looks_for_room_first(tmp_path, free, capsys, monkeypatch):
    def compute(*_, **__):
        raise AssertionError("computed before looking at the disk")

    np.save(tmp_path / "m.npy", np.ones((3, 20, 20), np.uint16))
    monkeypatch.setattr("truevar.inference.localize.localize", compute)
    free(500_000)
    for more in ([], ["--picture", str(tmp_path / "p.png")]):
        out = str(tmp_path / "t.csv")
        assert main(["localize", str(tmp_path / "m.npy"), "-o", out, *more]) == 2
        said = capsys.readouterr().err
        assert "the disk is full, 0.5 MB of at least 1.05 MB are free" in said
        assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["m.npy"]


def test_simulate_knows_what_it_needs(tmp_path, free, capsys, monkeypatch):
    def compute(*_, **__):
        raise AssertionError("computed before looking at the disk")

    monkeypatch.setattr("truevar.simulation.scenes.simulate", compute)
    free(9_000_000)
    out = ["-o", str(tmp_path / "m.tif"), "--truth", str(tmp_path / "t.csv")]
    assert main([*SIMULATE, *out]) == 2
    assert "9 MB of at least 9.24 MB are free" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
