"""From the shifts of segments to a curve with its error band.

The curve is taken for a walk: of its position, or of its speed (a cubic smoothing spline,
Wahba 1978), whichever the shifts are likelier under, at the pace they are likeliest under. Where
two neighbours differ by far more than others do, it may jump. The band has three parts: what the
pairs leave open, by how differently they speak in different parts of the field (a sandwich
estimate over blocks of the field, White 1980, doi:10.2307/1912934, so that pairs need not be
independent within one); what the walk may do within the time it is averaged over; and what it may
do between the middles of two segments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from truevar.postprocess.drift_pairs import chain, laplacian, residuals
from truevar.postprocess.drift_segments import Segments

_LEAST_ERROR = 0.1
"""nm; no curve is claimed to be better: positions are kept to hundredths of a nanometre, and a
segment is taken to be at rest."""
_JUMP_PRIOR = 1000.0
"""nm; a jump may be of any size up to about this."""

_PACES = np.geomspace(1e-5, 1e2, 22)
"""Paces of the walk that are tried, as multiples of the one that the raw shifts have."""
_SLOWER = 100.0
"""A walk of the speed is tied to rest by so many times the raw shifts' step."""


@dataclass(frozen=True)
class Walk:
    """One axis of the curve at the middles of segments.

    Attributes:
        value_S: (S,) nm.
        variance_S: (S,) nm², of value less the mean over all frames.
        pace: nm² per frame by which the variance of a walk of the position grows; None for a
            walk of the speed.
    """

    value_S: NDArray[np.float64]
    variance_S: NDArray[np.float64]
    pace: float | None


def blocks(place_N2: NDArray[np.float64], aside: int = 10) -> NDArray[np.int64]:
    """(N,) blocks of the field, ``aside``² with about the same number of localisations each."""
    column_N = _parts(place_N2[:, 0], aside)
    block_N = np.empty(len(place_N2), np.int64)
    for column in range(aside):
        rows = np.flatnonzero(column_N == column)
        block_N[rows] = column * aside + _parts(place_N2[rows, 1], aside)
    return block_N


def walk(
    found: Segments,
    axis: int,
    time_S: NDArray[np.float64],
    share_S: NDArray[np.float64],
    block_N: NDArray[np.int64],
) -> Walk:
    """One axis of the curve and its variance.

    Args:
        found: the segments.
        axis: 0 for x, 1 for y.
        time_S: (S,) middles of the segments, in frames.
        share_S: (S,) weights of the segments in the mean over all frames, 1 in all.
        block_N: (N,) block of every localisation.
    """
    pairs, fit, shift_S = found.pairs, found.fit, found.shift_S2[:, axis]
    n, n_blocks = len(time_S), int(block_N.max()) + 1
    left_P = residuals(pairs, fit.shift_S2)[:, axis]
    force_P = fit.weight_P * left_P
    # The curvature of the mixture's likelihood: a pair that may be unrelated binds less.
    doubt_P = (1 - fit.related_P) * left_P**2 / (pairs.variance_P * np.float32(fit.widening))
    even = np.full((n, n), 1 / n)
    bound = laplacian(pairs, fit.weight_P * (1 - doubt_P), n)
    if np.linalg.eigvalsh(bound + even * np.trace(bound) / n)[0] <= 0:
        bound = laplacian(pairs, fit.weight_P, n)
    scale = np.trace(bound) / n
    code_P = block_N[pairs.one_P]
    force_SB = np.zeros((n, n_blocks))
    for seg_P, sign in ((pairs.seg_two_P, 1.0), (pairs.seg_one_P, -1.0)):
        summed = np.bincount(seg_P * n_blocks + code_P, force_P, n * n_blocks)
        force_SB += sign * summed.reshape(n, n_blocks)
    force_SB -= force_SB.mean(1, keepdims=True)
    force_SB *= np.sqrt(n_blocks / max(n_blocks - 1, 1))
    # A weak chain holds segments without pairs, as in the fit.
    inverse = np.linalg.inv(bound + scale * (even + 1e-6 * chain(np.ones(n - 1))))
    inverse -= inverse.mean(0)
    naive_S = np.maximum(np.diag(inverse - inverse.mean(1, keepdims=True)), 0.0)
    # What the pairs count for too much or too little is what blocks differ by.
    excess = max(float(((inverse @ force_SB) ** 2).sum() / naive_S.sum()), 1e-12)
    bound, force_SB = bound / excess, force_SB / excess
    prior, pace = _prior(bound, shift_S, np.diff(time_S), found.jump_E)
    inverse = np.linalg.inv(bound + prior + even * np.trace(bound) / n)
    value_S = inverse @ (bound @ shift_S)
    # Less the mean over all frames, which is no part of the drift.
    centred = inverse - share_S @ inverse
    variance_S = ((centred @ force_SB) ** 2).sum(1)
    variance_S += ((centred @ prior) * centred).sum(1) + _LEAST_ERROR**2
    return Walk(value_S, variance_S, pace)


