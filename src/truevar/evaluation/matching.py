"""Which prediction is which true emitter, and which of them count (docs/protocol.md, Scoring).

Per frame, predictions and true emitters within 250 nm of each other are assigned one to
one, optimally: as many pairs as possible, and among those the least sum of distances.
Then pairs and leftovers in a border of the frame, and the dimmest quarter of the true
emitters with what was matched to them, are taken out of the count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components, min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.imaging.neighbours import set_apart

RADIUS_NM = 250.0
"""Matching radius, lateral."""

AXIAL_RADIUS_NM = 500.0
"""Matching radius along the axis, where both tables have ``z``."""

BORDER_NM = 450.0
"""Width of the border that is not scored."""

DIM_SHARE = 0.25
"""Share of the dimmest true activations that are not scored."""

_DENSE_CELLS = 4_000_000  # a group with a larger cost matrix is solved on its sparse pairs

Index = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Pairs:
    """Pairs of rows of two tables with their distance.

    Attributes:
        pred: (K,) rows of the predictions.
        truth: (K,) rows of the truth.
        distance: (K,) lateral distance, nm.
    """

    pred: Index
    truth: Index
    distance: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.pred)

    def select(self, keep: ArrayLike) -> Pairs:
        """The pairs of a mask or an index array."""
        index = np.asarray(keep)
        return Pairs(self.pred[index], self.truth[index], self.distance[index])


def match(pred: Emitters, truth: Emitters, radius: float = RADIUS_NM) -> Pairs:
    """Optimal one-to-one assignment within each frame.

    Args:
        pred: predictions.
        truth: true emitters.
        radius: largest lateral distance of a pair, nm (inclusive). Where both tables have
            ``z``, pairs are also within 500 nm axially.

    Returns:
        The assigned pairs, in order of the predictions.

    Raises:
        UserError: a coordinate is not finite.
    """
    return assign(candidate_pairs(pred, truth, radius))


def candidate_pairs(pred: Emitters, truth: Emitters, radius: float = RADIUS_NM) -> Pairs:
    """All pairs of one frame within the radius; arguments as in :func:`match`."""
    if len(pred) == 0 or len(truth) == 0:
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    near = cKDTree(in_frames(pred, radius)).sparse_distance_matrix(
        cKDTree(in_frames(truth, radius)), radius, output_type="ndarray"
    )
    pairs = Pairs(near["i"].astype(np.int64), near["j"].astype(np.int64), near["v"])
    if "z" in pred and "z" in truth:
        apart_K = np.abs(pred["z"][pairs.pred] - truth["z"][pairs.truth])
        pairs = pairs.select(apart_K <= AXIAL_RADIUS_NM)
    return pairs


def in_frames(table: Emitters, radius: float) -> NDArray[np.float64]:
    """(N, 3) points that are within the radius of each other only in one frame."""
    points_N3 = set_apart(table.x, table.y, table.frame, radius)
    if not np.all(np.isfinite(points_N3)):
        raise UserError("emitters with coordinates that are not finite cannot be matched")
    return points_N3


def assign(pairs: Pairs) -> Pairs:
    """The best one-to-one choice among candidate pairs.

    The pairs form a graph whose connected groups (a few emitters each, never more than one
    frame's) are independent and small, however large the movie is.
    """
    if len(pairs) == 0:
        return pairs
    preds, pred_K = np.unique(pairs.pred, return_inverse=True)
    truths, truth_K = np.unique(pairs.truth, return_inverse=True)
    count = len(preds) + len(truths)
    graph = coo_matrix((np.ones(len(pairs)), (pred_K, len(preds) + truth_K)), (count, count))
    _, label = connected_components(graph, directed=False)
    group_K = label[pred_K]
    order = np.argsort(group_K, kind="stable")
    starts = np.flatnonzero(np.diff(group_K[order], prepend=-1))
    sizes = np.diff(starts, append=len(order))
    chosen = [order[starts[sizes == 1]]]  # a pair of its own needs no choice
    for start, size in zip(starts[sizes > 1], sizes[sizes > 1], strict=True):
        group = order[start : start + size]
        chosen.append(group[_assign_group(pred_K[group], truth_K[group], pairs.distance[group])])
    picked = np.concatenate(chosen)
    return pairs.select(picked[np.argsort(pairs.pred[picked])])


def _assign_group(pred_k: Index, truth_k: Index, distance_k: NDArray[np.float64]) -> Index:
    """Indices of the chosen pairs of one connected group."""
    preds, i_k = np.unique(pred_k, return_inverse=True)
    truths, j_k = np.unique(truth_k, return_inverse=True)
    # One pair more is worth more than any saving in distance.
    unmatched = (min(len(preds), len(truths)) + 1) * (distance_k.max() + 1.0)
    if len(preds) * len(truths) <= _DENSE_CELLS:
        cost = np.full((len(preds), len(truths)), unmatched)
        cost[i_k, j_k] = distance_k
        i, j = linear_sum_assignment(cost)
    else:
        # A stand-in per prediction makes a full matching exist; + 1, for 0 means no edge.
        stand_in = np.arange(len(preds))
        cost = csr_matrix(
            (
                np.concatenate([distance_k + 1.0, np.full(len(preds), unmatched)]),
                (np.concatenate([i_k, stand_in]), np.concatenate([j_k, len(truths) + stand_in])),
            )
        )
        i, j = min_weight_full_bipartite_matching(cost)
    chosen = np.full(len(preds), -1)
    chosen[i] = j
    # Assignments of cells that no pair stands for drop out here.
    return np.flatnonzero(chosen[i_k] == j_k)


def efficiency(jaccard: ArrayLike, rmse: ArrayLike, alpha: float = 1.0) -> NDArray[np.float64]:
    """E = 100 - √((100 - JI)² + α² RMSE²) (Sage et al., Nature Methods 16, 387 (2019)).

    Args:
        jaccard: Jaccard index in %.
        rmse: root-mean-square error, nm.
        alpha: 1/nm; 1 laterally, 0.5 axially.
    """
    return np.asarray(
        100.0 - np.hypot(100.0 - np.asarray(jaccard), alpha * np.asarray(rmse)), dtype=np.float64
    )


def in_field(
    table: Emitters, pixel_size: float, width: int, height: int, border: float = BORDER_NM
) -> Mask:
    """(N,) whether an emitter lies at least ``border`` nm inside the frame's edges.

    Pixels are centred on whole numbers: a frame reaches from -0.5 px to ``width`` - 0.5 px.
    """
    low = border - 0.5 * pixel_size
    right, bottom = ((n - 0.5) * pixel_size - border for n in (width, height))
    x, y = table["x"], table["y"]
    return (x >= low) & (x <= right) & (y >= low) & (y <= bottom)


def is_bright(truth: Emitters, dim_share: float = DIM_SHARE) -> Mask:
    """(N,) whether a true emitter is not among the dimmest ``dim_share`` of the table.

    All are, where there are no ``photons``; of equal brightness none is the dimmest.
    """
    if "photons" not in truth or len(truth) == 0 or dim_share <= 0:
        return np.ones(len(truth), dtype=bool)
    return truth["photons"] >= np.quantile(truth["photons"], dim_share)


def is_scored(
    truth: Emitters,
    pixel_size: float,
    width: int,
    height: int,
    border: float = BORDER_NM,
    dim_share: float = DIM_SHARE,
) -> Mask:
    """(N,) whether a true emitter counts: inside the border and not among the dimmest."""
    return in_field(truth, pixel_size, width, height, border) & is_bright(truth, dim_share)
