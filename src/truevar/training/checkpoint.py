"""Everything a training run needs to go on where it stopped."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from truevar.config import ModelConfig
from truevar.errors import UserError
from truevar.io.atomic import replacing


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint under a temporary name and move it into place."""
    with replacing(path) as temporary, open(temporary, "wb") as file:
        torch.save(state, file)


def load_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a checkpoint of :func:`save_checkpoint`.

    Raises:
        UserError: no such file, or not a checkpoint.
    """
    if not Path(path).is_file():
        raise UserError(f"no checkpoint {path}; give the checkpoint.pt of an earlier run")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if not {"config", "network", "average", "optimizers", "step", "seconds"} <= set(state):
            raise ValueError("keys missing")
    except Exception as error:  # torch.load fails in many ways on a foreign file
        raise UserError(f"{path} is not a checkpoint of `truevar train`") from error
    return state


def check_same_model(resume: Path, config: Path, model: ModelConfig) -> None:
    """Make sure that a checkpoint is of the model that a configuration describes.

    Args:
        resume: the checkpoint.
        config: the configuration's file.
        model: what it describes.

    Raises:
        UserError: it is not, or no checkpoint.
    """
    stored = ModelConfig.from_dict(load_checkpoint(resume)["config"]).to_dict()
    for name, value in model.to_dict().items():
        if stored[name] != value:
            raise UserError(
                f"{resume} holds a model with {name} {_plain(stored[name])}, {config} asks for "
                f"{_plain(value)}; resume with the configuration it was made with, or train anew"
            )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
