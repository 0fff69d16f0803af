"""Root mean square minimum distance of two sets of points, the measure of SolnBenchmark.

Sun, Sci. Rep. 8, 17211 (2018): every true point to the nearest one found, every one found to the
nearest true point, squared, and the mean of all of these distances. It needs no matching radius
and no assignment: a missed emitter costs its distance to the nearest answer, a false one that to
the nearest emitter. So in a crowd finding nothing new is cheap, and where emitters stand alone a
single miss outweighs hundreds of errors.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree


def root_mean_square_minimum_distance(found: ArrayLike, true: ArrayLike) -> float:
    """How far two sets of points lie from each other.

    Args:
        found: (K, d) points.
        true: (M, d) points, in the same unit.

    Returns:
        √((Σ over true of min d² + Σ over found of min d²) / (K + M)), in that unit; NaN where one
        of the sets is empty.
    """
    found_Kd, true_Md = (np.asarray(one, dtype=np.float64) for one in (found, true))
    if len(found_Kd) == 0 or len(true_Md) == 0:
        return math.nan
    near_M, _ = cKDTree(found_Kd).query(true_Md)
    near_K, _ = cKDTree(true_Md).query(found_Kd)
    return math.sqrt(np.mean(np.concatenate([near_M, near_K]) ** 2))
