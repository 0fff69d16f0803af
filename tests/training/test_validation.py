"""Validation chooses the threshold that weights are shipped with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from truevar.config import ModelConfig
from truevar.emitters import Emitters
from truevar.evaluation.scoring import evaluate, pool
from truevar.model import TrueVAREmitterPredictor
from truevar.model.weights import TrainedModel, load_model
from truevar.simulation.movie import SimulatedMovie
from truevar.simulation.scenes import SCENES, simulate
from truevar.training import validation
from truevar.training.validation import (
    THRESHOLDS,
    VALIDATION_SEED,
    ValidationPlan,
    localize_simulated,
    validate,
)

SCENE, OTHER = "2d-scmos", "2d-emccd"


def untrained() -> TrueVAREmitterPredictor:
    torch.manual_seed(0)
    return TrueVAREmitterPredictor(
        config=ModelConfig(stem_channels=8, frame_channels=4, joint_blocks=1, embed_dim=16)
    )


def answer(
    monkeypatch: pytest.MonkeyPatch, probabilities: Mapping[str, tuple[float, float]]
) -> None:
    """Answers in place of a model's: every true emitter, and as false ones the places far from any.

    Args:
        monkeypatch: of the test.
        probabilities: of the true and of the false ones, by scene.
    """

    def localize(model: TrainedModel, movie: SimulatedMovie, min_prob: float) -> Emitters:
        truth = movie.truth
        places = np.stack(np.meshgrid(*[np.arange(400.0, 2900, 400)] * 2), -1).reshape(-1, 2)
        far, _ = cKDTree(np.stack([truth["x"], truth["y"]], 1)).query(places)
        places = places[far > 300]
        assert len(places) > 3
        true, false = probabilities[truth.meta["scene"]]
        right, wrong = np.full(len(truth), true), np.full(len(places), false)
        columns = {
            "frame": np.concatenate([truth["frame"], 0 * wrong]),
            "x": np.concatenate([truth["x"], places[:, 0]]),
            "y": np.concatenate([truth["y"], places[:, 1]]),
            "prob": np.concatenate([right, wrong]),
        }
        return Emitters(columns)

    monkeypatch.setattr(validation, "localize_simulated", localize)


@pytest.mark.parametrize(("true", "false"), [(0.62, 0.33), (0.93, 0.78)])
def test_the_threshold_tells_true_emitters_from_false_ones(
    monkeypatch: pytest.MonkeyPatch, true: float, false: float
) -> None:
    answer(monkeypatch, {SCENE: (true, false)})
    found = validate(untrained(), ValidationPlan({SCENE: (0.3,)}, frames=3, size=32))
    assert false < found["threshold"] <= true
    assert found[f"{SCENE} 0.3"] == {"E": 100, "JI": 100, "RMSE": 0, "duplicates": 0}


def test_the_threshold_is_that_of_its_scene_and_all_are_scored_at_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer(monkeypatch, {SCENE: (0.93, 0.78), OTHER: (0.62, 0.33)})
    plan = ValidationPlan({SCENE: (0.3,), OTHER: (0.3, 0.5)}, frames=3, size=32)
    found = validate(untrained(), plan)
    assert set(found) == {"threshold", f"{SCENE} 0.3", f"{OTHER} 0.3", f"{OTHER} 0.5"}
    assert 0.78 < found["threshold"] <= 0.93
    assert found[f"{OTHER} 0.5"]["JI"] == 0  # nothing there is as probable


def test_a_trained_model_is_scored_on_held_out_scenes() -> None:
    network = load_model().network.train()
    plan = ValidationPlan({SCENE: (0.5,)}, frames=2, size=32)
    found = validate(network, plan)
    assert network.training  # as it was
    assert found["threshold"] in THRESHOLDS
    assert validate(network, plan) == found
    assert found[f"{SCENE} 0.5"]["E"] > 60

    # The same by hand: all backgrounds of the scene pooled.
    scores = []
    for background in SCENES[SCENE].backgrounds:
        movie = simulate(SCENE, 0.5, 2, 32, VALIDATION_SEED, background)
        table = localize_simulated(TrainedModel(network.eval()), movie, min(THRESHOLDS))
        scores.append(evaluate(table, movie.truth, min_prob=found["threshold"], resamples=0))
    assert found[f"{SCENE} 0.5"]["E"] == pytest.approx(pool(scores).efficiency, abs=0.01)


def test_a_model_that_has_learnt_nothing_has_no_efficiency() -> None:
    found = validate(untrained(), ValidationPlan({SCENE: (0.5,)}, frames=2, size=32))
    assert found["threshold"] in THRESHOLDS
    assert found[f"{SCENE} 0.5"]["JI"] < 5
