"""The accuracy of a table of predictions: docs/protocol.md's figures, with their intervals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from truevar.camera import Camera
from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.evaluation import counting
from truevar.evaluation.bootstrap import Floats, FrameSums
from truevar.evaluation.counting import Field, figures_of
from truevar.evaluation.limits import camera_of
from truevar.evaluation.matching import (
    BORDER_NM,
    DIM_SHARE,
    RADIUS_NM,
    Index,
    Pairs,
    assign,
    candidate_pairs,
)
from truevar.evaluation.score import (
    RESAMPLES,
    Difference,
    Score,
    paired_difference,
    pool,
    score_of,
)
from truevar.numbers import above_zero, number, whole
from truevar.wording import subject

__all__ = [
    "BestThreshold",
    "Difference",
    "Score",
    "best_threshold",
    "paired_difference",
    "pool",
    "evaluate",
]


def evaluate(
    pred: Emitters,
    truth: Emitters,
    pixel_size: float | None = None,
    width: int | None = None,
    height: int | None = None,
    psf_sigma: float | ArrayLike | None = None,
    bounds: ArrayLike | None = None,
    *,
    camera: Camera | None = None,
    min_prob: float | None = None,
    frames: int | None = None,
    radius: float = RADIUS_NM,
    border: float = BORDER_NM,
    dim_share: float = DIM_SHARE,
    dim_photons: float | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Score:
    """Score predictions against the truth.

    Args:
        pred: predictions; ``sigma_x``, ``sigma_y`` and ``prob`` are judged if there.
        truth: true emitters; ``photons`` decides which are the dimmest.
        pixel_size: nm; default, like the next two, from ``truth.meta``.
        width: px.
        height: px.
        psf_sigma: width of the PSF in nm, one or one per true emitter; default the truth's
            column or meta. Without it neither duplicates nor the distance from the limit.
        bounds: (T, 2) bounds on x and y of each true emitter, nm. Default: those of
            isolated emitters by the truth's ``photons`` and ``bg``, psf_sigma and camera.
        camera: the noise; default as ``truth.meta`` describes it.
        min_prob: predictions below are not counted (but the calibration of ``prob`` is that
            of all candidates given).
        frames: number of frames; default ``truth.meta["frames"]``, at least as many as
            the tables have.
        radius: matching radius, nm.
        border: nm left out along the edges.
        dim_share: share of the dimmest true activations left out.
        dim_photons: instead, the number of photons below which they are left out.
        resamples: bootstrap resamples; 0 for no intervals.
        seed: of the bootstrap.

    Returns:
        The figures.

    Raises:
        UserError: the frame's size is not known, ``min_prob`` without ``prob``, ``bounds``
            of another shape, negative frames, or coordinates that are not finite.
    """
    region = _field(pred, truth, pixel_size, width, height, border, dim_share, dim_photons)
    pred.need_one_answer()
    radius = above_zero("radius", radius)
    resamples = whole("resamples", resamples, 0)
    if frames is not None:
        frames = whole("frames", frames, 1)
    for table in (pred, truth):
        if len(table) and table["frame"].min() < 0:
            raise UserError(f"a table has the frame {table['frame'].min()}; frames count from 0")
    known = int(truth.meta.get("frames") or 0) if frames is None else frames
    last = (int(table["frame"].max()) + 1 for table in (pred, truth) if len(table))
    frame_sums = FrameSums(max([known, *last, 1]))
    pairs = candidate_pairs(pred, truth, radius)
    if "prob" in pred:
        counting.count_reliability(frame_sums, pred, truth, pairs, region)
    if min_prob is not None:
        pred, pairs = _at_least(pred, pairs, "prob", min_prob)
    found = counting.count_accuracy(frame_sums, pred, truth, assign(pairs), region)
    widths = _widths(truth, psf_sigma)
    if widths is not None:
        sigma_T, sigma = widths
        counting.count_duplicates(frame_sums, pred, sigma)
        camera = camera_of(truth) if camera is None else camera
        alone = found.select(counting.isolated(truth, sigma_T)[found.truth])
        bound_K2 = _bounds(truth, alone.truth, sigma_T, camera, bounds, region)
        if bound_K2 is not None:
            error_K2 = counting.errors(pred, truth, alone)
            counting.count_limit(frame_sums, error_K2, truth["frame"][alone.truth], bound_K2)
    return score_of(frame_sums, resamples, seed)


@dataclass(frozen=True)
class BestThreshold:
    """The least value of a column with which the predictions score best.

    Attributes:
        threshold: the best one.
        efficiency: E with it.
        thresholds: all that were tried.
        efficiencies: E with each.
    """

    threshold: float
    efficiency: float
    thresholds: tuple[float, ...]
    efficiencies: tuple[float, ...]


def best_threshold(
    pred: Emitters,
    truth: Emitters,
    pixel_size: float | None = None,
    width: int | None = None,
    height: int | None = None,
    thresholds: Iterable[float] | None = None,
    *,
    by: str = "prob",
    radius: float = RADIUS_NM,
    border: float = BORDER_NM,
    dim_share: float = DIM_SHARE,
    dim_photons: float | None = None,
) -> BestThreshold:
    """Sweep the least ``prob`` (or another column) for the best efficiency.

    Predictions are matched anew at each threshold. Other arguments as in :func:`score`.

    Args:
        pred: candidates.
        truth: true emitters.
        pixel_size: nm.
        width: px.
        height: px.
        thresholds: to try; default 0.05, 0.10 … 0.95.
        by: column that is compared with them.
        radius: nm.
        border: nm.
        dim_share: share left out.
        dim_photons: photons instead.

    Raises:
        UserError: as :func:`score`; no thresholds, or no such column.
    """
    region = _field(pred, truth, pixel_size, width, height, border, dim_share, dim_photons)
    tried = tuple(np.linspace(0.05, 0.95, 19).round(2) if thresholds is None else thresholds)
    if not tried:
        raise UserError("there are no thresholds to try")
    frames = max([1, *(int(t["frame"].max()) + 1 for t in (pred, truth) if len(t))])
    pairs = candidate_pairs(pred, truth, radius)
    found = []
    for least in tried:
        frame_sums = FrameSums(frames)
        kept, near = _at_least(pred, pairs, by, least)
        counting.count_accuracy(frame_sums, kept, truth, assign(near), region)
        found.append(frame_sums.figures(figures_of)["efficiency"])
    best = int(np.argmax(np.nan_to_num(found, nan=-np.inf)))
    return BestThreshold(
        float(tried[best]), found[best], tuple(float(t) for t in tried), tuple(found)
    )


def _field(
    pred: Emitters,
    truth: Emitters,
    pixel_size: float | None,
    width: int | None,
    height: int | None,
    border: float,
    dim_share: float,
    dim_photons: float | None,
) -> Field:
    """What is scored, with what is not given from the truth's meta."""
    for table in (truth, pred):
        if not isinstance(table, Emitters):
            raise UserError(f"tables of truevar.Emitters are scored, not {type(table).__name__}")
    pixel_size = truth.meta.get("pixel_size") if pixel_size is None else pixel_size
    width = truth.meta.get("width") if width is None else width
    height = truth.meta.get("height") if height is None else height
    if pixel_size is None or width is None or height is None:
        raise UserError("scoring needs pixel_size, width and height: give them, or in truth.meta")
    return Field(
        above_zero("pixel_size", pixel_size),
        whole("width", width, 1),
        whole("height", height, 1),
        number("border", border, 0),
        number("dim_share", dim_share, 0, 1),
        None if dim_photons is None else number("dim_photons", dim_photons, 0),
    )


