"""What a run of the ablations is scored by: its table, and how likely it holds the whole truth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray

from truevar.config import TrainingMix
from truevar.emitters import Emitters
from truevar.evaluation.joint_answer import nats_of_truth
from truevar.evaluation.scoring import best_threshold
from truevar.evaluation.strata import StratifiedCounts, count_strata
from truevar.model.f_hat import SparseFHat
from truevar.model.predictor import TrueVAREmitterPredictor
from truevar.model.weights import TrainedModel
from truevar.simulation.crops import sample_crops
from truevar.simulation.scenes import SCENES, simulate
from truevar.training.validation import VALIDATION_SEED, localize_simulated

SCENE = "2d-scmos"
DENSITIES = (1.0, 2.0, 4.0)
SCORING_SEED = 3 * 10**6
"""Of frames that no threshold and no design was chosen on."""

_CROPS, _BATCHES = 16, 12
"""On which nats are counted, per density."""


def pick_threshold(model: TrainedModel) -> float:
    """The best common threshold on validation frames."""
    tried = np.round(np.arange(0.2, 0.96, 0.05), 2)
    totals = np.zeros(len(tried))
    for density in DENSITIES:
        found, truth = localised(model, density, 8, VALIDATION_SEED)
        totals += best_threshold(found, truth, thresholds=tried).efficiencies
    return float(tried[totals.argmax()])


def localised(
    model: TrainedModel, density: float, frames: int, seed: int
) -> tuple[Emitters, Emitters]:
    """Candidates and truth of movies at a scene's three backgrounds, frames counted on."""
    parts = []
    for number, background in enumerate(sorted(set(SCENES[SCENE].backgrounds))):
        movie = simulate(SCENE, density, frames, 64, seed + 17 * number, background)
        pair = localize_simulated(model, movie, min_prob=0.2), movie.truth
        parts.append([t.with_columns(frame=t["frame"] + number * frames) for t in pair])
    found, truth = (Emitters.concat(tables) for tables in zip(*parts, strict=True))
    return found, truth


def score_model(
    network: TrueVAREmitterPredictor, threshold: float, frames: int
) -> dict[float, StratifiedCounts]:
    """Counts by stratum for every density."""
    counts = {}
    for density in DENSITIES:
        found, truth = localised(TrainedModel(network), density, frames, SCORING_SEED)
        found = found.select(found["prob"] >= threshold)
        counts[density] = count_strata(found, truth, SCENES[SCENE].psf_sigma, 3 * frames)
    return counts


def nats_of_crops(network: TrueVAREmitterPredictor, density: float) -> NDArray[np.float32]:
    """(2, crops) nats of the whole truth, and emitters, of crops of about one density per µm²."""
    mix = TrainingMix(
        usual_share=1.0,
        sparse_share=0.0,
        haze_share=0.0,
        emccd_share=0.0,
        maps_share=0.0,
        moving_share=0.0,
        density=(0.0099 * density, 0.0101 * density),
    )
    generator = torch.Generator().manual_seed(SCORING_SEED)
    nats, emitters = [], []
    for _ in range(_BATCHES):
        batch = sample_crops(_CROPS, 40, generator, mix)
        with torch.inference_mode():
            seen = network.encode(
                batch.counts_BTHW,
                batch.psf_sigma_B,
                batch.read_variance_BHW,
                batch.exists_BT,
                network.config.cells[0],
            )
        nats.append(nats_of_truth(network, seen, batch.targets).numpy())
        emitters.append(torch.bincount(batch.targets.crop_N, minlength=_CROPS).numpy())
    return np.stack([np.concatenate(nats), np.concatenate(emitters)])


@contextmanager
def f_hat_swapped() -> Iterator[None]:
    """In use every frame gets f̂ of the next one of its batch."""
    own = SparseFHat.add
    SparseFHat.add = lambda *a: own(*a).roll(1, 0)  # type: ignore[method-assign]
    try:
        yield
    finally:
        SparseFHat.add = own  # type: ignore[method-assign]
