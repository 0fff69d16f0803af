"""Distributions of a table's columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from truevar.emitters import Emitters
from truevar.view.report.chart import TOP, Axes, figure, grid, line
from truevar.view.report.picture import mean_error
from truevar.view.report.section import Section, Told, figure_of, paragraphs

_BINS = 60
_ENDS = (1.0, 99.0)
"""Percentiles of the values at which an axis ends; it begins at 0 where that is not far."""
_MOST_STEPS = 300
"""Points along an axis of frames."""


def distributions_section(told: Told) -> Section:
    """Photons, precision, background, probability, emitters per frame."""
    emitters = told.emitters
    linked = "detections" in emitters
    figures = []
    if "photons" in emitters:
        unit = "photo-electrons, all frames of a molecule" if linked else "photo-electrons"
        figures.append(histogram("Photons", unit, emitters["photons"]))
    error = mean_error(emitters)
    if error is not None:
        figures.append(histogram("Localisation precision", "nm, standard error", error))
    if "bg" in emitters:
        figures.append(histogram("Background", "photo-electrons per pixel", emitters["bg"]))
    if "prob" in emitters:
        values = emitters["prob"]
        least = np.floor(10 * np.clip(np.nanmin(values, initial=1.0), 0, 0.9)) / 10
        span = (float(least), 1.0)
        figures.append(histogram("Probability", "that the emitter exists", values, span))
    figures.append(per_frame(emitters, "Molecules begun" if linked else "Emitters per frame"))
    text = paragraphs(
        "The line in a figure is its median. Precision is what the model says of each "
        "localisation: the standard error of its position, the quadratic mean over x and y."
        if error is not None
        else "The line in a figure is its median. The table has no errors of positions."
    )
    return Section("distributions", "Distributions", text + grid(figures))


def histogram(
    title: str,
    unit: str,
    values: NDArray[np.float64] | NDArray[np.int64],
    span: tuple[float, float] | None = None,
    whole: bool = False,
) -> str:
    """A figure of how often values occur.

    Args:
        title, unit: plain text.
        values: (N,); what is not finite is left out.
        span: of the axis; by default from the 1st (or 0) to the 99th percentile.
        whole: values are counts: a bar for each.
    """
    good = np.asarray(values, np.float64)
    good = good[np.isfinite(good)]
    if not len(good):
        return figure(title, unit, "no values", "")
    low, high = span or map(float, np.percentile(good, _ENDS))
    if span is None and 0 <= low < high / 2:
        low = 0.0
    if whole:
        low, high = 0.5, max(np.ceil(high), 1.0) + 0.5
    if high <= low:
        high = low + max(abs(low), 1.0)
    bins = int(high - low) if whole and high - low <= _BINS else _BINS
    counts, edges = np.histogram(good, bins, (low, high))
    beyond = int(((good < low) | (good > high)).sum())
    middle = float(np.median(good))
    said = f"median {figure_of(middle)}"
    if beyond:
        unit += f" ({figure_of(100 * beyond / len(good), 2)} % beyond the axis)"
    top = max(float(counts.max()), 1.0)
    axes = Axes((low, high), (0.0, 1.05 * top))
    bars = "".join(
        f"M{axes.x(a):.1f} {axes.y(0):.1f}V{axes.y(n):.1f}H{axes.x(b):.1f}V{axes.y(0):.1f}z"
        for a, b, n in zip(edges[:-1], edges[1:], counts.tolist(), strict=True)
        if n
    )
    mark = ""
    if low <= middle <= high:
        mark = f'<path class="median" d="M{axes.x(middle):.1f} {axes.y(0):.1f}V{TOP}"/>'
    return figure(title, unit, said, f'{axes.drawn()}<path class="bars" d="{bars}"/>{mark}')


def per_frame(emitters: Emitters, title: str) -> str:
    """A figure of emitters per frame along the movie."""
    first, stop = frames_of(emitters)
    step = -(-(stop - first) // _MOST_STEPS)
    edges = np.minimum(np.arange(first, stop + step, step), stop)
    counts, _ = np.histogram(emitters.frame, edges)
    unit = "per frame, over frames" + (f" (means of {step})" if step > 1 else "")
    middle = figure_of(_median_count(emitters.frame, stop - first))
    return along(title, unit, f"median {middle}", edges[:-1], counts / np.diff(edges))


def along(
    title: str, unit: str, said: str, frames: NDArray[np.int64], values: NDArray[np.float64]
) -> str:
    """A figure of values over frames, as a line.

    Args:
        title, unit, said: plain text.
        frames: (n,) where a step begins.
        values: (n,) at each.
    """
    ends = (float(frames[0]), float(max(frames[-1], frames[0] + 1)))
    axes = Axes(ends, (0.0, 1.05 * max(float(values.max(initial=0.0)), 1e-9)))
    return figure(title, unit, said, axes.drawn() + line(axes, frames, values))


def frames_of(emitters: Emitters) -> tuple[int, int]:
    """(first, stop) of the frames that were localised, as far as is known."""
    said = emitters.meta.get("frame_range")
    low = int(emitters.frame.min()) if len(emitters) else 0
    high = int(emitters.frame.max()) + 1 if len(emitters) else 1
    if isinstance(said, (list, tuple)) and len(said) == 2:
        # A later step may have moved rows; the axis holds them all.
        low, high = (
            min(low, int(said[0])) if len(emitters) else int(said[0]),
            max(high, int(said[1])),
        )
    elif isinstance(count := emitters.meta.get("frames"), int):
        low, high = min(low, 0), max(high, count)
    return low, max(high, low + 1)


def _median_count(frame_N: NDArray[np.int64], n_frames: int) -> float:
    """Median of rows per frame, frames without any included."""
    _, counts = np.unique(frame_N, return_counts=True)
    without = n_frames - len(counts)
    counts.sort()
    two = ((n_frames - 1) // 2, n_frames // 2)
    return float(np.mean([counts[k - without] if k >= without else 0 for k in two]))
