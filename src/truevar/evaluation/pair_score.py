"""Told apart or not: the scores of the scene ``pair`` (:mod:`truevar.simulation.pairs`).

A pair is found when both emitters are, each within half their separation of its truth, one to one.
One answer in the middle, or two on one side, is no finding. The other way round, a single emitter
is split when there are several answers where it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from truevar.emitters import Emitters
from truevar.evaluation.matching import RADIUS_NM, candidate_pairs, match


def pair_errors(found: Emitters, truth: Emitters, separation: float) -> NDArray[np.float64]:
    """Distances of the answers to both emitters of each pair.

    Args:
        found: answers; those in other frames than the truth's do not matter.
        truth: rows of the scene, those frames only that are to be scored, with ``pair``.
        separation: of all these pairs, nm, above 0.

    Returns:
        (P, 2) nm, pairs in the order of their numbers and in each the emitters in that of
        their ``id``; NaN for an emitter without an answer within half the separation.
    """
    distance_N = np.full(len(truth), np.nan)
    matched = match(found, truth, separation / 2)
    distance_N[matched.truth] = matched.distance
    return distance_N[np.lexsort([truth["id"], truth["pair"]])].reshape(-1, 2)


def answers_near(found: Emitters, truth: Emitters) -> NDArray[np.int64]:
    """(N,) answers within the matching radius of each true emitter; above 1 is a split.

    Args:
        found: answers.
        truth: single emitters, more than twice the radius from each other.
    """
    near = candidate_pairs(found, truth, RADIUS_NM)
    return np.bincount(near.truth, minlength=len(truth)).astype(np.int64)


def share(which_P: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Share of independent cases in %, and its 95 % interval.

    The interval is Wilson's (J. Am. Stat. Assoc. 22, 209 (1927)): resampling would give none
    where all cases agree, as they often do here.

    Args:
        which_P: (P,) cases, at least one.

    Returns:
        the share, the interval's lower and upper end.
    """
    n, z2 = len(which_P), 1.959964**2
    part = float(np.mean(which_P))
    middle = (part + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (part * (1 - part) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    return 100 * part, 100 * max(0.0, float(middle - half)), 100 * min(1.0, float(middle + half))
