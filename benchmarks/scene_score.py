"""Scores and limits of a scene at a density, by docs/protocol.md; what protocol.py puts together.

A movie has :data:`EDGE` frames more on either side than are scored, so that every scored frame has
all the neighbours that a model looks at, as nearly all frames of a real movie have.
"""

from __future__ import annotations

import hashlib
import math
import shlex
import subprocess
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from picasso_peer import at_its_best

import truevar
from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.evaluation.bootstrap import Figures, FrameSums, interval
from truevar.evaluation.joint_limits import joint_bound
from truevar.evaluation.matching import RADIUS_NM, efficiency, is_scored
from truevar.evaluation.score import RESAMPLES, Score, paired_difference, pool
from truevar.evaluation.scoring import evaluate
from truevar.io.movies.write import write_tiff
from truevar.model.weights import TrainedModel
from truevar.simulation.movie import SimulatedMovie
from truevar.simulation.scenes import SCENES, simulate

SIZE = 64
EDGE = 4
CANDIDATES = 0.05
"""Least probability that is asked for, so that the reliability of ``prob`` can be judged."""


@dataclass
class Scene:
    """Movies of one scene and density at its backgrounds, as TIFFs.

    Attributes:
        movies: simulated, already drawn.
        paths: of the TIFFs.
        frames: scored in each movie.
    """

    movies: list[SimulatedMovie]
    paths: list[Path]
    frames: int

    @classmethod
    def draw(cls, name: str, density: float, frames: int, seed: int, folder: Path) -> Scene:
        """``frames`` in all, the same number at each background (so rounded up)."""
        levels = sorted(set(SCENES[name].backgrounds))
        each = math.ceil(frames / len(levels))
        movies, paths = [], []
        for number, level in enumerate(levels):
            movie = simulate(name, density, each + 2 * EDGE, SIZE, seed + 17 * number, level)
            path = folder / f"{name}-{density:g}-{level:g}.tif"
            pages = movie.frames()
            write_tiff(path, iter(pages), pages.shape, movie.pixel_size, movie.camera.describe())
            movies.append(movie)
            paths.append(path)
        return cls(movies, paths, each)

    def scored(self, table: Emitters) -> Emitters:
        """Rows of the frames that are scored, which count from 0 then."""
        kept = table.select((table.frame >= EDGE) & (table.frame < EDGE + self.frames))
        return kept.with_columns(frame=kept.frame - EDGE)

    def score(
        self, tables: Sequence[Emitters], min_prob: float | None = None, resamples: int = RESAMPLES
    ) -> Score:
        """All movies together."""
        scores = [
            evaluate(
                self.scored(table),
                self.scored(movie.truth),
                min_prob=min_prob,
                frames=self.frames,
                resamples=0,
            )
            for table, movie in zip(tables, self.movies, strict=True)
        ]
        return pool(scores, resamples)


