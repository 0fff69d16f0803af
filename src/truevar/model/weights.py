"""Weights on disk: safetensors with everything needed to use them in the header.

The header's entry ``truevar`` is JSON: ``config`` (the model's shape), ``threshold``
(probability above which an emitter is reported), ``domain`` (what the model was trained
on, for warnings) and ``training`` (how it came about).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from truevar.config import ModelConfig
from truevar.errors import UserError
from truevar.model.predictor import TrueVAREmitterPredictor

DEFAULT_MODEL = "default"
"""Name of the model that comes with the package."""

_HEADER = "truevar"


@dataclass
class TrainedModel:
    """A model with what belongs to it.

    Attributes:
        network: the model, in evaluation mode.
        threshold: probability above which an emitter is reported.
        domain: what the model was trained on; ``psf_sigma`` is a range in px.
        training: provenance: command, crops, minutes, versions.
        name: where it came from, for the output's metadata.
    """

    network: TrueVAREmitterPredictor
    threshold: float = 0.5
    domain: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    name: str = "untrained"


def available_models() -> dict[str, Path]:
    """Names and files of the models that come with the package."""
    folder = Path(str(resources.files("truevar") / "weights"))
    return {path.stem: path for path in sorted(folder.glob("*.safetensors"))}


def save_weights(
    path: str | os.PathLike[str],
    network: TrueVAREmitterPredictor,
    threshold: float,
    domain: Mapping[str, Any],
    training: Mapping[str, Any],
) -> None:
    """Write a model's weights under a temporary name and move them into place."""
    header = {
        "config": network.config.to_dict(),
        "threshold": threshold,
        "domain": dict(domain),
        "training": dict(training),
    }
    state = network.state_dict()
    tensors = {key: value.detach().cpu().contiguous() for key, value in state.items()}
    target = Path(path)
    temporary = target.with_name(f".{target.name}.part")
    try:
        save_file(tensors, temporary, {_HEADER: json.dumps(header)})
        os.chmod(temporary, 0o644)  # safetensors' own choice keeps others on the machine out
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def load_model(
    name: str | os.PathLike[str] = DEFAULT_MODEL, device: str | torch.device = "cpu"
) -> TrainedModel:
    """A trained model by the name of one that comes with the package, or from a file.

    Args:
        name: ``default`` or the path of a ``.safetensors`` file.
        device: where to put it.

    Raises:
        UserError: unknown name, no such file, not weights of this program.
    """
    known = available_models()
    path = known.get(str(name), Path(name))
    if not path.is_file():
        raise UserError(
            f"unknown model {str(name)!r}: neither a file nor one of {', '.join(known) or 'none'}"
        )
    try:
        with safe_open(path, "pt") as stored:
            header = json.loads((stored.metadata() or {})[_HEADER])
            tensors = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118
        network = TrueVAREmitterPredictor(ModelConfig.from_dict(header["config"]))
        network.load_state_dict(tensors)
        return TrainedModel(
            network=network.to(device).eval().requires_grad_(False),
            threshold=float(header["threshold"]),
            domain=dict(header["domain"]),
            training=dict(header["training"]),
            name=str(name),
        )
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError, OSError) as error:
        raise UserError(
            f"{path} holds no weights of truevar; give a .safetensors file written by "
            "`truevar train`"
        ) from error
