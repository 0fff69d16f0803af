"""What the network sees: frames whose noise has unit variance and whose background is zero.

Cameras differ in gain, read noise and excess noise, samples in background. All of
that is physics we know, so it is taken out before the network rather than
learnt: an EMCCD frame divided by its excess factor F has the noise of a Poisson
count (with read variance over F²); the generalised Anscombe transform (Starck,
Murtagh & Bijaoui 1998, eq. 3.16) makes the noise of every pixel, hot ones too, of
unit variance; the local background becomes zero.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

CHANNELS = 4
"""Signal, noise level, share of read noise, and whether the frame exists."""

SIGNAL_SCALE = 4.0
"""The signal is given to the network in so many standard deviations of noise."""

WINDOW = 17
"""Width in px of the window in which the local background is estimated."""

PASSES = 3
"""Passes of the clipped mean; its reach is PASSES * (WINDOW // 2) px."""

REACH = PASSES * (WINDOW // 2)


def _box_sum(map_NHW: torch.Tensor) -> torch.Tensor:
    """Sum over a WINDOW × WINDOW neighbourhood; 0 beyond the frame's border.

    Sums of 2, 4, 8, … pixels from one another: a few additions of whole frames along each axis.
    """
    reach = WINDOW // 2
    sum_NHW = F.pad(map_NHW, (reach, reach, reach, reach))
    for axis in (1, 2):
        single, size = sum_NHW, sum_NHW.shape[axis]
        width = 1
        while 2 * width <= WINDOW:
            size -= width
            sum_NHW = sum_NHW.narrow(axis, 0, size) + sum_NHW.narrow(axis, width, size)
            width *= 2
        for further in range(width, WINDOW):
            size -= 1
            sum_NHW = sum_NHW.narrow(axis, 0, size) + single.narrow(axis, further, size)
    return sum_NHW


def local_background(counts_NHW: torch.Tensor, read_variance_NHW: torch.Tensor) -> torch.Tensor:
    """Local background by a clipped mean: what is above the last estimate is cut to it.

    Pixels count by the inverse of their read variance, so hot ones hardly do.

    Args:
        counts_NHW: (N, H, W) effective counts (photo-electrons over the excess factor).
        read_variance_NHW: (N, H, W) or broadcastable, in the same units squared.

    Returns:
        (N, H, W) background, at least 0.05.
    """
    weight_NHW = 1.0 / (read_variance_NHW + 10.0)  # one for all frames, if they are alike
    norm_NHW = _box_sum(weight_NHW.expand(-1, *counts_NHW.shape[1:]))
    back_NHW = _box_sum(weight_NHW * counts_NHW) / norm_NHW
    for _ in range(PASSES - 1):
        limit_NHW = back_NHW + 0.5 * (back_NHW.clamp_min(0) + 1.0).sqrt()
        clipped_NHW = torch.minimum(counts_NHW, limit_NHW)
        back_NHW = _box_sum(weight_NHW * clipped_NHW) / norm_NHW
    return back_NHW.clamp_min(0.05)


def normalise(
    counts_NHW: torch.Tensor, read_variance_NHW: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The network's input channels for single frames.

    Args:
        counts_NHW: (N, H, W) effective counts; any finite values.
        read_variance_NHW: (N, H, W) or broadcastable, variance of read noise, same units².

    Returns:
        (N, 4, H, W) channels, and the (N, H, W) local background in effective counts.
    """
    counts_NHW = counts_NHW.float()
    back_NHW = local_background(counts_NHW, read_variance_NHW.float())
    read_NHW = read_variance_NHW.float().expand_as(counts_NHW)
    floor_NHW = back_NHW + read_NHW + 0.375
    signal_NHW = 2 * ((counts_NHW + read_NHW + 0.375).clamp_min(0).sqrt() - floor_NHW.sqrt())
    channels = (
        signal_NHW / SIGNAL_SCALE,
        0.5 * floor_NHW.log() - 1.5,
        read_NHW / floor_NHW,
        torch.ones_like(signal_NHW),
    )
    return torch.stack(channels, 1), back_NHW
