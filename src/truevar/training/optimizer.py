"""The optimiser: orthogonalised momentum for matrices, AdamW for everything else.

For the weight matrices between hidden layers the direction of a step is the momentum with
all its singular values made (nearly) one, so that rare directions are learnt as fast as
frequent ones (Muon: Jordan et al. 2024; its scale relative to AdamW's: Liu et al. 2025,
arXiv 2502.16982). Embeddings, gains, biases and the heads' last layers keep AdamW, as there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from truevar.device import multiplies_bfloat16

_QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of the iteration that drives singular values towards one (Jordan et al. 2024)."""


def orthogonalise(matrix_MN: torch.Tensor, passes: int = 5) -> torch.Tensor:
    """A matrix with the singular vectors of ``matrix_MN`` and singular values near one.

    Newton–Schulz iteration of an odd quintic polynomial; singular values end up between
    about 0.7 and 1.2.

    Args:
        matrix_MN: (M, N), any scale.
        passes: of the iteration.
    """
    a, b, c = _QUINTIC
    # Few digits are enough, where fewer are faster.
    fast = multiplies_bfloat16(matrix_MN.device)
    x = matrix_MN.bfloat16() if fast else matrix_MN.float()
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(passes):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.T if tall else x).to(matrix_MN.dtype)


_NOT_HIDDEN = ("embed", "heads.", "modulation", "film", "encoder.enter", "_bias", "_gain")
"""Parts of the names of parameters that are no maps between hidden layers."""


class MatrixMomentum(torch.optim.Optimizer):
    """Muon for parameters of at least two dimensions; convolutions as (out, in · k²).

    Args:
        params: matrices.
        lr: on AdamW's scale: a step's root mean square is 0.2 · lr.
        momentum: of the running mean of gradients (Nesterov's).
        weight_decay: decoupled.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
    ):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step; ``closure`` is not supported."""
        for group in self.param_groups:
            rate, momentum = group["lr"], group["momentum"]
            for param in group["params"]:
                if param.grad is None:
                    continue
                mean = self.state[param].setdefault("mean", torch.zeros_like(param))
                mean.lerp_(param.grad, 1 - momentum)
                direction = param.grad.lerp(mean, momentum).flatten(1)
                step = orthogonalise(direction).view_as(param)
                size = 0.2 * max(direction.shape) ** 0.5
                param.mul_(1 - rate * group["weight_decay"])
                param.add_(step, alpha=-rate * size)


def make_optimizers(
    network: nn.Module, rate: float, weight_decay: float
) -> list[torch.optim.Optimizer]:
    """Optimisers that together hold every parameter of a network that is learnt."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, param in network.named_parameters():
        if not param.requires_grad:
            continue
        hidden = param.dim() >= 2 and not any(part in name for part in _NOT_HIDDEN)
        (matrices if hidden else others).append(param)
    return [
        MatrixMomentum(matrices, rate, weight_decay=weight_decay),
        torch.optim.AdamW(others, rate, (0.9, 0.98), weight_decay=weight_decay),
    ]
