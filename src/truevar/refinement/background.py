"""The background under emitters: what of the frames they do not explain, smoothed."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

BLOCK = 4
"""Side of the squares, px, whose means are smoothed: it is smooth itself, and this is quick."""

WIDTHS = 4.6
"""Standard deviation of the smoothing in PSF widths."""

FAINTEST = 0.2
"""Least background, effective counts per px: a pixel that expects nothing explains nothing."""


def background_of(
    left_THW: torch.Tensor, weight_THW: torch.Tensor, psf_sigma: float
) -> torch.Tensor:
    """Smoothed means of what emitters leave of the frames, weighted as their noise asks.

    Args:
        left_THW: (T, H, W) counts without the emitters' light.
        weight_THW: (T, H, W) one over their variance.
        psf_sigma: px.

    Returns:
        (T, H, W), at least :data:`FAINTEST`.
    """
    sigma = max(WIDTHS * psf_sigma, 6.0) / BLOCK
    height, width = left_THW.shape[1:]
    pair_NChw = torch.stack([left_THW * weight_THW, weight_THW], dim=1)
    coarse_NChw = F.avg_pool2d(pair_NChw, BLOCK, ceil_mode=True, count_include_pad=False)
    sums_Nhw, weights_Nhw = _smoothed(coarse_NChw, sigma).unbind(1)
    fine_NCHW = F.interpolate(
        (sums_Nhw / weights_Nhw)[:, None], scale_factor=BLOCK, mode="bilinear"
    )
    return fine_NCHW[:, 0, :height, :width].clamp_min(FAINTEST)


def _smoothed(value_NChw: torch.Tensor, sigma: float) -> torch.Tensor:
    """A Gaussian of that width over rows and columns; the border's values go on beyond it."""
    reach = math.ceil(3 * sigma)
    step_s = torch.arange(-reach, reach + 1, dtype=value_NChw.dtype)
    kernel_s = torch.exp(-0.5 * (step_s / sigma) ** 2)
    kernel_s /= kernel_s.sum()
    N, C, h, w = value_NChw.shape
    flat = value_NChw.reshape(N * C, 1, h, w)
    flat = F.conv2d(F.pad(flat, (reach, reach, 0, 0), mode="replicate"), kernel_s.view(1, 1, 1, -1))
    flat = F.conv2d(F.pad(flat, (0, 0, reach, reach), mode="replicate"), kernel_s.view(1, 1, -1, 1))
    return flat.view(N, C, h, w)
