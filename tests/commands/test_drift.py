"""truevar drift: a table in, a table, a curve and a picture out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import truevar
from truevar.cli import main
from truevar.emitters import Emitters

FRAMES = 300


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Molecules at 200 places in a sample that moves by 100 nm along x, and back along y."""
    random = np.random.default_rng(1)
    place = random.uniform(0, 6000, (200, 2))[random.integers(200, size=4000)]
    frame = random.integers(FRAMES, size=4000)
    seen = place + random.normal(0, 10, place.shape)
    seen += np.outer(frame / FRAMES, [100, -60])
    columns = {"frame": frame, "x": seen[:, 0], "y": seen[:, 1]}
    columns |= {"sigma_x": np.full(4000, 10.0), "sigma_y": np.full(4000, 10.0)}
    path = tmp_path / "e.csv"
    truevar.write(Emitters(columns, {"pixel_size": 100.0, "width": 64, "height": 64}), path)
    return path


def test_drift(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output, curve, picture = (table.with_name(name) for name in ("o.hdf5", "d.csv", "d.png"))
    options = ["drift", str(table), "-o", str(output)]
    options += ["--drift", str(curve), "--picture", str(picture)]
    assert main(options) == 0
    said = capsys.readouterr().out
    assert "drift:     " in said
    assert "error:     ± " in said
    assert f"curve:     {curve}" in said
    before, corrected = truevar.read(table), truevar.read(output)
    step = corrected.meta["steps"][-1]
    assert step["step"] == "drift"
    assert step["range_x"] == pytest.approx(100, abs=8)
    taken = before.x - corrected.x
    rows = np.loadtxt(curve, delimiter=",", skiprows=1)
    assert rows.shape == (FRAMES, 5)
    np.testing.assert_allclose(taken, np.interp(before.frame, rows[:, 0], rows[:, 1]), atol=0.02)
    expected = 100 * (np.arange(FRAMES) / FRAMES - 0.5)
    assert np.sqrt(np.mean((rows[:, 1] - expected) ** 2)) < 3
    assert picture.read_bytes().startswith(b"\x89PNG")
    # Nothing is replaced unasked, and that is known before the work.
    for there in (output, curve, picture):
        kept = {path: path.read_bytes() for path in (output, curve, picture)}
        for path in kept:
            if path != there:
                path.unlink()
        output.with_suffix(".yaml").unlink(missing_ok=True)
        assert main(options) == 2
        assert f"{there} exists already" in capsys.readouterr().err
        for path, content in kept.items():
            path.write_bytes(content)


def test_where_it_cannot_be_told_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {"frame": np.arange(60), "x": np.linspace(0, 900, 60), "y": np.linspace(0, 900, 60)}
    truevar.write(Emitters(rows, {"pixel_size": 100.0}), tmp_path / "few.csv")
    options = ["drift", str(tmp_path / "few.csv"), "-o", str(tmp_path / "o.csv")]
    assert main([*options, "--drift", str(tmp_path / "d.csv")]) == 2
    err = capsys.readouterr().err
    assert "the drift cannot be told from 60 localisations" in err
    assert err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["few.csv", "few.csv.yaml"]


def test_mistakes_are_one_line(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = ["drift", str(table), "-o", str(table.with_name("o.csv"))]
    for options, said in (
        ([*base, "--drift", str(table.with_name("o.csv"))], "each its own"),
        ([*base, "--drift", str(table), "--overwrite"], "is the table that is read"),
        ([*base, "--picture", str(table.with_name("d.pdf"))], ".png"),
        ([*base, "--drift", str(table.with_name("none") / "d.csv")], "none"),
    ):
        capsys.readouterr()
        assert main(options) == 2
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1
    assert not table.with_name("o.csv").exists()
