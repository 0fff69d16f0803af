"""Precision of localisation from molecules that are seen in two frames running.

Distances from every localisation to the nearest one of the next frame are those between two
measurements of one molecule, of two molecules that happen to be near, or of strangers. Each kind
has its own distribution, and the first one's width is the precision (NeNA: Endesfelder, Malkusch,
Fricke, Heilemann, Histochem. Cell Biol. 141, 2014, equation 7).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit
from scipy.spatial import cKDTree

from truevar.emitters import Emitters
from truevar.imaging.neighbours import set_apart

Floats = NDArray[np.float64]

_MOST = 100_000
"""Localisations, evenly spread over the table, whose neighbours are looked for."""
_LEAST = 100
"""Pairs of one molecule that make a figure."""
_REACH = 8.0
"""Precisions within which distances are fitted: one molecule's end at 5, the rest is of others."""
_LARGEST_ERROR = 0.1
"""Of a precision that is told, as a part of it."""
_BINS = 60
_FARTHEST = 500.0
"""nm within which one molecule's two localisations are looked for."""


@dataclass(frozen=True)
class Nena:
    """Precision from neighbours in adjacent frames.

    Attributes:
        sigma: nm along one axis; the width of the distribution that fits best.
        error: nm, standard error of ``sigma`` as the fit has it.
        pairs: number of distances that were fitted, those of other molecules included.
        again: share of localisations whose molecule is localised in the next frame again.
    """

    sigma: float
    error: float
    pairs: int
    again: float

    @property
    def on_time(self) -> float:
        """Frames running in which a molecule is localised, in the mean.

        Geometrically distributed, as for one that may go off at any instant.
        """
        return 1 / max(1 - self.again, 1e-6)


def nearest_in_next_frame(emitters: Emitters, farthest: float = _FARTHEST) -> Floats:
    """Distances from localisations to the nearest one of the next frame.

    Args:
        emitters: the table; of a large one 100,000 rows, evenly spread, are asked.
        farthest: nm; where none is nearer the distance is infinite.

    Returns:
        (N,) nm of N localisations that are not of the last frame.
    """
    good_N = np.isfinite(emitters.x) & np.isfinite(emitters.y)
    x, y, frame = emitters.x[good_N], emitters.y[good_N], emitters.frame[good_N]
    if not len(x):
        return np.empty(0)
    tree = cKDTree(set_apart(x, y, frame, farthest))
    asked = np.flatnonzero(frame < frame.max())
    asked = asked[np.linspace(0, len(asked) - 1, min(len(asked), _MOST)).astype(int)]
    after = set_apart(x[asked], y[asked], frame[asked] + 1, farthest)
    far_N, _ = tree.query(after, distance_upper_bound=farthest)
    return np.asarray(far_N, dtype=np.float64)


def nena(emitters: Emitters) -> Nena | None:
    """The precision of a table of localisations, not linked.

    The model has the three terms of the paper: one molecule, Rayleigh-distributed with the width
    √2 sigma; a normal distribution for others that lie near; a line for strangers.

    Returns:
        None where too few molecules are seen in two frames running to say.
    """
    far_N = nearest_in_next_frame(emitters)
    asked = len(far_N)
    far_N = far_N[np.isfinite(far_N)]
    if len(far_N) < _LEAST:
        return None
    width = _first_guess(far_N)
    for _ in range(3):  # the range of the fit follows its result
        found = _fitted(far_N, width)
        if found is None:
            return None
        (one, sigma), error, pairs = found
        settled = abs(sigma / width - 1) < 0.05
        width = sigma
        if settled:
            break
    if one < _LEAST or not error < _LARGEST_ERROR * sigma:
        return None
    return Nena(sigma, error, pairs, min(one / asked, 1.0))


def _first_guess(far_N: Floats) -> float:
    """nm: where pairs per area fall to half of their number at short distances.

    Per area one molecule's pairs fall as exp(-d² / 4 sigma²) and strangers are evenly spread.
    """
    edge = np.quantile(far_N, np.linspace(0, 1, min(_BINS, len(far_N) // 20) + 1))
    per_area = 1 / np.maximum(np.diff(edge**2), 1e-12)
    per_area -= per_area[-1]
    top = float(np.median(per_area[:3]))
    lower = np.flatnonzero(per_area < top / 2)
    half = edge[lower[0]] if len(lower) else edge[-1]
    return max(float(half) / np.sqrt(4 * np.log(2)), 1e-3)


def _fitted(far_N: Floats, guess: float) -> tuple[tuple[float, float], float, int] | None:
    """Pairs of one molecule and their sigma, its error, and pairs fitted."""
    limit = min(_REACH * guess, _FARTHEST)
    count, edge = np.histogram(far_N, _BINS, (0.0, limit))
    total, step = int(count.sum()), edge[1]
    if total < _LEAST:
        return None
    middle = (edge[1:] + edge[:-1]) / 2

    def model(
        d: Floats, a1: float, sigma: float, a2: float, omega: float, dc: float, a3: float
    ) -> Floats:
        one = d / (2 * sigma**2) * np.exp(-((d / (2 * sigma)) ** 2))
        near = np.exp(-((d - dc) ** 2) / (2 * omega**2)) / np.sqrt(2 * np.pi * omega**2)
        return np.asarray(total * step * (a1 * one + a2 * near + a3 * 2 * d / limit**2))

    # Others that lie near begin beyond the molecule's own bulk; nearer, the two terms would
    # share out what is one molecule's.
    start = (0.8, guess, 0.05, guess, 4 * guess, 0.15)
    low = (0.0, guess / 3, 0.0, guess / 2, 3 * guess, 0.0)
    high = (1.0, 3 * guess, 1.0, 4 * guess, limit, 1.0)
    error_B = np.sqrt(np.maximum(count, 1.0))
    try:
        best, spread = curve_fit(
            model, middle, count, start, error_B, bounds=(low, high), max_nfev=2000
        )
        # Again with the errors that the model expects: those of the counts lean to low bins.
        error_B = np.sqrt(np.maximum(model(middle, *best), 1.0))
        inside = np.clip(best, low, high)
        best, spread = curve_fit(
            model, middle, count, inside, error_B, True, bounds=(low, high), max_nfev=2000
        )
    except (RuntimeError, ValueError, np.linalg.LinAlgError):
        return None
    error = float(np.sqrt(spread[1, 1])) if np.isfinite(spread[1, 1]) else np.inf
    return (float(best[0]) * total, float(best[1])), error, total
