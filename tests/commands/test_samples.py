"""``truevar localize --samples``."""

from __future__ import annotations

import numpy as np
import pytest

from truevar.cli import main
from truevar.io.tables.table import read_emitters
from truevar.simulation.scenes import simulate

OPTIONS = ["--pixel-size", "100", "--psf-sigma", "130", "--baseline", "100", "--e-per-adu", "0.5"]
DRAWN = [*OPTIONS, "--model", "true-var-small", "--samples", "2"]


@pytest.fixture(scope="module")
def movie(tmp_path_factory):
    path = tmp_path_factory.mktemp("movie") / "movie.npy"
    np.save(path, simulate("2d-scmos", 0.5, 6, 48, seed=4).frames())
    return str(path)


def test_samples_are_written_counted_and_taken_apart(tmp_path, movie, capsys):
    drawn, one, linked = (str(tmp_path / name) for name in ("drawn.csv", "one.csv", "linked.csv"))
    picture = tmp_path / "drawn.png"
    assert main(["localize", movie, "-o", drawn, "--picture", str(picture), *DRAWN]) == 0
    said = capsys.readouterr().out
    table = read_emitters(drawn)
    assert set(table["sample"]) == {0, 1}
    assert f"{len(table):,} in 6 frames of 2 samples, {len(table) / 12:.4g} per frame" in said
    assert picture.exists()
    assert main(["link", drawn, "-o", linked]) == 2
    assert "take one of them (filter by sample == 0)" in capsys.readouterr().err
    assert main(["filter", drawn, "-o", one, "--where", "sample == 0"]) == 0
    assert main(["link", one, "-o", linked]) == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--samples", "0"], "--samples"),
        (["--samples", "2", "--preview"], "has no --samples"),
        (["--samples", "2", "--report", "r.html"], "leave out --samples or --report"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_a_line(tmp_path, movie, capsys, options, said):
    assert main(["localize", movie, "-o", str(tmp_path / "t.csv"), *OPTIONS, *options]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
