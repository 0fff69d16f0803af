"""Weights on disk, with everything needed to use them.

The program's own format is safetensors, with the header of :mod:`truevar.model.header`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from truevar.config import ModelConfig
from truevar.device import pick_device
from truevar.errors import UserError
from truevar.model.header import HEADER, read_header
from truevar.model.predictor import TrueVAREmitterPredictor
from truevar.wording import words_of

DEFAULT_MODEL = "true-var-small"
"""Name of the model that localises unless another is asked for; ``default`` stands for it."""


@dataclass
class TrainedModel:
    """A model with what belongs to it.

    Attributes:
        network: the model, in evaluation mode.
        threshold: probability above which an emitter is reported.
        domain: what the model was trained on, see
            :meth:`truevar.config.TrainingMix.domain`; older weights have fewer entries.
        training: how it came about: steps, crops, minutes, versions, settings, mix; older
            weights have fewer entries.
        name: where it came from, for the output's metadata.
        errors: how its standard errors are to be scaled
            (:class:`truevar.refinement.error_scale.ErrorScale`); empty if that was not fitted.
    """

    network: TrueVAREmitterPredictor
    threshold: float = 0.5
    domain: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    name: str = "untrained"
    errors: dict[str, Any] = field(default_factory=dict)


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
    half: bool = False,
    errors: Mapping[str, Any] | None = None,
) -> None:
    """Write a model's weights under a temporary name and move them into place.

    Args:
        path: of the file.
        network, threshold, domain, training, errors: what to keep, see :class:`TrainedModel`.
        half: keep numbers in 16 bits: half the size, for weights that are handed out. They are
            computed with in 32 bits all the same.
    """
    header = _header(network, threshold, domain, training) | {"errors": dict(errors or {})}
    tensors = {key: value.cpu().contiguous() for key, value in network.state_dict().items()}
    if half:
        tensors = {
            key: value.half() if value.is_floating_point() else value
            for key, value in tensors.items()
        }
    target = Path(path)
    temporary = target.with_name(f".{target.name}.part")
    try:
        save_file(tensors, temporary, {HEADER: json.dumps(header)})
        os.chmod(temporary, 0o644)  # safetensors' own choice keeps others on the machine out
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def save_model_pt(
    path: str | os.PathLike[str],
    network: TrueVAREmitterPredictor,
    threshold: float,
    domain: Mapping[str, Any],
    training: Mapping[str, Any],
) -> None:
    """Write a model as a PyTorch file that ``torch.load(…, weights_only=True)`` reads.

    A mapping with what the header of :func:`save_weights` has, and ``network`` (the state dict).
    Written under a temporary name and moved into place.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.part")
    header = _header(network, threshold, domain, training)
    state = {**header, "network": network.state_dict()}
    try:
        torch.save(state, temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def load_model(
    name: str | os.PathLike[str] = DEFAULT_MODEL, device: str | torch.device = "cpu"
) -> TrainedModel:
    """A trained model by the name of one that comes with the package, or from a file.

    Args:
        name: one of :func:`available_models`, ``default`` (:data:`DEFAULT_MODEL`), or the path of a
            ``.safetensors`` or ``.pt`` file.
        device: where to put it.

    Raises:
        UserError: unknown name, no such file, not weights of this program, or no such device.
    """
    device = pick_device(device)
    header, tensors = read_model(name)
    with _of_file(name):
        network = _build(header)
        network.load_state_dict(tensors)
        return TrainedModel(
            network=network.to(device).eval().requires_grad_(False),
            threshold=float(header["threshold"]),
            domain=dict(header["domain"]),
            training=dict(header["training"]),
            name=_in_full(name),
            errors=dict(header.get("errors") or {}),
        )


def read_model(
    name: str | os.PathLike[str],
) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Header and tensors of a model by name or from a file.

    Raises:
        UserError: unknown name, no such file, not weights of this program.
    """
    if not isinstance(name, (str, os.PathLike)):
        raise UserError(f"a model is a name or a file, not {type(name).__name__}")
    path = _path_of(name)
    if not path.is_file():
        known = ", ".join(available_models()) or "none"
        raise UserError(f"unknown model {str(name)!r}: neither a file nor one of {known}")
    with _of_file(name):
        return _read_pt(path) if path.suffix == ".pt" else read_weights(path)


def _path_of(name: str | os.PathLike[str]) -> Path:
    return available_models().get(_in_full(name), Path(name))


def _in_full(name: str | os.PathLike[str]) -> str:
    """What goes into a table's metadata: ``default`` may be another model one day."""
    return DEFAULT_MODEL if str(name) == "default" else str(name)


@contextmanager
def _of_file(name: str | os.PathLike[str]) -> Iterator[None]:
    """Name the file in whatever goes wrong with it."""
    path = _path_of(name)
    try:
        yield
    except UserError as error:
        message = words_of(error)
        raise UserError(message if str(path) in message else f"{path}: {message}") from error
    except Exception as error:  # a foreign file fails in many ways
        raise UserError(
            f"{path} holds no weights of truevar; give a file written by `truevar train` or "
            "train_true_var.py"
        ) from error


def _header(
    network: TrueVAREmitterPredictor,
    threshold: float,
    domain: Mapping[str, Any],
    training: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        "architecture": network.architecture,
        "config": network.config.to_dict(),
        "threshold": threshold,
        "domain": dict(domain),
        "training": dict(training),
    }


def check_architecture(header: Mapping[str, Any]) -> None:
    """Refuse weights that are of another kind of model.

    Raises:
        UserError: an architecture that this version does not know.
    """
    known = TrueVAREmitterPredictor.architecture
    found = header.get("architecture")
    if found is None:
        raise UserError(
            f"weights of truevar 0.1.0's first model, which this version no longer runs; give "
            f"{DEFAULT_MODEL}, which is as good and faster, or localise with truevar 0.1.0"
        )
    if found != known:
        raise UserError(
            f"weights of the architecture {found!r}, and this version knows only {known}; "
            "update truevar"
        )


def _build(header: Mapping[str, Any]) -> TrueVAREmitterPredictor:
    """A network of the shape that a header states.

    Raises:
        UserError: an architecture or a key of the configuration that this version does not know.
    """
    check_architecture(header)
    return TrueVAREmitterPredictor(config=ModelConfig.from_dict(header["config"]))


def read_weights(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Header and tensors of a file of :func:`save_weights`, in single precision.

    Raises:
        UserError: no such file, or none of this program.
    """
    header = read_header(path)
    with safe_open(path, "pt") as stored:
        tensors = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118
    return header, {
        key: value.float() if value.is_floating_point() else value for key, value in tensors.items()
    }


def _read_pt(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Header and tensors of a file of :func:`save_model_pt`."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    return state, state["network"]
