"""Backgrounds: flat, or structured by haze as docs/protocol.md's ``2d-structured`` has it."""

from __future__ import annotations

import torch


def haze(
    n_scenes: int,
    height: int,
    width: int,
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
    blobs: int = 5,
) -> torch.Tensor:
    """(B, H, W) factors 1 + Σ of Gaussian blobs, by which a flat background is multiplied.

    A blob's centre is uniform in the frame, its σ 8 to 30 % of the frame's width, its
    height 0.5 to 3.
    """
    unit = torch.rand((4, n_scenes, blobs, 1, 1), device=device, generator=generator)
    x, y = unit[0] * width - 0.5, unit[1] * height - 0.5
    sigma = (0.08 + 0.22 * unit[2]) * width
    top = 0.5 + 2.5 * unit[3]
    col = torch.arange(width, device=device)
    row = torch.arange(height, device=device)[:, None]
    distance2 = ((col - x).square() + (row - y).square()) / sigma.square()
    return 1 + (top * torch.exp(-0.5 * distance2)).sum(1)