def _prior(
    bound: NDArray[np.float64],
    shift_S: NDArray[np.float64],
    between_E: NDArray[np.float64],
    jump_E: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], float | None]:
    """(S, S) 1 / nm², what ties the curve's points to each other, and :attr:`Walk.pace`.

    Of walks of both kinds and many paces the one under which the shifts are likeliest.
    """
    n, walked_E = len(shift_S), ~jump_E
    step_E = np.diff(shift_S)
    loose_E = np.full(n - 1, _JUMP_PRIOR**-2)
    raw = float(np.mean(step_E[walked_E] ** 2 / between_E[walked_E])) if walked_E.any() else 0.0
    raw = max(raw, 1e-9)
    tries: list[tuple[NDArray[np.float64], float | None]] = []
    for times in _PACES:
        pace = raw * times
        tries.append((chain(np.where(jump_E, loose_E, 1 / (pace * between_E))), pace))
    smooth_R = walked_E[1:] & walked_E[:-1]  # a jump says nothing of the speed behind it
    if smooth_R.any():
        slope_ES = (np.eye(n - 1, n, 1) - np.eye(n - 1, n)) / between_E[:, None]
        bend_RS = np.diff(slope_ES, axis=0)[smooth_R]
        over_R = 0.5 * (between_E[1:] + between_E[:-1])[smooth_R]
        raw_bend = max(float(np.mean((bend_RS @ shift_S) ** 2 / over_R)), 1e-15)
        rest = chain(np.where(jump_E, loose_E, 1 / (_SLOWER**2 * raw * between_E)))
        spring = bend_RS.T @ (bend_RS / over_R[:, None])
        tries += [(rest + spring / (raw_bend * times), None) for times in _PACES**2 * 1e-2]
    fixed = np.full((n, n), np.trace(bound) / n**2)
    said_S = bound @ shift_S

    def evidence(prior: NDArray[np.float64]) -> float:
        lower = np.linalg.cholesky(bound + prior + fixed)
        solved_S = solve_triangular(lower, said_S, lower=True)
        volume = np.log(np.diag(lower)).sum() - 0.5 * np.linalg.slogdet(prior + fixed)[1]
        return float(0.5 * solved_S @ solved_S - volume)

    return max(tries, key=lambda tried: evidence(tried[0]))


def along(
    frame_F: NDArray[np.int64],
    time_S: NDArray[np.float64],
    edge_E: NDArray[np.int64],
    jump_E: NDArray[np.bool_],
    walked: Walk,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(F,) nm, the curve of every frame, and its (F,) standard error.

    Straight from middle to middle, but for a jump, which is where the two segments meet
    (``edge_E``, the first frame of the later one).
    """
    after_F = np.searchsorted(time_S, frame_F, "right")
    low_F, high_F = np.clip(after_F - 1, 0, None), np.clip(after_F, None, len(time_S) - 1)
    inside_F = low_F < high_F
    jumped_F = inside_F & jump_E[np.minimum(low_F, len(jump_E) - 1)]
    early_F = frame_F < edge_E[np.minimum(low_F, len(edge_E) - 1)]
    low_F = np.where(jumped_F & ~early_F, high_F, low_F)
    high_F = np.where(jumped_F & early_F, low_F, high_F)
    length_F = time_S[high_F] - time_S[low_F]
    part_F = np.where(length_F > 0, (frame_F - time_S[low_F]) / np.maximum(length_F, 1e-9), 0.0)
    value_F = (1 - part_F) * walked.value_S[low_F] + part_F * walked.value_S[high_F]
    variance_F = (1 - part_F) * walked.variance_S[low_F] + part_F * walked.variance_S[high_F]
    if walked.pace is not None:
        beyond_F = np.abs(frame_F - time_S[low_F])  # before the first middle, behind the last
        free_F = np.where(length_F > 0, length_F * part_F * (1 - part_F), beyond_F)
        return value_F, np.sqrt(variance_F + walked.pace * free_F)
    # A straight line is off a smooth curve by its bend, a level one by its slope.
    slope_S, bend_S = np.zeros((2, len(time_S)))
    for piece in np.split(np.arange(len(time_S)), np.flatnonzero(jump_E) + 1):
        if len(piece) > 2:
            slope_S[piece] = np.gradient(walked.value_S[piece], time_S[piece])
            bend_S[piece] = np.gradient(slope_S[piece], time_S[piece])
    bend_F = bend_S[low_F] * length_F**2 * part_F * (1 - part_F) / 2
    level_F = np.where(length_F > 0, 0.0, slope_S[low_F] * (frame_F - time_S[low_F]))
    return value_F, np.sqrt(variance_F + bend_F**2 + level_F**2)


def _parts(values: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """(N,) which of n parts of the same size a value is in."""
    rank = np.empty(len(values), np.int64)
    rank[np.argsort(values, kind="stable")] = np.arange(len(values))
    return rank * n // max(len(values), 1)
