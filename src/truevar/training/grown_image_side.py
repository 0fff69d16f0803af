"""More in the image side than the weights have, without losing what they have learnt.

A residual block whose last layer is zero passes on what it gets, and frames that are read with
weights of zero do not matter. Blocks of that kind put behind the trained ones, and frames further
away, leave a model's every answer as it was, and learn from the first step on.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from truevar.config import ModelConfig
from truevar.model.encoder import FrameEncoder
from truevar.model.lean_encoder import LeanEncoder, make_encoder
from truevar.training.start import Start

_LAST_LAYERS = ("second", "down")
"""What a block's last layer is called, by kind."""

_READS_FRAMES = "encoder.fuse.weight"


def is_grown(one: ModelConfig, other: ModelConfig) -> bool:
    """Whether ``other`` is like ``one``, but for more blocks or frames in its image side."""
    if other.joint_blocks < one.joint_blocks or other.window < one.window:
        return False
    same = replace(one, joint_blocks=other.joint_blocks, window=other.window)
    return one != other and same == other


def grown(start: Start, config: ModelConfig) -> Start:
    """Weights for a model with more in its image side, which answers as theirs does.

    Args:
        start: the weights.
        config: of the larger model, :func:`is_grown`.
    """
    encoder: FrameEncoder | LeanEncoder = make_encoder(config)
    tensors = dict(start.tensors)
    for key, value in encoder.state_dict().items():
        if (name := f"encoder.{key}") in tensors:
            continue
        is_last = any(f".{last}." in key for last in _LAST_LAYERS)
        tensors[name] = value.zero_() if is_last else value
    further = (config.window - start.config.window) // 2
    near_oikk = tensors[_READS_FRAMES]
    beside = near_oikk.new_zeros(
        near_oikk.shape[0], further * config.frame_channels, *near_oikk.shape[2:]
    )
    # Frames come in their order: the ones further away are first and last.
    tensors[_READS_FRAMES] = torch.cat([beside, near_oikk, beside], 1)
    return replace(start, config=config, tensors=tensors)
