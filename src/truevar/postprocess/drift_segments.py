"""The segments of time that have a shift of their own, and their shifts, coarse to fine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from truevar.errors import UserError
from truevar.postprocess.drift_coarse import Folded, lay_over, light
from truevar.postprocess.drift_pairs import Fit, Pairs, find_pairs, fit_shifts

_PER_SEGMENT, _MOST_SEGMENTS = 50, 300
_PER_STRETCH, _FEWEST_STRETCHES, _MOST_STRETCHES = 100, 4, 128
_CAPTURE = 120.0
"""nm; pairs looked at first. What is left of the drift then has to be smaller."""
_SIGMAS = 4.5
"""Standard errors of a pair's difference within which pairs are looked at in the end."""

_JUMP_SPREAD = 6.0
"""Times the usual difference of two neighbours, from which on they are a jump apart."""
_JUMP_LEAST = 10.0
"""nm; what is smaller is left to the walk."""
_MOST_JUMPS = 0.1
"""Share of the neighbours that may be a jump apart."""


@dataclass(frozen=True)
class Segments:
    """Segments and their shifts.

    Attributes:
        first_S: (S,) first row of every segment.
        shift_S2: (S, 2) nm.
        jump_E: (S - 1,) whether a segment and the next are a jump apart.
        pairs, fit: what the shifts were fitted to in the end.
    """

    first_S: NDArray[np.int64]
    shift_S2: NDArray[np.float64]
    jump_E: NDArray[np.bool_]
    pairs: Pairs
    fit: Fit


