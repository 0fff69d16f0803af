"""From matched tables to per-frame sums, and from sums to docs/protocol.md's figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from truevar.camera import Camera
from truevar.emitters import Emitters
from truevar.evaluation.bootstrap import Figures, Floats, FrameSums
from truevar.evaluation.limits import single_emitter_bound
from truevar.evaluation.matching import (
    RADIUS_NM,
    Mask,
    Pairs,
    assign,
    efficiency,
    in_field,
    in_frames,
    is_bright,
)
from truevar.imaging.neighbours import distance_to_nearest

CANDIDATE_PROB = 0.05
"""Least probability of the candidates whose calibration is measured."""

ISOLATED_SIGMAS = 6.0
"""An emitter is isolated if no other true one of its frame is nearer than this."""

NORMAL_MEDIAN = 0.6745
"""Median of the absolute value of a standard normal variable."""

CHI2_QUANTILES = {50: 1.3863, 68: 2.2789, 95: 5.9915}
"""Quantiles of chi-square with two degrees of freedom: -2 ln(1 - p)."""


@dataclass(frozen=True)
class Field:
    """What is scored of a movie.

    Args:
        pixel_size: nm.
        width: px.
        height: px.
        border: nm left out along the edges.
        dim_share: share of the dimmest true activations left out.
        dim_photons: instead, the photons below which they are left out.
    """

    pixel_size: float
    width: int
    height: int
    border: float
    dim_share: float
    dim_photons: float | None = None

    def holds(self, table: Emitters) -> Mask:
        """(N,) whether an emitter lies inside the border."""
        return in_field(table, self.pixel_size, self.width, self.height, self.border)

    def bright(self, truth: Emitters) -> Mask:
        """(N,) whether a true emitter is bright enough to count."""
        if self.dim_photons is None:
            return is_bright(truth, self.dim_share)
        return truth["photons"] >= self.dim_photons


def count_accuracy(
    frame_sums: FrameSums, pred: Emitters, truth: Emitters, pairs: Pairs, field: Field
) -> Pairs:
    """Counts, errors, coverage and pixel-grid bias.

    A matched pair is judged by its true emitter: outside the field or too dim, it counts
    nowhere. An unmatched prediction is judged by its own place.

    Returns:
        The pairs that count.
    """
    scored_T = field.holds(truth) & field.bright(truth)
    free_P = np.ones(len(pred), dtype=bool)
    free_P[pairs.pred] = False
    missed_T = scored_T.copy()
    missed_T[pairs.truth] = False
    found = pairs.select(scored_T[pairs.truth])
    frame_K = truth["frame"][found.truth]
    frame_sums.add("tp", frame_K)
    frame_sums.add("fp", pred["frame"][free_P & field.holds(pred)])
    frame_sums.add("fn", truth["frame"][missed_T])

    error_K2 = errors(pred, truth, found)
    frame_sums.add("square", frame_K, (error_K2**2).sum(axis=1))
    if "z" in pred and "z" in truth:
        frame_sums.add("square_z", frame_K, (pred["z"][found.pred] - truth["z"][found.truth]) ** 2)
    if "sigma_x" in pred and "sigma_y" in pred:
        sigma_K2 = np.stack([pred["sigma_x"], pred["sigma_y"]], axis=1)[found.pred]
        with np.errstate(divide="ignore", invalid="ignore"):
            # An unknown σ covers nothing.
            far_K = np.nan_to_num(((error_K2 / sigma_K2) ** 2).sum(axis=1), nan=np.inf)
        covered_Kq = np.stack([far_K < q for q in CHI2_QUANTILES.values()], axis=1)
        frame_sums.add("covered", frame_K, covered_Kq)

    place_K2 = np.stack([truth["x"], truth["y"]], axis=1)[found.truth] / field.pixel_size
    offset_K2 = place_K2 - np.floor(place_K2 + 0.5)
    bin_K2 = np.clip(((offset_K2 + 0.5) * 10).astype(np.int64), 0, 9)
    frame_sums.add_binned("grid_n", frame_K.repeat(2), bin_K2.ravel())
    frame_sums.add_binned("grid", frame_K.repeat(2), bin_K2.ravel(), error_K2.ravel())
    return found


def errors(pred: Emitters, truth: Emitters, pairs: Pairs) -> Floats:
    """(K, 2) predicted minus true x and y of pairs, nm."""
    return np.stack([pred[a][pairs.pred] - truth[a][pairs.truth] for a in ("x", "y")], axis=1)


def count_duplicates(frame_sums: FrameSums, pred: Emitters, sigma: float) -> None:
    """Predictions within one PSF σ (nm) of another one of their frame."""
    near_P = nearest_other(pred, sigma) <= sigma
    frame_sums.add("predictions", pred["frame"])
    frame_sums.add("duplicates", pred["frame"][near_P])


def nearest_other(table: Emitters, reach: float) -> Floats:
    """(N,) distance in nm to the nearest other emitter of the frame; beyond reach, infinite."""
    return distance_to_nearest(in_frames(table, reach), reach)


def isolated(truth: Emitters, sigma_T: Floats) -> Mask:
    """(T,) whether no other true emitter of the frame lies within 6 of an emitter's σ (nm)."""
    reach = ISOLATED_SIGMAS * float(np.max(sigma_T, initial=1e-9))
    return nearest_other(truth, reach) > ISOLATED_SIGMAS * sigma_T


