"""The mission's configuration: ``config_true_var.json`` read and checked.

Two sections. ``model``: the mission's five numbers, and any other field of
:class:`truevar.config.ModelConfig` to change a width that would follow from them.
``training``: what goes in, what is to come out, and how long to learn. What is left out has
the mission's value; what cannot be is one line that says where and what to do.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from os import PathLike
from pathlib import Path
from typing import Any

from truevar.config import ModelConfig, TrainConfig, check_together, read_object
from truevar.config.checks import hint
from truevar.doors.checks import Section
from truevar.errors import UserError
from truevar.wording import words_of

SIZED = ("patch_nums", "embed_dim", "num_heads", "num_layers", "vocab_size")
"""The mission's numbers; all other widths follow from them."""

_TRAINING = (
    "input_resolution",
    "target_resolutions",
    "batch_size",
    "micro_batch",
    "learning_rate",
    "warmup_steps",
    "minutes",
    "scale_weights",
    "other_inputs",
    "seed",
    "device",
)

_DEEP = 8
"""From so many blocks per scale on, activations are computed again rather than kept."""


@dataclass(frozen=True)
class Configuration:
    """What a configuration says.

    Attributes:
        model: shape of the model.
        training: how to train it.
        device: ``auto``, ``cpu``, ``cuda``, …
    """

    model: ModelConfig
    training: TrainConfig
    device: str


def read_configuration(path: str | PathLike[str]) -> Configuration:
    """Read and check a configuration.

    Args:
        path: of the JSON file.

    Raises:
        UserError: no such file, not JSON, a key that is unknown or of the wrong type, or
            values that do not fit together.
    """
    path = Path(path)
    values = read_object(path, "config_true_var.json, which comes with the repository")
    top = Section(str(path), values)
    _only(path, "", values, ("model", "training"))
    model = _model(path, top.section("model"))
    return _training(path, top.section("training"), model)


def _only(path: Path, place: str, values: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuse keys that mean nothing here."""
    known = tuple(known)
    for key in values:
        if key not in known:
            raise UserError(f"{path} has an unknown key {place + key!r}; {hint(key, known)}")


def _model(path: Path, section: Section) -> ModelConfig:
    """The model's shape."""
    standard = ModelConfig()
    others = {item.name: getattr(standard, item.name) for item in fields(ModelConfig)}
    for name in SIZED:
        del others[name]
    _only(path, "model.", section.values, (*SIZED, *others))
    nums = section.wholes("patch_nums", (10, 20, 40, 80))
    try:
        config = ModelConfig.sized(
            nums,
            section.whole("embed_dim", 768),
            section.whole("num_heads", 12),
            section.whole("num_layers", 24),
            section.whole("vocab_size", 8192),
        )
        given = {name: section.like(name, others[name]) for name in others if name in section}
        config = replace(config, **given)
    except UserError as error:
        message = words_of(error)
        raise UserError(
            message if message.startswith(str(path)) else f"{path}: {message}"
        ) from error
    return config


def _training(path: Path, section: Section, model: ModelConfig) -> Configuration:
    """How to train, checked against the model."""
    _only(path, "training.", section.values, _TRAINING)
    nums = model.patch_nums
    size = section.wholes("input_resolution", (160, 160))
    if len(size) != 2 or size[0] != size[1]:
        section.fail("input_resolution", f"is {list(size)}; it must be square, as in [160, 160]")
    _check_width(section, "input_resolution", size[0], model)
    _check_targets(section, nums)
    others = section.pairs("other_inputs", ((80, 0.2), (40, 0.2)))
    for width, _ in others:
        _check_width(section, "other_inputs", width, model)
    if sum(share for _, share in others) > 1:
        section.fail("other_inputs", "has shares of more than 1 in all; they are shares of steps")
    weights = section.numbers("scale_weights", _weights(len(nums)))
    if len(weights) != len(nums):
        section.fail(
            "scale_weights", f"has {len(weights)} numbers; patch_nums has {len(nums)} scales"
        )
    batch = section.whole("batch_size", 8)
    micro = section.whole("micro_batch", 1) if section.get("micro_batch", 1) is not None else batch
    if batch % micro:
        section.fail(
            "micro_batch", f"is {micro}; it must divide batch_size, which is {batch}, evenly"
        )
    settings: dict[str, Any] = {
        "minutes": section.number("minutes", 60.0),
        "batch": batch,
        "micro_batch": micro,
        "crop": size[0],
        "other_crops": others,
        "learning_rate": section.number("learning_rate", 1e-4),
        "warmup": max(section.whole("warmup_steps", 300, least=0), 1),
        # The full-size model's activations would not fit otherwise; a small one's do.
        "checkpointing": model.num_layers >= _DEEP,
        "log_every": 1,
        "save_every": 300.0,
        "seed": section.whole("seed", 1, least=0),
        "scale_weights": weights,
    }
    try:
        training = TrainConfig(**settings)
        check_together(model, training)
    except UserError as error:
        raise UserError(f"{path}: {words_of(error)}") from error
    return Configuration(model, training, section.text("device", "auto"))


def _check_width(section: Section, key: str, width: int, model: ModelConfig) -> None:
    """Make sure that a crop's cells are what the model reads: a power of two px wide."""
    widest, first = model.coarsest_cell, model.patch_nums[0]
    fitting = [first * 2**k for k in range(widest.bit_length()) if 2**k <= widest]
    if width not in fitting:
        section.fail(
            key,
            f"has frames of {width} px; with a coarsest grid of {first} it must be one of "
            f"{', '.join(map(str, fitting))}",
        )


def _check_targets(section: Section, nums: tuple[int, ...]) -> None:
    """Make sure that the targets are the model's grids."""
    wanted = {f"target_{num}": [num, num] for num in nums}
    if "target_resolutions" not in section:
        return
    given = section.section("target_resolutions").values
    for key in (*wanted, *given):
        if given.get(key) != wanted.get(key):
            says = json.dumps(given[key]) if key in given else "missing"
            must = f"it must be {wanted[key]}" if key in wanted else "leave it out"
            section.fail(
                "target_resolutions",
                f"disagrees with patch_nums {list(nums)}: {key} is {says}; {must}",
            )


def _weights(scales: int) -> tuple[float, ...]:
    """The mission's weights; further coarse scales weigh as the coarsest."""
    known = (0.5, 0.7, 0.9, 1.0)
    return (0.5,) * max(scales - 4, 0) + known[-scales:]