def _at_least(pred: Emitters, pairs: Pairs, column: str, least: float) -> tuple[Emitters, Pairs]:
    """The predictions with at least this value, and their pairs."""
    if column not in pred:
        raise UserError(f"the predictions have no {column!r} to compare with a threshold")
    kept_P = pred[column] >= least
    near = pairs.select(kept_P[pairs.pred])
    index_P = np.cumsum(kept_P) - 1
    return pred.select(kept_P), Pairs(index_P[near.pred], near.truth, near.distance)


def _widths(truth: Emitters, given: float | ArrayLike | None) -> tuple[Floats, float] | None:
    """(T,) PSF widths of the true emitters and the middle one, nm; None if not known."""
    if given is None:
        column = "psf_sigma" in truth and len(truth) > 0
        given = truth["psf_sigma"] if column else truth.meta.get("psf_sigma")
    if given is None or np.size(given) == 0:
        return None
    if np.ndim(given) == 0:
        given = above_zero("psf_sigma", given)
    try:
        sigma = np.asarray(given, dtype=np.float64)
        each = np.broadcast_to(sigma, (len(truth),))
    except ValueError as error:
        raise UserError(
            f"{subject('psf_sigma')} is to be one width in nm, or one for every true emitter"
        ) from error
    return each, float(np.median(sigma))


def _bounds(
    truth: Emitters,
    row_K: Index,
    sigma_T: Floats,
    camera: Camera | None,
    given: ArrayLike | None,
    region: Field,
) -> Floats | None:
    """(K, 2) bounds in nm of these rows of the truth; None if not known."""
    if given is not None:
        bound_T2 = np.asarray(given, dtype=np.float64)
        if bound_T2.shape != (len(truth), 2):
            raise UserError(f"bounds must be of shape ({len(truth)}, 2), not {bound_T2.shape}")
        return bound_T2[row_K]
    if camera is None or "photons" not in truth or "bg" not in truth:
        return None
    return counting.own_bounds(truth.select(row_K), sigma_T[row_K], camera, region)
