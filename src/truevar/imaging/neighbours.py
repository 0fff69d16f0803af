"""How near emitters of one frame lie to each other, whose light may overlap.

Frames are set apart along a third axis, further than anything is looked for: one search serves all.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree


def set_apart(
    x_N: ArrayLike, y_N: ArrayLike, frame_N: ArrayLike, reach: float
) -> NDArray[np.float64]:
    """(N, 3) points that are within ``reach`` of each other only in one frame.

    Args:
        x_N, y_N: (N,) places, in any unit.
        frame_N: (N,) whole numbers.
        reach: in the unit of the places.
    """
    return np.column_stack([x_N, y_N, np.asarray(frame_N) * (4.0 * reach)])


def distance_to_nearest(point_Nd: NDArray[np.float64], reach: float) -> NDArray[np.float64]:
    """(N,) distances to the nearest other point; infinite where none is within ``reach``."""
    far_N2, _ = cKDTree(point_Nd).query(point_Nd, k=2, distance_upper_bound=1.001 * reach)
    return np.asarray(far_N2[:, 1], dtype=np.float64)
