"""Accuracy by how crowded it is: strata of the distance to the nearest neighbour.

On isolated emitters the image says everything; decisions that condition each other can only
pay where images overlap. So a comparison of methods looks at them apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from truevar.emitters import Emitters
from truevar.evaluation.counting import nearest_other
from truevar.evaluation.matching import RADIUS_NM, efficiency, in_field, in_frames, is_scored, match

STRATA = ("isolated", "2–6 σ", "under 2 σ")
"""By the distance of a true emitter to the nearest other one of its frame, in PSF σ."""

_EDGES = (2.0, 6.0)

Floats = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True)
class StratifiedCounts:
    """What every frame contributed to every stratum; (F, 3) each.

    Attributes:
        tp: matched true emitters.
        fn: missed ones.
        fp: predictions without a match, in the stratum of the nearest true emitter.
        square: summed squared errors of the matched, nm².
    """

    tp: Floats
    fn: Floats
    fp: Floats
    square: Floats

    def figures(self, weight_F: Floats | None = None) -> dict[str, Floats]:
        """``E``, ``JI`` (%), ``RMSE`` (nm) and ``recall`` (%): the strata's, then all together.

        Args:
            weight_F: (F,) how often a frame counts; once by default.
        """
        weight_F = np.ones(len(self.tp)) if weight_F is None else weight_F
        sums = [weight_F @ part for part in (self.tp, self.fn, self.fp, self.square)]
        tp, fn, fp, square = (np.append(part, part.sum()) for part in sums)
        with np.errstate(divide="ignore", invalid="ignore"):
            jaccard = 100 * tp / (tp + fn + fp)
            rmse = np.sqrt(square / tp)
            recall = 100 * tp / (tp + fn)
        return {"E": efficiency(jaccard, rmse), "JI": jaccard, "RMSE": rmse, "recall": recall}

    def resampled(self, figure: str, resamples: int = 1000, seed: int = 0) -> Floats:
        """(resamples, 4) bootstrap over frames; the same frames for the same seed."""
        rng = np.random.default_rng(seed)
        n = len(self.tp)
        draws = rng.multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)
        return np.stack([self.figures(weight_F)[figure] for weight_F in draws])

    @classmethod
    def concat(cls, parts: list[StratifiedCounts]) -> StratifiedCounts:
        """Frames of several movies, one after the other."""
        return cls(
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in ("tp", "fn", "fp", "square")
            )
        )


def count_strata(
    pred: Emitters, truth: Emitters, psf_sigma: float, frames: int, radius: float = RADIUS_NM
) -> StratifiedCounts:
    """Match predictions to the truth and count by stratum; docs/protocol.md's rules otherwise.

    Args:
        pred: predictions.
        truth: true emitters, with ``pixel_size``, ``width`` and ``height`` in their meta.
        psf_sigma: nm.
        frames: F.
        radius: of a match, nm.
    """
    size = (truth.meta["pixel_size"], truth.meta["width"], truth.meta["height"])
    distance_T = nearest_other(truth, _EDGES[1] * psf_sigma) / psf_sigma
    stratum_T = (2 - np.searchsorted(_EDGES, distance_T, side="right")).astype(np.int64)
    scored_T = is_scored(truth, *size)
    pairs = match(pred, truth, radius)
    found = pairs.select(scored_T[pairs.truth])
    missed_T = scored_T.copy()
    missed_T[pairs.truth] = False
    free_P = in_field(pred, *size)
    free_P[pairs.pred] = False
    # A false prediction belongs where it was made: to the nearest true emitter's stratum.
    nearest_P = np.zeros(len(pred), dtype=np.int64)
    if len(truth) and len(pred):
        reach = 4 * RADIUS_NM
        far_P, row_P = cKDTree(in_frames(truth, reach)).query(
            in_frames(pred, reach), distance_upper_bound=reach
        )
        near_P = np.isfinite(far_P)
        nearest_P[near_P] = stratum_T[row_P[near_P]]

    def tally(frame: Index, stratum: Index, weight: Floats | None = None) -> Floats:
        flat = np.bincount(frame * 3 + stratum, weight, minlength=3 * frames)
        return flat.reshape(frames, 3).astype(np.float64)

    error = np.stack([pred[a][found.pred] - truth[a][found.truth] for a in ("x", "y")])
    return StratifiedCounts(
        tp=tally(truth["frame"][found.truth], stratum_T[found.truth]),
        fn=tally(truth["frame"][missed_T], stratum_T[missed_T]),
        fp=tally(pred["frame"][free_P], nearest_P[free_P]),
        square=tally(truth["frame"][found.truth], stratum_T[found.truth], (error**2).sum(axis=0)),
    )
