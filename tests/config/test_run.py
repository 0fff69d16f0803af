"""The three configurations of a run together, and their file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from truevar.config import ModelConfig, RunConfig, TrainConfig, TrainingMix, check_together
from truevar.errors import UserError


def test_a_run_comes_back_from_its_file(tmp_path: Path) -> None:
    run = RunConfig(
        ModelConfig(embed_dim=32), TrainConfig(crops=5, seed=3), TrainingMix(usual_share=0.25)
    )
    path = tmp_path / "config.json"
    path.write_text(run.text(), encoding="utf-8")
    assert RunConfig.read(path) == run
    path.write_text('{"training": {"batch": 3}}', encoding="utf-8")
    assert RunConfig.read(path) == RunConfig(training=TrainConfig(batch=3))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"trainings": {}}', "unknown section 'trainings'; did you mean 'training'?"),
        ('{"training": {"batches": 3}}', "unknown key 'batches'; did you mean 'batch'?"),
        ('{"training": {"batch": 0}}', "batch is 0"),
        ('{"model": {"embed_dim": "x"}}', 'embed_dim is "x"'),
        ('{"mix": {"photons": [5, 1]}}', "photons is [5, 1]"),
        ('{"mix": 3}', "the training mix is 3"),
        ('{"model": ', "is not JSON"),
        ("[]", "is not a configuration"),
        ('{"training": {"crop": 30}}', "crop has crops of 30 px"),
    ],
)
def test_a_mistake_in_the_file_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        RunConfig.read(path)
    assert said in str(caught.value)
    assert str(caught.value).count(str(path)) == 1
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no configuration"):
        RunConfig.read(tmp_path / "none.json")


FIVE: dict[str, Any] = {"patch_nums": (10, 20, 40, 80, 160), "max_counts": (7, 7, 6, 4, 3)}


def test_every_scale_needs_a_weight() -> None:
    with pytest.raises(UserError, match="scale_weights has 4 numbers and patch_nums 5"):
        RunConfig(model=ModelConfig(**FIVE))
    with pytest.raises(UserError, match="no weight above 0"):
        check_together(
            ModelConfig(patch_nums=(10,), max_counts=(7,)), TrainConfig(scale_weights=(1.0, 0.0))
        )
    # Of fewer scales the last ones.
    check_together(ModelConfig(patch_nums=(10,), max_counts=(7,)), TrainConfig())


@pytest.mark.parametrize("width", [30, 44, 7, 1])
def test_widths_that_the_model_cannot_read(width: int) -> None:
    for training in (TrainConfig(crop=width), TrainConfig(other_crops=((width, 0.1),))):
        with pytest.raises(UserError, match=f"crops of {width} px"):
            check_together(ModelConfig(), training)


@pytest.mark.parametrize("width", [20, 40, 48, 64, 160])
def test_widths_that_it_can(width: int) -> None:
    check_together(ModelConfig(), TrainConfig(crop=width))
