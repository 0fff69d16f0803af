from __future__ import annotations

import json
from typing import Any

import pytest

from truevar.config import TrainConfig
from truevar.errors import UserError

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"minutes": -1.0}, "minutes is -1.0; it must be above 0"),
    ({"minutes": float("inf")}, "minutes is Infinity"),
    ({"minutes": "30"}, 'minutes is "30"; it must be a number'),
    ({"crops": 0}, "crops is 0; it must be at least 1"),
    ({"crops": 0.5}, "crops is 0.5; it must be a whole number, or null"),
    ({"batch": 0}, "batch is 0"),
    ({"batch": 1.5}, "batch is 1.5; it must be a whole number"),
    ({"micro_batch": 0}, "micro_batch is 0"),
    ({"crop": 0}, "crop is 0"),
    ({"warmup": 0}, "warmup is 0"),  # divides
    ({"log_every": 0}, "log_every is 0"),
    ({"average": 0}, "average is 0"),
    ({"parents_per_crop": 0}, "parents_per_crop is 0"),
    ({"learning_rate": 0.0}, "learning_rate is 0.0"),
    ({"weight_decay": -0.1}, "weight_decay is -0.1"),
    ({"seed": -1}, "seed is -1"),
    ({"sampled": 1.2}, "sampled is 1.2; it must be a share from 0 to 1"),
    ({"corrupted": -0.1}, "corrupted is -0.1"),
    ({"sampled": 0.6, "corrupted": 0.6}, "of 1 in all at most"),
    ({"other_crops": ((20, 0.9), (80, 0.9))}, "other_crops is [[20, 0.9], [80, 0.9]]"),
    ({"other_crops": ((20, 1.5),)}, "other_crops"),
    ({"other_crops": (20,)}, "other_crops is [20]; it must be a list as in [[20, 0.04]"),
    ({"other_crops": ((0, 0.1),)}, "other_crops"),
    ({"scale_weights": ()}, "scale_weights is []"),
    ({"scale_weights": (1.0, -1.0)}, "scale_weights"),
    ({"scale_weights": (0.0, 0.0)}, "scale_weights"),
    ({"save_every": 0.0}, "save_every is 0.0"),
    ({"told": 1.5}, "told is 1.5"),
    ({"self_correction": 1}, "self_correction is 1; it must be true or false"),
]


@pytest.mark.parametrize(("changes", "said"), REFUSED, ids=lambda one: str(one)[:40])
def test_training_that_cannot_work_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as caught:
        TrainConfig(**changes)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_training_comes_back_from_json() -> None:
    config = TrainConfig(5, crops=100, micro_batch=2, other_crops=((80, 0.5),), seed=7)
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert TrainConfig.from_dict({"minutes": 5}).batch == TrainConfig().batch
