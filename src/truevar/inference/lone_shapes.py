"""Do emitters that stand alone look like the PSF? Their misfit, width and roundness."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from truevar.imaging.gaussian import render_patches
from truevar.imaging.neighbours import distance_to_nearest
from truevar.inference.drawn_again import Drawing, DrawnAgain

_ALONE = 7.0
"""PSF widths to the nearest other emitter from which one stands alone."""

_LEAST_SIGNAL = 12.0
"""Light of an emitter over its noise from which its shape can be told."""

_STEP = 0.02
"""Relative change of width for its derivative."""

Floats = NDArray[np.float64]


def shapes_of_lone(drawn: Drawing, seen: DrawnAgain) -> Floats:
    """(M, 3) squared misfit, relative change of width, squared ellipticity, of the bright ones.

    Args:
        drawn: emitters of one frame.
        seen: that frame, beside their light.
    """
    H, W = seen.counts_NHW.shape[1:]
    size = 2 * math.ceil(2.5 * drawn.psf_sigma) + 1
    alone_M = drawn.inside(H, W, size // 2 + 1)
    places = torch.stack([drawn.x_M, drawn.y_M], 1).double().numpy()
    least = _ALONE * drawn.psf_sigma
    alone_M &= torch.as_tensor(distance_to_nearest(places, least) > least)
    if not alone_M.any():
        return np.zeros((0, 3))
    width_M = torch.full_like(drawn.x_M, drawn.psf_sigma)[alone_M]
    patches = [
        render_patches(
            drawn.x_M[alone_M],
            drawn.y_M[alone_M],
            drawn.light_M[alone_M],
            width_M * by_x,
            width_M * by_y,
            size,
        )
        for by_x, by_y in ((1, 1), (1 + _STEP, 1), (1 - _STEP, 1), (1, 1 + _STEP), (1, 1 - _STEP))
    ]
    column_N, row_N = patches[0][1:]
    near_s = torch.arange(size)
    at = ((row_N[:, None] + near_s)[:, :, None], (column_N[:, None] + near_s)[:, None, :])
    return _shapes(
        _flat(patches[0][0]),
        _flat((patches[1][0] - patches[2][0]) / (2 * _STEP)),
        _flat((patches[3][0] - patches[4][0]) / (2 * _STEP)),
        _flat(seen.left_NHW[0][at]),
        _flat(seen.variance_NHW[0][at]),
    )


def _flat(patch_Nss: torch.Tensor) -> Floats:
    return np.asarray(patch_Nss.flatten(1).double().numpy())


def _shapes(
    light_NP: Floats, wider_NP: Floats, taller_NP: Floats, left_NP: Floats, variance_NP: Floats
) -> Floats:
    """(M, 3) squared misfit, relative change of width, squared ellipticity, of the bright ones.

    Args:
        light_NP: (N, P) an emitter's light in the pixels around it.
        wider_NP, taller_NP: its derivatives by the logarithm of the width along x and y.
        left_NP: what is left of the frame there.
        variance_NP: of its noise.
    """
    bright = (light_NP**2 / variance_NP).sum(1) > _LEAST_SIGNAL**2
    found = []
    for light, wider, taller, left, variance in zip(
        *(v[bright] for v in (light_NP, wider_NP, taller_NP, left_NP, variance_NP)), strict=True
    ):
        # Brightness, both widths and ground may each be a little off: least squares.
        weight = 1 / np.sqrt(variance)
        design = np.stack([light, wider, taller, np.ones_like(light)], 1) * weight[:, None]
        inverse = np.linalg.pinv(design.T @ design)
        change = inverse @ (design.T @ (left * weight))
        scale = 1 + change[0]
        across = np.array([0, 0.5, -0.5, 0])
        ellipse = ((across @ change) ** 2 - across @ inverse @ across) / scale**2
        misfit = (left**2 - variance).sum() / (light**2).sum()
        found.append((misfit, (change[1] + change[2]) / 2 / scale, ellipse))
    return np.array(found).reshape(-1, 3)
