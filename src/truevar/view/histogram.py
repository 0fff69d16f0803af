"""Counts of localisations per pixel, where they are or where their errors may have them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DRAWS = 10
"""Places drawn for every localisation of a jittered picture."""

_SEED = 0


def draw_histogram(
    x_N: NDArray[np.float64],
    y_N: NDArray[np.float64],
    weights_NC: NDArray[np.float32],
    shape: tuple[int, int],
) -> NDArray[np.float32]:
    """Every localisation counted in the pixel that it lies in.

    Args:
        x_N, y_N: in pixels; the corner of pixel (0, 0) is the origin.
        weights_NC: what each counts in every channel.
        shape: (H, W) of the picture.

    Returns:
        (C, H, W). What lies outside is left out.
    """
    height, width = shape
    rows = np.flatnonzero((x_N >= 0) & (x_N < width) & (y_N >= 0) & (y_N < height))
    where = y_N[rows].astype(np.int64) * width + x_N[rows].astype(np.int64)
    picture = np.empty((weights_NC.shape[1], height, width), np.float32)
    for channel, weights_N in zip(picture, weights_NC.T, strict=True):
        channel[:] = np.bincount(where, weights_N[rows], height * width).reshape(shape)
    return picture


def draw_jittered(
    x_N: NDArray[np.float64],
    y_N: NDArray[np.float64],
    sigma_x_N: NDArray[np.float64],
    sigma_y_N: NDArray[np.float64],
    weights_NC: NDArray[np.float32],
    shape: tuple[int, int],
) -> NDArray[np.float32]:
    """The mean of :data:`DRAWS` histograms, each with all places moved by their errors.

    Krizek et al., Opt. Express 19, 3226 (2011), draw so. The same table gives the same picture.

    Args:
        x_N, y_N, weights_NC, shape: as :func:`draw_histogram` has them.
        sigma_x_N, sigma_y_N: standard errors in pixels.

    Returns:
        (C, H, W). What is moved outside is left out, and what is moved inside counted.
    """
    random = np.random.default_rng(_SEED)
    picture = np.zeros((weights_NC.shape[1], *shape), np.float32)
    weights_NC = weights_NC / np.float32(DRAWS)
    for _ in range(DRAWS):
        x = x_N + sigma_x_N * random.standard_normal(len(x_N))
        y = y_N + sigma_y_N * random.standard_normal(len(y_N))
        picture += draw_histogram(x, y, weights_NC, shape)
    return picture
