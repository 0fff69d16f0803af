"""A step's learning rate (a warm-up, then half a cosine), its beginning and its end."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch

LONGEST = 2.0
"""Norm to which longer gradients are cut."""


def rate_of(peak: float, step: int, warmup: int, done: float, last: float = 0.01) -> float:
    """The rate of a step.

    Args:
        peak: the rate that it warms up to.
        step: from 0.
        warmup: steps of it.
        done: share of the training that is over; beyond 1 as at 1.
        last: share of the peak at the end.
    """
    cosine = 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
    return peak * min(1.0, (step + 1) / warmup) * (last + (1 - last) * cosine)


def begin_step(optimizers: Iterable[torch.optim.Optimizer], rate: float) -> None:
    """Give optimisers their rate, and forget the gradients of the step before."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)


def end_step(optimizers: Iterable[torch.optim.Optimizer], network: torch.nn.Module) -> float:
    """Let optimisers step by the gradients, cut to :data:`LONGEST`, if these are finite.

    Returns:
        the gradients' norm as it was.
    """
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), LONGEST)
    if torch.isfinite(norm):
        for optimizer in optimizers:
            optimizer.step()
    return float(norm)
