"""A training run in one file: model, training and scenes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

from truevar.config.checks import hint, shown
from truevar.config.mix import TrainingMix
from truevar.config.model import ModelConfig
from truevar.config.training import ENDLESS, TrainConfig
from truevar.errors import UserError
from truevar.wording import words_of


@dataclass(frozen=True)
class RunConfig:
    """All that a training run is made of; ``config.json`` in its folder.

    Attributes:
        model: shape of the model.
        training: how it is trained.
        mix: what it is trained on.

    Raises:
        UserError: they do not fit together.
    """

    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainConfig = field(default_factory=TrainConfig)
    mix: TrainingMix = field(default_factory=TrainingMix)

    def __post_init__(self) -> None:
        check_together(self.model, self.training)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {name: getattr(self, name).to_dict() for name in _SECTIONS}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], model: ModelConfig | None = None) -> RunConfig:
        """The inverse of :meth:`to_dict`; what is left out has its default.

        Where crops are said and no minutes, the crops alone end the run.

        Args:
            values: the sections by name.
            model: the one to take where they do not describe any.

        Raises:
            UserError: a key this version does not know, a value that cannot work.
        """
        for key in values:
            if key not in _SECTIONS:
                raise UserError(f"unknown section {key!r}; {hint(key, _SECTIONS)}")
        parts = {name: kind.from_dict(values.get(name, {})) for name, kind in _SECTIONS.items()}
        given = values.get("training", {})
        if parts["training"].crops is not None and "minutes" not in given:
            parts["training"] = replace(parts["training"], minutes=ENDLESS)
        if model is not None and "model" not in values:
            parts["model"] = model
        return cls(**parts)

    @classmethod
    def read(cls, path: str | PathLike[str], model: ModelConfig | None = None) -> RunConfig:
        """From a file in JSON.

        Args:
            path: of the file.
            model: the one to take where the file describes none.

        Raises:
            UserError: no such file, not JSON, or what :meth:`from_dict` refuses.
        """
        values = read_object(path, "the config.json of an earlier run")
        try:
            return cls.from_dict(values, model)
        except UserError as error:
            raise UserError(f"{path}: {words_of(error)}") from error

    def text(self) -> str:
        """The file's content: JSON, a line for each key."""
        sections = (
            f'  "{name}": {{\n'
            + ",\n".join(f"    {json.dumps(key)}: {json.dumps(one)}" for key, one in part.items())
            + "\n  }"
            for name, part in self.to_dict().items()
        )
        return "{\n" + ",\n".join(sections) + "\n}\n"


_SECTIONS: dict[str, Any] = {"model": ModelConfig, "training": TrainConfig, "mix": TrainingMix}


def check_together(model: ModelConfig, training: TrainConfig) -> None:
    """Make sure that a model can be trained so.

    Raises:
        UserError: fewer weights than scales, or crops of a width that the model cannot read.
    """
    n = len(model.patch_nums)
    if len(training.scale_weights) < n:
        raise UserError(
            f"scale_weights has {len(training.scale_weights)} numbers and patch_nums {n} grids; "
            "give a weight for every grid"
        )
    if max(training.scale_weights[-n:]) == 0:
        raise UserError(f"scale_weights has no weight above 0 for the {n} grids of patch_nums")
    widths = {"crop": [training.crop], "other_crops": [one for one, _ in training.other_crops]}
    for key, some in widths.items():
        for width in some:
            # Cells come in groups of four, so their number along a side is even.
            widest = model.cells_of(width, width)[0]
            if width % (2 * widest):
                raise UserError(
                    f"{key} has crops of {width} px, which are not whole pairs of the coarsest "
                    f"cells of {widest:g} px; the next that are have "
                    f"{-int(-width // (2 * widest)) * 2 * widest:g}"
                )


def read_object(path: str | PathLike[str], like: str) -> dict[str, Any]:
    """The object in a JSON file.

    Args:
        path: of the file.
        like: what it should be like, for messages.

    Raises:
        UserError: no such file, no JSON, or no object.
    """
    path = Path(path)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(
            f"there is no configuration {path}; give {like}, or a copy of it"
        ) from error
    except json.JSONDecodeError as error:
        raise UserError(
            f"{path} is not JSON: {error.msg} in line {error.lineno}, column {error.colno}; "
            f"compare it with {like}"
        ) from error
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "it is no JSON text"
        raise UserError(f"cannot read the configuration {path}: {reason}; give a file") from error
    if not isinstance(values, dict):
        raise UserError(
            f"{path} is not a configuration but {shown(values)}; it must be "
            '{"model": {…}, "training": {…}}'
        )
    return values