def own_bounds(truth: Emitters, sigma_T: Floats, camera: Camera, field: Field) -> Floats:
    """(T, 2) single-emitter bounds on x and y in nm, from the truth's photons and bg."""
    bound = single_emitter_bound(
        truth["photons"],
        truth["bg"],
        sigma_T / field.pixel_size,
        camera,
        truth["x"] / field.pixel_size,
        truth["y"] / field.pixel_size,
        (field.height, field.width),
    )
    return np.stack([bound.x, bound.y], axis=1) * field.pixel_size


def count_limit(
    frame_sums: FrameSums, error_K2: Floats, frame_K: NDArray[np.int64], bound_K2: Floats
) -> None:
    """Errors of isolated emitters in units of their own bound, and their bias."""
    frame_sums.add("isolated", frame_K)
    frame_sums.add("isolated_error", frame_K, error_K2)
    frame_sums.add_values("limit", frame_K.repeat(2), (np.abs(error_K2) / bound_K2).ravel())


def count_reliability(
    frame_sums: FrameSums, pred: Emitters, truth: Emitters, candidates: Pairs, field: Field
) -> None:
    """Probability of candidates against the share of them that match a true emitter.

    Every true emitter makes a match, dim ones too; the border is left out as in the counts.
    """
    likely_P = pred["prob"] >= CANDIDATE_PROB
    pairs = assign(candidates.select(likely_P[candidates.pred]))
    matched_P = np.zeros(len(pred), dtype=bool)
    matched_P[pairs.pred] = True
    held_P = field.holds(pred)
    held_P[pairs.pred] = field.holds(truth)[pairs.truth]
    kept_P = likely_P & held_P
    frame, prob = pred["frame"][kept_P], pred["prob"][kept_P]
    bin_P = np.clip((prob * 10).astype(np.int64), 0, 9)
    frame_sums.add_binned("likely_n", frame, bin_P)
    frame_sums.add_binned("likely", frame, bin_P, prob - matched_P[kept_P])


def figures_of(sums: Figures, medians: Figures) -> Figures:
    """Figures (R,) from sums (R, k) and medians (R,); NaN where a figure has no emitters.

    Where there is something to find and no match, the efficiency takes the matching radius
    as the error: finding nothing must not beat finding badly.
    """
    tp, fp, fn = (sums[name][:, 0] for name in ("tp", "fp", "fn"))
    found: Figures = {
        "jaccard": 100 * _ratio(tp, tp + fp + fn),
        "precision": 100 * _ratio(tp, tp + fp),
        "recall": 100 * _ratio(tp, tp + fn),
        "rmse": np.sqrt(_ratio(sums["square"][:, 0], tp)),
    }
    found["efficiency"] = efficiency(found["jaccard"], np.where(tp > 0, found["rmse"], RADIUS_NM))
    if "square_z" in sums:
        found["rmse_axial"] = np.sqrt(_ratio(sums["square_z"][:, 0], tp))
        found["efficiency_lateral"] = found["efficiency"]
        found["efficiency_axial"] = efficiency(
            found["jaccard"], np.where(tp > 0, found["rmse_axial"], 2 * RADIUS_NM), alpha=0.5
        )
        found["efficiency"] = (found["efficiency_lateral"] + found["efficiency_axial"]) / 2
    if "duplicates" in sums:
        found["duplicates"] = 100 * _ratio(sums["duplicates"], sums["predictions"])[:, 0]
    if "limit" in medians:
        found["limit_ratio"] = medians["limit"] / NORMAL_MEDIAN
        bias_R2 = _ratio(sums["isolated_error"], sums["isolated"])
        found["bias_x"], found["bias_y"] = bias_R2.T
    if "covered" in sums:
        covered_Rq = 100 * _ratio(sums["covered"], tp[:, None])
        found |= {f"coverage_{q}": c for q, c in zip(CHI2_QUANTILES, covered_Rq.T, strict=True)}
    if "likely" in sums:
        total_R = sums["likely_n"].sum(axis=1)
        found["ece"] = _ratio(np.abs(sums["likely"]).sum(axis=1), total_R)
    shift_Rb = np.abs(np.nan_to_num(_ratio(sums["grid"], sums["grid_n"])))
    found["grid_bias"] = np.where(tp > 0, shift_Rb.max(axis=1), np.nan)
    return found


def _ratio(above: Floats, below: Floats) -> Floats:
    """Quotient, NaN where there is nothing to divide by."""
    return np.where(below > 0, above / np.where(below > 0, below, 1.0), np.nan)
