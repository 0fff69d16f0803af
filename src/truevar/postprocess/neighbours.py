"""How crowded it is around a localisation: columns worked out where a condition names them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from truevar.emitters import Emitters
from truevar.imaging.neighbours import distance_to_nearest, set_apart

DENSITY_RADIUS = 100.0
"""nm around a localisation in which ``density`` counts."""


def nearest_in_frame(emitters: Emitters) -> NDArray[np.float64]:
    """(N,) nm to the nearest other localisation of the same frame; infinite without one."""
    if not len(emitters):
        return np.empty(0)
    span = 1.0 + float(np.ptp(emitters.x) + np.ptp(emitters.y))
    return distance_to_nearest(set_apart(emitters.x, emitters.y, emitters.frame, span), span)


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
