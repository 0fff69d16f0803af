"""Pairs of localisations that may be of one place, seen at different times.

The difference of such a pair is the drift between its times, plus the errors of both; differences
of unrelated pairs are spread evenly. Both together are a mixture whose likelihood is maximised over
the shifts of all segments at once (expectation maximisation; its second step is a least-squares
problem over all pairs of segments, as in redundant cross-correlation, Wang et al. 2014,
doi:10.1364/OE.22.015982). Every localisation weighs about the same, whatever the number of its
partners: n localisations of one place are n measurements, not n².
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_PAIRS = 2_000_000
"""Pairs looked at; of more, so many are drawn, evenly over the localisations."""

_WEAK = 200.0
"""nm by which neighbouring segments may differ where no pairs say anything."""


@dataclass(frozen=True)
class Pairs:
    """Pairs of localisations of two segments.

    Attributes:
        one_P, two_P: (P,) rows of the localisations.
        seg_one_P, seg_two_P: (P,) their segments.
        apart_P2: (P, 2) nm from one to the other.
        variance_P: (P,) nm², of both errors along one axis.
        radius: nm within which pairs were looked for.
    """

    one_P: NDArray[np.int64]
    two_P: NDArray[np.int64]
    seg_one_P: NDArray[np.int64]
    seg_two_P: NDArray[np.int64]
    apart_P2: NDArray[np.float32]
    variance_P: NDArray[np.float32]
    radius: float

    def __len__(self) -> int:
        return len(self.one_P)

    def select(self, rows: NDArray[np.bool_]) -> Pairs:
        """Some of the pairs."""
        return Pairs(
            self.one_P[rows],
            self.two_P[rows],
            self.seg_one_P[rows],
            self.seg_two_P[rows],
            self.apart_P2[rows],
            self.variance_P[rows],
            self.radius,
        )


@dataclass(frozen=True)
class Fit:
    """Shifts of segments, and how the pairs determine them.

    Attributes:
        shift_S2: (S, 2) nm.
        weight_P: (P,) 1 / nm², of every pair in the least-squares problem.
        related_P: (P,) probability that a pair is of one place.
        widening: factor of the variances that the pairs ask for.
        share: share of the pairs that are of one place.
    """

    shift_S2: NDArray[np.float64]
    weight_P: NDArray[np.float32]
    related_P: NDArray[np.float32]
    widening: float
    share: float


def find_pairs(
    place_N2: NDArray[np.float64],
    variance_N: NDArray[np.float64],
    segment_N: NDArray[np.int64],
    radius: float,
    seed: int = 0,
) -> Pairs:
    """Pairs of different segments within a radius.

    Args:
        place_N2: (N, 2) nm, corrected by what is known of the drift.
        variance_N: (N,) nm², of a position along one axis.
        segment_N: (N,).
        radius: nm.
        seed: of the drawing, where there are too many pairs.
    """
    n = len(place_N2)
    cell_N2 = np.floor((place_N2 - place_N2.min(0)) / radius).astype(np.int64) + 1
    across = int(cell_N2[:, 0].max()) + 2
    code_N = cell_N2[:, 1] * across + cell_N2[:, 0]
    order = np.argsort(code_N, kind="stable")
    code_N = code_N[order]
    # Cells that adjoin in a row are adjoining rows here: three runs hold all neighbours.
    first_N3 = np.stack([np.searchsorted(code_N, code_N + k * across - 1) for k in (-1, 0, 1)], 1)
    end_N3 = np.stack(
        [np.searchsorted(code_N, code_N + k * across + 1, "right") for k in (-1, 0, 1)], 1
    )
    count_N3 = end_N3 - first_N3
    until_N3 = np.cumsum(count_N3, 1)
    total_N = until_N3[:, 2]
    everything = int(total_N.sum()) <= 2 * MOST_PAIRS
    if everything:
        one = np.repeat(np.arange(n), total_N)
        which = np.arange(len(one)) - np.repeat(np.cumsum(total_N) - total_N, total_N)
    else:
        one = np.repeat(np.arange(n), max(MOST_PAIRS // n, 3))
        random = np.random.default_rng(seed)
        which = (random.random(len(one)) * total_N[one]).astype(np.int64)
    run = (which >= until_N3[one, 0]).astype(np.int64) + (which >= until_N3[one, 1])
    two = first_N3[one, run] + which - (until_N3[one, run] - count_N3[one, run])
    if everything:  # each pair was met from both its ends
        kept = one < two
        one, two = one[kept], two[kept]
    one, two = order[one], order[two]
    apart_P2 = place_N2[two] - place_N2[one]
    kept = (apart_P2**2).sum(1) < radius**2
    kept &= segment_N[one] != segment_N[two]
    one, two = one[kept], two[kept]
    return Pairs(
        one,
        two,
        segment_N[one],
        segment_N[two],
        apart_P2[kept].astype(np.float32),
        (variance_N[one] + variance_N[two]).astype(np.float32),
        radius,
    )


def fit_shifts(
    pairs: Pairs,
    n_segments: int,
    widening: tuple[float, float],
    start: float | None = None,
    rounds: int = 40,
    tolerance: float = 0.005,
) -> Fit:
    """The shifts under which the pairs are likeliest.

    Args:
        pairs: of :func:`find_pairs`.
        n_segments: S.
        widening: least and greatest factor of the variances.
        start: nm, width along one axis that is begun with, to be narrowed; None begins with
            the errors.
        rounds: at most.
        tolerance: nm; done once no shift changes by more.
    """
    shift_S2 = np.zeros((n_segments, 2))
    narrowest = float(np.median(pairs.variance_P)) if len(pairs) else 1.0
    least, most = widening
    factor = max(1.0, least) if start is None else start**2 / narrowest
    share, ground = 0.5, 1 / (np.pi * pairs.radius**2)
    n = 1 + max(int(pairs.one_P.max(initial=0)), int(pairs.two_P.max(initial=0)))
    weight_P = related_P = np.zeros(len(pairs), np.float32)
    for _ in range(rounds):
        left_P2 = residuals(pairs, shift_S2)
        far_P = (left_P2**2).sum(1) / pairs.variance_P
        wide_P = np.float32(factor) * pairs.variance_P
        like_P = (
            np.float32(share / (2 * np.pi)) / wide_P * np.exp(-0.5 / np.float32(factor) * far_P)
        )
        related_P = like_P / (like_P + np.float32((1 - share) * ground))
        total = float(related_P.sum(dtype=np.float64))
        if total <= 0:
            break
        share = min(max(total / len(pairs), 1e-4), 1 - 1e-4)
        partners_N = np.bincount(pairs.one_P, related_P, n) + np.bincount(pairs.two_P, related_P, n)
        partners_P = 0.5 * (partners_N[pairs.one_P] + partners_N[pairs.two_P])
        weight_P = related_P / (wide_P * np.maximum(partners_P, 1.0).astype(np.float32))
        held = laplacian(pairs, weight_P, n_segments) + chain(np.full(n_segments - 1, _WEAK**-2))
        pull_S2 = np.stack([pull(pairs, weight_P * left, n_segments) for left in left_P2.T], 1)
        step_S2 = np.linalg.solve(held + 1 / n_segments * np.mean(np.diag(held)), pull_S2)
        step_S2 -= step_S2.mean(0)
        shift_S2 += step_S2
        asked = float((related_P * far_P).sum(dtype=np.float64)) / (2 * total)
        narrowed = min(max(asked, least), most)
        settled = abs(np.log(narrowed / factor)) < 0.02
        # Narrowed step by step: what lies far off its segment's shift is to come along.
        factor = narrowed if start is None else max(narrowed, 0.7 * factor)
        if np.abs(step_S2).max() < tolerance and settled:
            break
    return Fit(shift_S2, weight_P, related_P, factor, share)


def residuals(pairs: Pairs, shift_S2: NDArray[np.float64]) -> NDArray[np.float32]:
    """(P, 2) nm that the shifts of the segments leave between the two of a pair."""
    moved_S2 = shift_S2.astype(np.float32)
    return pairs.apart_P2 - (moved_S2[pairs.seg_two_P] - moved_S2[pairs.seg_one_P])


def pull(pairs: Pairs, force_P: NDArray[np.float32], n_segments: int) -> NDArray[np.float64]:
    """(S,) sum of what the pairs pull the later one's segment by, and the other one's back."""
    there = np.bincount(pairs.seg_two_P, force_P, n_segments)
    return np.asarray(there - np.bincount(pairs.seg_one_P, force_P, n_segments))


def laplacian(pairs: Pairs, weight_P: NDArray[np.float32], n_segments: int) -> NDArray[np.float64]:
    """(S, S) matrix of the least-squares problem; constants are its null space."""
    code_P = pairs.seg_one_P * n_segments + pairs.seg_two_P
    between = np.bincount(code_P, weight_P, n_segments**2).reshape(n_segments, n_segments)
    between = between + between.T
    return np.asarray(np.diag(between.sum(1)) - between)


def chain(weight_E: NDArray[np.float64]) -> NDArray[np.float64]:
    """(S, S) the same for weights between neighbours, (S - 1,)."""
    n = len(weight_E) + 1
    step_ES = np.eye(n - 1, n, 1) - np.eye(n - 1, n)
    return np.asarray(step_ES.T @ (weight_E[:, None] * step_ES))
