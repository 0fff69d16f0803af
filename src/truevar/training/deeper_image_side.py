"""More blocks in the image side than the weights have, without losing what they have learnt.

A residual block whose last layer is zero passes on what it gets. Blocks of that kind put behind the
trained ones leave a model's every answer as it was, and learn from the first step on.
"""

from __future__ import annotations

from dataclasses import replace

from truevar.config import ModelConfig
from truevar.model.encoder import FrameEncoder
from truevar.model.lean_encoder import LeanEncoder, make_encoder
from truevar.training.start import Start

_LAST_LAYERS = ("second", "down")
"""What a block's last layer is called, by kind."""


def is_deeper(one: ModelConfig, other: ModelConfig) -> bool:
    """Whether ``other`` has more blocks in its image side and is like ``one`` otherwise."""
    more = other.joint_blocks > one.joint_blocks
    return more and replace(one, joint_blocks=other.joint_blocks) == other


def deepened(start: Start, config: ModelConfig) -> Start:
    """Weights for a model with more blocks in its image side, which answers as theirs does.

    Args:
        start: the weights.
        config: of the deeper model, :func:`is_deeper`.
    """
    encoder: FrameEncoder | LeanEncoder = make_encoder(config)
    tensors = dict(start.tensors)
    for key, value in encoder.state_dict().items():
        if (name := f"encoder.{key}") in tensors:
            continue
        is_last = any(f".{last}." in key for last in _LAST_LAYERS)
        tensors[name] = value.zero_() if is_last else value
    return replace(start, config=config, tensors=tensors)
