"""How the sample drifted, where it was corrected for."""

from __future__ import annotations

import numpy as np

from truevar.postprocess.drift import Drift
from truevar.view.report.chart import Axes, band, figure, grid, line
from truevar.view.report.section import Section, Told, escaped, figure_of, paragraphs

_POINTS = 300
_MOST_JUMPS = 5


def drift_section(told: Told) -> Section | None:
    """The curve with its error band; nothing where it is not known."""
    if told.drift is None:
        if not told.without_drift:
            return None
        text = paragraphs(f"The drift was not taken off: {escaped(told.without_drift)}.")
        return Section("drift", "Drift", text)
    drift = told.drift
    errors = [float(np.median(one)) for one in (drift.sigma_x_F, drift.sigma_y_F)]
    text = paragraphs(
        "The sample moved under the objective while the movie was taken: by "
        f"{figure_of(round(float(np.ptp(drift.x_F)), 2), 3)} nm along x and "
        f"{figure_of(round(float(np.ptp(drift.y_F)), 2), 3)} nm along y (largest less "
        "smallest). That was taken off the positions. The localisations themselves tell it, to "
        f"± {figure_of(errors[0], 2)} nm along x and ± {figure_of(errors[1], 2)} nm along y "
        "(standard error, median over the frames); the bands are two standard errors wide to each "
        "side. What is left of the drift blurs the picture by about as much."
    )
    if len(drift.jump_J):
        frames = ", ".join(f"{frame:,}" for frame in drift.jump_J[:_MOST_JUMPS].tolist())
        more = len(drift.jump_J) - _MOST_JUMPS
        text += paragraphs(
            f"It jumped at frame {frames}{f' and at {more} more' if more > 0 else ''}: somebody "
            "touched the table, or the movie was paused there?"
        )
    return Section("drift", "Drift", text + grid([_curve(drift, "x"), _curve(drift, "y")]))


def _curve(drift: Drift, name: str) -> str:
    n = len(drift.frame_F)
    shown = np.unique(np.linspace(0, n - 1, min(n, _POINTS)).astype(np.int64))
    frame_N = drift.frame_F[shown]
    value_N = getattr(drift, f"{name}_F")[shown]
    wide_N = 2 * getattr(drift, f"sigma_{name}_F")[shown]
    low, high = float((value_N - wide_N).min()), float((value_N + wide_N).max())
    room = 0.05 * max(high - low, 1e-3)
    ends = (float(frame_N[0]), float(max(frame_N[-1], frame_N[0] + 1)))
    axes = Axes(ends, (low - room, high + room))
    drawn = band(axes, frame_N, value_N - wide_N, value_N + wide_N)
    ends_nm = [figure_of(round(float(one), 2) + 0.0, 3) for one in (value_N.min(), value_N.max())]
    said = f"from {ends_nm[0]} to {ends_nm[1]} nm"
    return figure(
        f"Drift along {name}",
        "nm, over frames",
        said,
        axes.drawn() + drawn + line(axes, frame_N, value_N),
    )
