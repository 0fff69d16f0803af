"""The full report of truevar benchmark: what is kept, who takes part, what the page says."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.evaluation.joint_limits import limit_efficiency
from truevar.io.tables.table import write_emitters

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The scripts by name, as one of them imports the others."""
    monkeypatch.syspath_prepend(BENCHMARKS)

    def get(name: str) -> ModuleType:
        return __import__(name)

    return get


@pytest.fixture
def scene(scripts: Any, tmp_path: Path) -> Any:
    """One movie of three frames that are scored."""
    return scripts("scene_score").Scene.draw("2d-widths-130", 0.3, 3, 5, tmp_path)


def figures(value: float, **more: Any) -> dict[str, Any]:
    """As a score's as_dict has them, as far as the page looks at them."""
    spans = {"efficiency": [value - 1, value + 1], "jaccard": [89.0, 91.0], "rmse": [9.0, 11.0]}
    told = {"efficiency": value, "jaccard": 90.0, "rmse": 10.0, "frames": 30}
    return {**told, "intervals": spans, **more}


def record(density: float, ahead: float) -> dict[str, Any]:
    difference = {"value": ahead, "interval": [ahead - 3, ahead + 3], "clear": abs(ahead) > 3}
    picasso = figures(80 - ahead, box=7, gradient=300, version="0.11.3", model_ahead=difference)
    settings = {"model": "m", "weights": "w", "frames": 30, "limit_frames": 4, "seed": 1}
    return {
        "scene": "2d-dim",
        "density": density,
        "settings": settings,
        "model": figures(80, threshold=0.7),
        "picasso": picasso,
        "limit_1": figures(70),
        "limit_3": figures(85),
    }


def test_the_page_counts_what_is_better_and_what_is_worse(scripts: Any, tmp_path: Path) -> None:
    page = scripts("protocol_report")
    records = [record(0.2, 40), record(1, -2), record(2, -20)]
    text = page.report(records, 22)
    assert "3 of the 22 scenes" in text
    assert "better on 1 of 3, worse on 1" in text
    assert "| 2d-dim | 0.2 | 30 | 80.0 (79.0 to 81.0) | 40.0 (39.0 to 41.0) | **+40.0**" in text
    assert "(3 with intervals that do not meet)" in text
    page.picture(records, tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 10_000


def test_limits_are_those_of_the_evaluation(scripts: Any, scene: Any) -> None:
    (movie,) = scene.movies
    found = scripts("scene_score").limits(scene, 3, 3)
    expected = limit_efficiency(
        movie.emitters,
        movie.pixel_size,
        movie.shape[1:],
        movie.psf_sigma,
        movie.camera,
        background=movie.background_HW.double().numpy(),
        window=3,
        frames=[4, 5, 6],
    )
    for name in ("efficiency", "jaccard", "rmse"):
        assert found[name] == pytest.approx(getattr(expected, name))
    low, high = found["intervals"]["efficiency"]
    assert low <= found["efficiency"] <= high


def test_another_program_is_scored_by_the_table_it_writes(
    scripts: Any, scene: Any, tmp_path: Path
) -> None:
    (movie,) = scene.movies
    write_emitters(movie.truth, tmp_path / "true.csv")
    score = scripts("scene_score")
    assert scene.paths[0].is_file()
    told = score.of_command(scene, f"{shutil.which('cp')} {tmp_path / 'true.csv'} {{table}}")
    assert told.frames == 3
    assert told.jaccard == 100
    assert told.rmse < 0.1
    with pytest.raises(UserError, match="no table was written"):
        score.of_command(scene, f"{shutil.which('true')} {{movie}}")
    with pytest.raises(UserError, match="cannot run nothing-of-the-kind"):
        score.of_command(scene, "nothing-of-the-kind {movie} {table}")


def test_picasso_is_told_at_the_settings_that_serve_it_best(
    scripts: Any, scene: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Box 7 finds the truth above a gradient, and as much beside it below; box 5 half of it."""
    (movie,) = scene.movies
    truth = movie.truth
    n = len(truth)

    def fits(python: str, movies: Any, camera: Any, boxes: Any, folder: Path) -> str:
        assert movies == scene.paths
        assert camera is movie.camera
        for box in boxes:
            rows = np.r_[np.arange(n), np.arange(n)] if box == 7 else np.arange(0, n, 2)
            wrong = np.arange(len(rows)) >= n
            columns = {a: truth[a][rows] / 100 + 3.0 * wrong for a in "xy"}
            lengths = dict.fromkeys(("lpx", "lpy"), np.full(len(rows), 0.1))
            rest = dict.fromkeys(("photons", "bg"), np.ones(len(rows)))
            gradient = np.where(wrong, 100.0, 1000.0)
            np.savez(
                folder / f"0-{box}.npz",
                frame=truth.frame[rows],
                net_gradient=gradient,
                **columns,
                **lengths,
                **rest,
            )
        return "0.11"

    monkeypatch.setattr(scripts("picasso_peer"), "_run", fits)
    score, settings = scripts("scene_score").of_picasso(scene, "python")
    assert score.jaccard == 100
    assert (settings["box"], settings["version"]) == (7, "0.11")
    assert 100 < settings["gradient"] <= 1000


def test_what_is_kept_is_not_measured_again(
    scripts: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    protocol = scripts("protocol")
    measured: list[tuple[str, float]] = []

    def measure(name: str, density: float, *_: Any) -> dict[str, Any]:
        if density == 2:
            raise KeyboardInterrupt
        measured.append((name, density))
        return {key: value for key, value in record(density, 5).items() if key != "settings"}

    monkeypatch.setattr(protocol, "measure", measure)
    monkeypatch.chdir(tmp_path)

    def run(*options: str) -> None:
        more = ["--scenes", "2d-dim", "--output", "out", *options]
        monkeypatch.setattr(sys, "argv", ["protocol.py", *more])
        assert protocol.main() == 0

    with pytest.raises(KeyboardInterrupt):
        run()
    assert measured == [("2d-dim", 0.2), ("2d-dim", 1.0)]
    run("--densities", "0.2", "1", "--picasso", "python")
    assert len(measured) == 2
    assert len(json.loads((tmp_path / "out" / "benchmark.json").read_text())) == 2
    run("--densities", "1", "--json", "one.json")
    assert [one["density"] for one in json.loads((tmp_path / "one.json").read_text())] == [1]
    run("--densities", "1", "--frames", "31")
    assert measured[2:] == [("2d-dim", 1.0)]
    run("--densities", "1", "--frames", "31", "--overwrite")
    assert measured[3:] == [("2d-dim", 1.0)]


@pytest.mark.parametrize(
    "text", ["name", "=x {movie} {table}", "a=x {movie}", "model={movie}{table}"]
)
def test_a_peer_needs_a_name_and_places_for_movie_and_table(scripts: Any, text: str) -> None:
    with pytest.raises(UserError, match="--peer"):
        scripts("protocol").peer(text)


def test_an_empty_table_counts_as_nothing_found(scripts: Any, scene: Any) -> None:
    assert scene.score([Emitters.empty()], 0.5).jaccard == 0