def of_model(scene: Scene, model: TrainedModel) -> Score:
    """At the model's own threshold; the TIFFs are read as a user's are, told the PSF's width."""
    tables = []
    for movie, path in zip(scene.movies, scene.paths, strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a scene may lie at the edge of what a model knows
            tables.append(
                truevar.localize(path, model=model, psf_sigma=movie.psf_sigma, min_prob=CANDIDATES)
            )
    return scene.score(tables, model.threshold)


def of_picasso(scene: Scene, python: str) -> tuple[Score, dict[str, Any]]:
    """At the box and the threshold with the best E on these very frames; and which they are."""
    movie = scene.movies[0]

    def worth(tables: list[Emitters]) -> float:
        found = scene.score(tables, resamples=0).efficiency
        return -math.inf if math.isnan(found) else found

    best = at_its_best(python, scene.paths, movie.camera, movie.pixel_size, worth)
    return scene.score(best.tables), best.settings


def of_command(scene: Scene, command: str) -> Score:
    """What another program writes, as it is.

    Args:
        scene: the movies.
        command: with ``{movie}``, ``{table}`` (a .csv to be written), ``{psf_sigma}`` and
            ``{pixel_size}`` (nm) where these are to stand.

    Raises:
        UserError: the command fails or writes nothing.
    """
    tables = []
    for movie, path in zip(scene.movies, scene.paths, strict=True):
        table = path.with_suffix(".peer.csv")
        table.unlink(missing_ok=True)
        given = {"psf_sigma": f"{movie.psf_sigma:g}", "pixel_size": f"{movie.pixel_size:g}"}
        words = [word.format(movie=path, table=table, **given) for word in shlex.split(command)]
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=False)
        except OSError as error:
            raise UserError(f"cannot run {words[0]}: {error.strerror}") from error
        if done.returncode or not table.exists():
            last = (done.stderr.strip().splitlines() or ["no table was written"])[-1]
            raise UserError(f"{words[0]} failed on {path.name}: {last}")
        tables.append(truevar.read(table, pixel_size=movie.pixel_size))
    return scene.score(tables)


def limits(scene: Scene, frames: int, window: int) -> dict[str, Any]:
    """E that the joint bounds allow, of so many of each movie's frames, with its interval."""
    parts = []
    chosen = np.unique(np.linspace(EDGE, EDGE + scene.frames - 1, frames).round().astype(int))
    for movie in scene.movies:
        table = movie.emitters
        std_N2 = joint_bound(
            table,
            movie.pixel_size,
            movie.shape[1:],
            movie.psf_sigma,
            movie.camera,
            movie.background_HW.double().numpy(),
            window,
            chosen.tolist(),
        )
        lateral_N = np.hypot(std_N2[:, 0], std_N2[:, 1])
        counted_N = np.isfinite(lateral_N) & is_scored(table, movie.pixel_size, SIZE, SIZE)
        found_N = counted_N & (lateral_N <= RADIUS_NM / 2)
        place_N = np.searchsorted(chosen, table.frame)
        sums = FrameSums(len(chosen))
        sums.add("tp", place_N[found_N])
        sums.add("fn", place_N[counted_N & ~found_N])
        sums.add("square", place_N[found_N], lateral_N[found_N] ** 2)
        parts.append(sums)
    together = FrameSums.pool(parts)
    drawn = together.resampled(_limit_figures, RESAMPLES, 0)
    figures: dict[str, Any] = together.figures(_limit_figures)
    return {
        **figures,
        "frames": together.frames,
        "intervals": {name: list(interval(value_R)) for name, value_R in drawn.items()},
    }


def _limit_figures(sums: Figures, _: Figures) -> Figures:
    """As :func:`truevar.evaluation.joint_limits.limit_of` has them: nothing false is found."""
    tp, fn, square = (sums[name][:, 0] for name in ("tp", "fn", "square"))
    jaccard = 100 * tp / np.maximum(tp + fn, 1)
    rmse = np.sqrt(square / np.maximum(tp, 1))
    best = efficiency(jaccard, np.where(tp > 0, rmse, RADIUS_NM))
    return {"efficiency": best, "jaccard": jaccard, "rmse": rmse}


def difference(one: Score, other: Score) -> dict[str, Any]:
    """E of one less that of the other, on the same frames."""
    found = paired_difference(one, other)
    return {"value": found.value, "interval": [found.low, found.high], "clear": found.clear}


def made_with(model: TrainedModel, frames: int, seed: int) -> dict[str, Any]:
    """What figures depend on, to be kept beside them."""
    return {
        "model": model.name,
        "weights": fingerprint(model),
        "version": truevar.__version__,
        "frames": frames,
        "seed": seed,
    }


def fingerprint(model: TrainedModel) -> str:
    """Of the weights."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.network.state_dict().items()):
        digest.update(name.encode() + tensor.cpu().float().numpy().tobytes())
    return digest.hexdigest()[:12]
