"""Reading config_true_var.json: what it means, and what is said to every mistake."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from truevar.config import ModelConfig
from truevar.doors.configuration import read_configuration
from truevar.errors import UserError

ROOT = Path(__file__).parents[2]

Change = Callable[[dict[str, Any]], object]


def written(folder: Path, values: object) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def test_the_mission_s_configuration() -> None:
    found = read_configuration(ROOT / "config_true_var.json")
    assert found.model == ModelConfig.sized()
    assert found.training.crop == 160
    assert (found.training.batch, found.training.micro_batch) == (8, 1)
    assert (found.training.learning_rate, found.training.warmup) == (1e-4, 300)
    assert found.training.minutes == 60
    assert found.training.other_crops == ((80, 0.2), (40, 0.2))
    assert found.device == "auto"


def test_what_is_left_out_has_the_mission_s_value(tmp_path: Path) -> None:
    path = written(tmp_path, {"model": {}, "training": {}})
    assert read_configuration(path) == read_configuration(ROOT / "config_true_var.json")


def test_widths_that_follow_can_be_changed(
    tmp_path: Path, small_configuration: dict[str, Any]
) -> None:
    small_configuration["model"]["active_threshold"] = 0.1
    small_configuration["model"]["phi"] = False
    model = read_configuration(written(tmp_path, small_configuration)).model
    assert (model.embed_dim, model.num_heads, model.head_dim) == (48, 4, 12)
    assert (model.stem_channels, model.active_threshold, model.phi) == (8, 0.1, False)


def test_scale_weights_reach_the_training(
    tmp_path: Path, small_configuration: dict[str, Any]
) -> None:
    small_configuration["training"]["scale_weights"] = [0.1, 0.2, 0.3, 0.4]
    training = read_configuration(written(tmp_path, small_configuration)).training
    assert training.scale_weights == (0.1, 0.2, 0.3, 0.4)


def test_the_full_size_saves_memory_and_a_small_one_time(
    tmp_path: Path, small_configuration: dict[str, Any]
) -> None:
    small = read_configuration(written(tmp_path, small_configuration)).training
    large = read_configuration(ROOT / "config_true_var.json").training
    assert large.checkpointing
    assert not small.checkpointing


def test_fewer_scales(tmp_path: Path, small_configuration: dict[str, Any]) -> None:
    small_configuration["model"]["patch_nums"] = [20, 40, 80]
    del small_configuration["training"]["target_resolutions"]["target_10"]
    assert len(read_configuration(written(tmp_path, small_configuration)).model.max_counts) == 3


MISTAKES: dict[str, tuple[Change, str]] = {
    "section missing": (lambda c: c.pop("model"), "model is missing"),
    "section of another kind": (lambda c: c.update(training=3), "training is 3"),
    "unknown section": (lambda c: c.update(trainings={}), "did you mean 'training'"),
    "unknown key": (lambda c: c["model"].update(embed_dims=3), "did you mean 'embed_dim'"),
    "stranger": (lambda c: c["training"].update(colour=3), "known are input_resolution"),
    "text for a number": (lambda c: c["model"].update(embed_dim="768"), 'embed_dim is "768"'),
    "truth for a number": (lambda c: c["model"].update(num_layers=True), "num_layers is true"),
    "fraction": (lambda c: c["training"].update(batch_size=1.5), "batch_size is 1.5"),
    "nothing": (lambda c: c["training"].update(minutes=0), "minutes is 0"),
    "not a number": (lambda c: c["training"].update(learning_rate=float("nan")), "above 0"),
    "no list": (lambda c: c["model"].update(patch_nums=10), "patch_nums is 10"),
    "not doubling": (lambda c: c["model"].update(patch_nums=[10, 30]), "twice the one before"),
    "odd": (lambda c: c["model"].update(patch_nums=[5, 10, 20, 40]), "must be even"),
    "heads": (lambda c: c["model"].update(num_heads=5), "multiple of num_heads"),
    "width of another kind": (lambda c: c["model"].update(phi=1), "phi is 1"),
    "unknown residual": (lambda c: c["model"].update(residual="all"), "choose from"),
    "not square": (
        lambda c: c["training"].update(input_resolution=[160, 80]),
        "input_resolution is [160, 80]; it must be square",
    ),
    "no power of two": (
        lambda c: c["training"].update(input_resolution=[120, 120]),
        "one of 10, 20, 40, 80, 160",
    ),
    "too wide": (lambda c: c["training"].update(input_resolution=[320, 320]), "320 px"),
    "other input": (lambda c: c["training"].update(other_inputs=[[30, 0.1]]), "30 px"),
    "no pair": (lambda c: c["training"].update(other_inputs=[80]), "pairs"),
    "shares": (
        lambda c: c["training"].update(other_inputs=[[40, 0.9], [80, 0.9]]),
        "more than 1",
    ),
    "target missing": (
        lambda c: c["training"]["target_resolutions"].pop("target_20"),
        "target_20 is missing",
    ),
    "target of another size": (
        lambda c: c["training"]["target_resolutions"].update(target_40=[40, 41]),
        "target_40 is [40, 41]; it must be [40, 40]",
    ),
    "target too many": (
        lambda c: c["training"]["target_resolutions"].update(target_160=[160, 160]),
        "target_160 is [160, 160]; leave it out",
    ),
    "weights": (lambda c: c["training"].update(scale_weights=[1.0]), "has 1 numbers"),
    "micro batch": (
        lambda c: c["training"].update(batch_size=8, micro_batch=3),
        "must divide batch_size",
    ),
    "device": (lambda c: c["training"].update(device=0), "device is 0"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line(
    name: str, tmp_path: Path, small_configuration: dict[str, Any]
) -> None:
    change, said = MISTAKES[name]
    change(small_configuration)
    path = written(tmp_path, small_configuration)
    with pytest.raises(UserError) as caught:
        read_configuration(path)
    message = str(caught.value)
    assert said in message
    assert message.count(str(path)) == 1
    assert "\n" not in message
    assert len(message) < 400


def test_files_that_are_no_configuration(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    with pytest.raises(UserError, match="no configuration"):
        read_configuration(path)
    with pytest.raises(UserError, match="cannot read"):
        read_configuration(tmp_path)
    for content, said in (
        (b'{"model": ', "not JSON: .* line 1"),
        (b"\xff\xfe\x00", "cannot read"),
        (b"[1, 2]", "not a configuration"),
        (b"", "not JSON"),
    ):
        path.write_bytes(content)
        with pytest.raises(UserError, match=said):
            read_configuration(path)
