"""A score: docs/protocol.md's figures with their intervals, pooled and compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from truevar.errors import UserError
from truevar.evaluation.bootstrap import FrameSums, interval
from truevar.evaluation.counting import figures_of

RESAMPLES = 1000

_LINES = (
    ("efficiency", "efficiency E", "", 1),
    ("efficiency_lateral", "E lateral", "", 1),
    ("efficiency_axial", "E axial", "", 1),
    ("jaccard", "Jaccard index", "%", 1),
    ("precision", "precision", "%", 1),
    ("recall", "recall", "%", 1),
    ("rmse", "RMSE lateral", "nm", 1),
    ("rmse_axial", "RMSE axial", "nm", 1),
    ("duplicates", "duplicates", "%", 2),
    ("limit_ratio", "error over the limit, isolated", "", 3),
    ("bias_x", "bias of x, isolated", "nm", 2),
    ("bias_y", "bias of y, isolated", "nm", 2),
    ("coverage_50", "coverage of the 50 % region", "%", 1),
    ("coverage_68", "coverage of the 68 % region", "%", 1),
    ("coverage_95", "coverage of the 95 % region", "%", 1),
    ("ece", "calibration error of prob", "", 3),
    ("grid_bias", "pixel-grid bias", "nm", 2),
)


@dataclass(frozen=True)
class Score:
    """Figures of docs/protocol.md; None where the tables tell too little, NaN where nothing counts.

    Attributes:
        efficiency: E; in 3D the mean of the lateral and the axial one.
        jaccard: TP / (TP + FP + FN), %.
        precision: TP / (TP + FP), %.
        recall: TP / (TP + FN), %.
        rmse: lateral, nm.
        grid_bias: largest mean error over ten bins of the true sub-pixel offset, nm.
        tp: matches that count.
        fp: predictions without a match.
        fn: true emitters without a match.
        frames: frames scored.
        rmse_axial: nm, in 3D.
        efficiency_lateral: in 3D.
        efficiency_axial: in 3D.
        duplicates: predictions within one PSF σ of another of their frame, %.
        limit_ratio: median error of isolated emitters over their own bound.
        bias_x: their mean error, nm.
        bias_y: their mean error, nm.
        coverage_50: matches inside the 50 % region of their prediction, %.
        coverage_68: likewise.
        coverage_95: likewise.
        ece: expected calibration error of ``prob``.
        intervals: 95 % bootstrap interval over frames of every figure.
        frame_sums: the sums behind, for pooling and pairing.
    """

    efficiency: float
    jaccard: float
    precision: float
    recall: float
    rmse: float
    grid_bias: float
    tp: int
    fp: int
    fn: int
    frames: int
    rmse_axial: float | None = None
    efficiency_lateral: float | None = None
    efficiency_axial: float | None = None
    duplicates: float | None = None
    limit_ratio: float | None = None
    bias_x: float | None = None
    bias_y: float | None = None
    coverage_50: float | None = None
    coverage_68: float | None = None
    coverage_95: float | None = None
    ece: float | None = None
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    frame_sums: FrameSums = field(default_factory=lambda: FrameSums(0), repr=False, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON: numbers, None (NaN too), and ``intervals`` as lists."""
        plain: dict[str, Any] = {
            item.name: _plain(getattr(self, item.name))
            for item in fields(self)
            if item.name not in ("intervals", "frame_sums")
        }
        plain["intervals"] = {
            name: [_plain(low), _plain(high)] for name, (low, high) in self.intervals.items()
        }
        return plain

    def text(self) -> str:
        """The figures on one screen."""
        lines = [f"{self.tp} found, {self.fp} false, {self.fn} missed in {self.frames} frames"]
        for name, label, unit, digits in _LINES:
            value = getattr(self, name)
            if value is None:
                continue
            line = f"{label:<32}{value:>10.{digits}f} {unit:<3}"
            if name in self.intervals:
                low, high = self.intervals[name]
                line += f" {low:>9.{digits}f} … {high:.{digits}f}"
            lines.append(line.rstrip())
        return "\n".join(lines)


def score_of(frame_sums: FrameSums, resamples: int = RESAMPLES, seed: int = 0) -> Score:
    """The figures that follow from the sums, with bootstrap intervals unless resamples is 0."""
    found: dict[str, Any] = {**frame_sums.figures(figures_of)}
    drawn = frame_sums.resampled(figures_of, resamples, seed) if resamples else {}
    return Score(
        **found,
        tp=int(frame_sums.sums["tp"].sum()),
        fp=int(frame_sums.sums["fp"].sum()),
        fn=int(frame_sums.sums["fn"].sum()),
        frames=frame_sums.frames,
        intervals={name: interval(value_R) for name, value_R in drawn.items()},
        frame_sums=frame_sums,
    )


def pool(scores: Sequence[Score], resamples: int = RESAMPLES, seed: int = 0) -> Score:
    """The score of several movies together: counts and squared errors are added up.

    Figures that not all movies have are left out. The dimmest emitters stay those of each
    movie (or of ``dim_photons``).

    Raises:
        UserError: no scores.
    """
    if not scores:
        raise UserError("there are no scores to pool")
    return score_of(FrameSums.pool([score.frame_sums for score in scores]), resamples, seed)


@dataclass(frozen=True)
class Difference:
    """A figure of one method minus that of another, with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    @property
    def clear(self) -> bool:
        """Whether the interval excludes zero: what docs/protocol.md calls better (or worse)."""
        return self.low > 0 or self.high < 0


def paired_difference(
    score_a: Score,
    score_b: Score,
    figure: str = "efficiency",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:
    """A minus B on the same frames, resampled together.

    Args:
        score_a: of one method.
        score_b: of another, on the same movie or movies in the same order.
        figure: name of a figure that both have.
        resamples: bootstrap resamples.
        seed: of the bootstrap.

    Raises:
        UserError: other numbers of frames, or a figure that one of them lacks.
    """
    if score_a.frames != score_b.frames:
        raise UserError(f"scores of {score_a.frames} and {score_b.frames} frames are not paired")
    found_a, found_b = (s.frame_sums.figures(figures_of) for s in (score_a, score_b))
    if figure not in found_a or figure not in found_b:
        raise UserError(f"not both scores have {figure!r}")
    drawn_a, drawn_b = (
        s.frame_sums.resampled(figures_of, resamples, seed)[figure] for s in (score_a, score_b)
    )
    return Difference(found_a[figure] - found_b[figure], *interval(drawn_a - drawn_b))


def _plain(value: Any) -> Any:
    """NaN, which JSON does not know, as None."""
    return None if isinstance(value, float) and math.isnan(value) else value
