"""The noise of a camera's pixels, as likelihoods and bounds take it.

A pixel that expects mu photo-electrons is taken as Gaussian with the variance
excess * (mu + clock-induced charge) + read noise²: exact in its first two moments, and for
a camera without read noise and excess its information is the Poisson one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from truevar.camera import Camera
from truevar.imaging.psf import Floats

VARIANCE_FLOOR = 1e-9
"""Least variance of a pixel, photo-electrons²: an ideal camera's dark pixel has none."""


def pixel_variance(
    expected: ArrayLike, camera: Camera, read_variance: ArrayLike | None = None
) -> Floats:
    """Variance of pixels in photo-electrons².

    Args:
        expected: (…) expected photo-electrons per pixel, background included.
        camera: its excess, clock-induced charge and read noise.
        read_variance: broadcastable; instead of the camera's own (for parts of a map).

    Returns:
        (…) variance, at least :data:`VARIANCE_FLOOR`.
    """
    read = np.asarray(camera.read_variance if read_variance is None else read_variance)
    variance = camera.excess * (np.asarray(expected, dtype=np.float64) + camera.cic) + read
    return np.maximum(variance, VARIANCE_FLOOR, dtype=np.float64)
