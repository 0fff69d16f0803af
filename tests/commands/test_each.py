"""Several movies, each to a table of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from truevar.cli import main
from truevar.model.weights import available_models
from truevar.simulation.scenes import simulate

pytestmark = pytest.mark.skipif(not available_models(), reason="no model came with the package")

OPTIONS = ["--pixel-size", "100", "--psf-sigma", "130"]


@pytest.fixture
def movies(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{name}.npy" for name in "ab"]
    for seed, path in enumerate(paths):
        np.save(path, simulate("2d-scmos", 0.5, 4, 24, seed=seed).frames())
    return paths


def test_each_has_the_table_that_it_has_alone(
    movies: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "tables"
    command = ["localize", *map(str, movies), "-o", str(folder), "--each", *OPTIONS]
    assert main(command) == 0
    assert f"{movies[1]} (2 of 2)" in capsys.readouterr().out
    assert {one.name for one in folder.iterdir()} == {
        *(f"{name}.csv" for name in "ab"),
        *(f"{name}.csv.yaml" for name in "ab"),
    }
    alone = tmp_path / "b.csv"
    assert main(["localize", str(movies[1]), "-o", str(alone), *OPTIONS, "--quiet"]) == 0
    assert (folder / "b.csv").read_bytes() == alone.read_bytes()
    assert main([*command, "--resume"]) == 0
    assert capsys.readouterr().out.count("is complete; it is taken as it is") == 2
    assert main([*command, "--format", "picasso", "--quiet"]) == 0
    assert (folder / "a.hdf5").exists()


def test_what_is_wrong_with_one_does_not_keep_the_others_back(
    movies: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "0.npy"
    broken.write_bytes(b"nothing")
    given = ["localize", str(broken), *map(str, movies), "-o", str(tmp_path / "tables")]
    assert main([*given, "--each", "--quiet", *OPTIONS]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert said[0].startswith(f"error: {broken}: ")
    assert "1 of 3 movies were not localised" in said[1]
    assert (tmp_path / "tables" / "b.csv").exists()


def test_what_is_for_one_movie_is_refused(
    movies: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same = tmp_path / "other" / "a.npy"
    for paths, options, said in (
        (movies, ["--picture", "p.png"], "leave out --picture or --each"),
        (movies, ["--follow", "3"], "leave out --follow or --each"),
        ([movies[0], same], [], "would both be written to"),
        (movies, ["--format", "elyra"], "no format 'elyra' can be written"),
    ):
        given = ["localize", *map(str, paths), "-o", str(tmp_path / "tables"), "--each"]
        assert main([*given, *options]) == 2
        assert said in capsys.readouterr().err
        assert not (tmp_path / "tables").exists()