def shifts_of_segments(
    place_N2: NDArray[np.float64],
    frame_N: NDArray[np.int64],
    variance_N: NDArray[np.float64],
    widening: tuple[float, float],
) -> Segments:
    """Cut a movie into segments and find their shifts.

    Args:
        place_N2: (N, 2) nm, in the order of frames.
        frame_N: (N,) ascending.
        variance_N: (N,) nm², of a position along one axis.
        widening: least and greatest factor that those may be off by.

    Raises:
        UserError: too few localisations are of places that are seen again.
    """
    first_S = _cut(frame_N, min(len(frame_N) // _PER_SEGMENT, _MOST_SEGMENTS))
    shift_S2 = _roughly(place_N2, frame_N, first_S)
    of_N = _segment_of(first_S, len(frame_N))
    pairs = find_pairs(place_N2 - shift_S2[of_N], variance_N, of_N, _CAPTURE)
    if len(pairs) < len(first_S):
        raise _untold(len(frame_N))
    fit = fit_shifts(pairs, len(first_S), widening, start=_CAPTURE / 3)
    shift_S2 = shift_S2 + fit.shift_S2
    jump_E = _jumps(shift_S2)
    if jump_E.any():
        first_S, shift_S2 = _cut_at_jumps(place_N2, frame_N, first_S, shift_S2, jump_E)
        of_N = _segment_of(first_S, len(frame_N))
    width = np.sqrt(fit.widening * float(np.median(pairs.variance_P)))
    radius = float(np.clip(_SIGMAS * width, 20.0, 2 * _CAPTURE))
    pairs = find_pairs(place_N2 - shift_S2[of_N], variance_N, of_N, radius, seed=1)
    fit = fit_shifts(pairs, len(first_S), widening)
    shift_S2 = shift_S2 + fit.shift_S2
    jump_E = _jumps(shift_S2)
    # A stage jumps now and then; shifts that do so all the time are of chance.
    if len(pairs) < len(first_S) or jump_E.sum() > max(_MOST_JUMPS * len(jump_E), 3):
        raise _untold(len(frame_N))
    return Segments(first_S, shift_S2, jump_E, pairs, fit)


def _untold(n: int) -> UserError:
    return UserError(
        f"the drift cannot be told: among {n:,} localisations too few are of places that are seen "
        "again; leave the table as it is, or correct it by beads"
    )


def _cut(frame_N: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """(S,) first row of every segment: whole frames, about as many localisations in each."""
    starts = frame_N[np.linspace(0, len(frame_N), max(n, 2), endpoint=False).astype(np.int64)]
    return np.unique(np.searchsorted(frame_N, starts))


def _segment_of(first_S: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """(n,) segment of every row."""
    return np.repeat(np.arange(len(first_S)), np.diff(np.append(first_S, n)))


def _roughly(
    place_N2: NDArray[np.float64], frame_N: NDArray[np.int64], first_S: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(S, 2) nm, right to within a pixel of the coarse pictures.

    Raises:
        UserError: stretches of the movie do not resemble each other.
    """
    most = min(len(frame_N) // _PER_STRETCH, _MOST_STRETCHES)
    laid, n = None, _FEWEST_STRETCHES
    while n <= most:
        # The longer a stretch, the surer; the shorter, the less it is smeared by drift.
        finer = lay_over(place_N2, _cut(frame_N, n), laid)
        if laid is not None and not finer.sure:
            break
        laid = finer if finer.sure else None
        n *= 2
    if laid is None:
        raise _untold(len(frame_N))
    # A jump within a stretch leaves some segments on the side of a neighbouring one.
    middle_S = (first_S + np.append(first_S[1:], len(frame_N))) // 2
    within_S = np.searchsorted(laid.first_M, middle_S, "right") - 1
    of_N = _segment_of(first_S, len(frame_N))
    candidates = [
        laid.shift_M2[np.clip(within_S + k, 0, len(laid.first_M) - 1)] for k in (0, -1, 1)
    ]
    score_kS = [
        np.bincount(of_N, light(place_N2 - shift_S2[of_N], laid.reference))
        for shift_S2 in candidates
    ]
    return np.stack(candidates)[np.argmax(score_kS, axis=0), np.arange(len(first_S))]


def _cut_at_jumps(
    place_N2: NDArray[np.float64],
    frame_N: NDArray[np.int64],
    first_S: NDArray[np.int64],
    shift_S2: NDArray[np.float64],
    jump_E: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """First rows and shifts, with borders at the very frames of the jumps."""
    of_N = _segment_of(first_S, len(frame_N))
    reference = Folded().picture(place_N2 - shift_S2[of_N])
    ends_S = np.append(first_S[1:], len(frame_N))
    first, shifts = first_S.tolist(), list(shift_S2)
    edges = np.flatnonzero(jump_E)
    # Later ones first, so that the numbers of the earlier ones stay.
    for run in reversed(np.split(edges, np.flatnonzero(np.diff(edges) > 1) + 1)):
        early, late = int(run[0]), int(run[-1]) + 1
        rows = np.arange(first_S[early], ends_S[late])
        gain = light(place_N2[rows] - shift_S2[early], reference)
        gain -= light(place_N2[rows] - shift_S2[late], reference)
        # Up to the jump the early shift is the better one, from there on the late one.
        begins = rows[1:][np.diff(frame_N[rows]) > 0]  # first rows of frames
        if not len(begins):
            continue
        border = int(begins[np.argmax(np.cumsum(gain)[begins - 1 - rows[0]])])
        first[early : late + 1] = [int(first_S[early]), border]
        shifts[early : late + 1] = [shift_S2[early], shift_S2[late]]
    return np.array(first), np.stack(shifts)


def _jumps(shift_S2: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(S - 1,) whether a segment and the next one are a jump apart."""
    step_E2 = np.diff(shift_S2, axis=0)
    jump_E = np.zeros(len(step_E2), dtype=bool)
    if len(step_E2) < 8:
        return jump_E
    for axis in range(2):
        step_E, level_S = step_E2[:, axis], shift_S2[:, axis]
        usual = 1.4826 * np.median(np.abs(step_E - np.median(step_E)))
        limit = max(_JUMP_SPREAD * usual, _JUMP_LEAST)
        for edge in np.flatnonzero(np.abs(step_E) > limit):
            # One segment that is off by itself steps there and back again.
            before, after = level_S[max(edge - 3, 0) : edge + 1], level_S[edge + 1 : edge + 5]
            jump_E[edge] |= abs(np.median(after) - np.median(before)) > limit / 2
    return jump_E
