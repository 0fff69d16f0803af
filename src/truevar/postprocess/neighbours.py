"""How crowded it is around a localisation: columns worked out where a condition names them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from truevar.emitters import Emitters

DENSITY_RADIUS = 100.0
"""nm around a localisation in which ``density`` counts."""


def nearest_in_frame(emitters: Emitters) -> NDArray[np.float64]:
    """(N,) nm to the nearest other localisation of the same frame; infinite without one."""
    n = len(emitters)
    far_N = np.full(n, np.inf)
    if n < 2:
        return far_N
    span = 1.0 + float(np.ptp(emitters.x) + np.ptp(emitters.y))
    # Frames are set apart along a third axis, farther than anything within one.
    _, rank = np.unique(emitters.frame, return_inverse=True)
    points = np.stack([emitters.x, emitters.y, 2.0 * span * rank.reshape(-1)], 1)
    found_N2, _ = cKDTree(points).query(points, k=2, distance_upper_bound=span)
    return np.asarray(found_N2[:, 1], dtype=np.float64)


def density(emitters: Emitters) -> NDArray[np.float64]:
    """(N,) localisations per µm² within :data:`DENSITY_RADIUS`, of all frames, itself included."""
    if not len(emitters):
        return np.empty(0)
    points = np.stack([emitters.x, emitters.y], 1)
    near_N = cKDTree(points).query_ball_point(points, DENSITY_RADIUS, return_length=True)
    return near_N / (np.pi * (DENSITY_RADIUS / 1000) ** 2)


COMPUTED: Mapping[str, Callable[[Emitters], NDArray[np.float64]]] = {
    "nearest": nearest_in_frame,
    "density": density,
}
"""By the name that a condition uses."""
