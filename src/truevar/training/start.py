"""A run that starts from weights alone: of a model that was handed out, or of another run.

Nothing but the weights is taken: the optimiser, the learning rate and the counts of steps and
crops begin anew. A part of the model that the weights lack begins as in any fresh run.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from truevar.config import ModelConfig
from truevar.errors import UserError
from truevar.model.predictor import TrueVAREmitterPredictor
from truevar.model.weights import check_architecture, read_model
from truevar.wording import words_of


@dataclass(frozen=True)
class Start:
    """Weights to start from.

    Attributes:
        name: of the model, or its file.
        config: the model's shape.
        threshold: probability above which it reports an emitter.
        tensors: the state dict.
    """

    name: str
    config: ModelConfig
    threshold: float
    tensors: Mapping[str, torch.Tensor]

    @property
    def has_tokenizer(self) -> bool:
        """Whether a tokeniser is among the weights; it needs no training then."""
        return any(key.startswith("tokenizer.") for key in self.tensors)


def read_start(name: str | os.PathLike[str]) -> Start:
    """Weights by the name of a model that comes with the package, or from a file.

    Raises:
        UserError: no such model, or one of another architecture.
    """
    header, tensors = read_model(name)
    try:
        check_architecture(header)
        config = ModelConfig.from_dict(header["config"])
        return Start(str(name), config, float(header["threshold"]), tensors)
    except UserError as error:
        raise UserError(f"cannot start from {name}: {words_of(error)}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"cannot start from {name}: its header is damaged") from error


def take_weights(network: TrueVAREmitterPredictor, start: Start) -> list[str]:
    """Put weights into a model, as far as it has the parts.

    Returns:
        lines to tell: the parts that begin at their own initialisation, and those of the
        weights that the model has no use for.

    Raises:
        UserError: a part of the model is of another size than the weights' own.
    """
    own = network.state_dict()
    for key, value in start.tensors.items():
        if key in own and own[key].shape != value.shape:
            theirs, wanted = start.config.to_dict(), network.config.to_dict()
            differing = [name for name in wanted if wanted[name] != theirs[name]]
            named = f" ({differing[0]}: {theirs[differing[0]]})" if differing else ""
            raise UserError(
                f"cannot start from {start.name}: {key} is {tuple(value.shape)} there and "
                f"{tuple(own[key].shape)} in the model; train a model of the size of the "
                f"weights{named}"
            )
    _load(network, {key: value for key, value in start.tensors.items() if key in own})
    lines = [f"started from the weights of {start.name}"]
    if new := _parts(own.keys() - start.tensors.keys(), own):
        lines.append(f"not in {start.name}, begins anew: {', '.join(new)}")
    if unused := _parts(start.tensors.keys() - own.keys(), start.tensors):
        lines.append(f"of {start.name} not in the model, left out: {', '.join(unused)}")
    return lines


def _load(network: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    network.load_state_dict(dict(tensors), strict=False)


def _parts(keys: Iterable[str], every: Iterable[str]) -> list[str]:
    """The largest parts of a model that consist of these keys and no others."""
    chosen = set(keys)
    others = set(every) - chosen
    found = set()
    for key in chosen:
        steps = key.split(".")
        for n in range(1, len(steps) + 1):
            part = ".".join(steps[:n])
            if n == len(steps) or not any(one.startswith(f"{part}.") for one in others):
                found.add(part)
                break
    return sorted(found)
