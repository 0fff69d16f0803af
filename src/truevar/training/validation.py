"""Validation by what counts: efficiency on held-out scenes, and the threshold that makes it.

Seeds from 10**6 on are kept for validation, from 2 * 10**6 on for scoring; the training
scenes come from another generator altogether.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from truevar.emitters import Emitters
from truevar.evaluation.scoring import best_threshold, evaluate, pool
from truevar.inference.engine import Engine, frames_per_batch
from truevar.inference.growing_table import GrowingTable
from truevar.inference.refined import run_refined
from truevar.model.predictor import TrueVAREmitterPredictor
from truevar.model.weights import TrainedModel
from truevar.simulation.movie import SimulatedMovie
from truevar.simulation.scenes import SCENES, simulate

VALIDATION_SEED = 10**6
THRESHOLDS = tuple(np.round(np.arange(0.2, 0.96, 0.05), 2).tolist())


@dataclass(frozen=True)
class ValidationPlan:
    """Which scenes, how much of each.

    Args:
        scenes: densities per µm² by scene.
        frames: per scene, density and background.
        size: px.
        threshold_scene: the scene the shipped threshold is chosen on.
    """

    scenes: Mapping[str, Sequence[float]]
    frames: int = 12
    size: int = 64
    threshold_scene: str = "2d-scmos"


QUICK = ValidationPlan({"2d-scmos": (0.2, 1.0, 2.0)})
"""Half a minute on two cores."""


def localize_simulated(
    model: TrainedModel, movie: SimulatedMovie, min_prob: float, refine: bool = False
) -> Emitters:
    """Emitters of a simulated movie whose setup is known; no file is touched."""
    n_frames, height, width = movie.shape
    sigma = movie.psf_sigma / movie.pixel_size
    engine = Engine(model, movie.camera, sigma, height, width, min_prob, echoes=refine)
    frames_nHW = movie.frames()
    step = frames_per_batch(height, width)
    blocks = (frames_nHW[start : start + step] for start in range(0, n_frames, step))
    table, done = GrowingTable(0, 0, 0, movie.pixel_size), 0
    none = frames_nHW[:0]
    answers = run_refined(engine, blocks, none, none, min_prob) if refine else engine.run(blocks)
    for found, count in answers:
        table.add(found, done)
        done += count
    return table.emitters({})


def validate(
    network: TrueVAREmitterPredictor, plan: ValidationPlan = QUICK, seed: int = VALIDATION_SEED
) -> dict[str, Any]:
    """Efficiency per scene and density at the best common threshold.

    Returns:
        ``threshold``, and per scene and density ``E``, ``JI``, ``RMSE`` and ``duplicates``.
    """
    was_training = network.training
    model = TrainedModel(network.eval(), name="validation")
    pairs: dict[str, list[tuple[Emitters, Emitters]]] = {}
    for name, densities in plan.scenes.items():
        for density in densities:
            for background in sorted(set(SCENES[name].backgrounds)):
                movie = simulate(name, density, plan.frames, plan.size, seed, background)
                found = localize_simulated(model, movie, min_prob=min(THRESHOLDS))
                pairs.setdefault(f"{name} {density:g}", []).append((found, movie.truth))
    chosen = [pair for key, some in pairs.items() if plan.threshold_scene in key for pair in some]
    sweeps = [best_threshold(found, truth, thresholds=THRESHOLDS) for found, truth in chosen]
    threshold = float(np.median([sweep.threshold for sweep in sweeps]))
    result: dict[str, Any] = {"threshold": threshold}
    for key, some in pairs.items():
        total = pool(
            [evaluate(found, truth, min_prob=threshold, resamples=0) for found, truth in some]
        )
        figures = total.as_dict()
        result[key] = {
            short: round(figures[name], 2)
            for short, name in (
                ("E", "efficiency"),
                ("JI", "jaccard"),
                ("RMSE", "rmse"),
                ("duplicates", "duplicates"),
            )
            if figures.get(name) is not None
        }
    network.train(was_training)
    return result
