"""The resolution by Fourier ring correlation, and what it does not say."""

from __future__ import annotations

import math

from truevar.postprocess.resolution import ARTEFACTS, FourierRing
from truevar.view.report.chart import Axes, band, figure, grid, line
from truevar.view.report.section import Section, Told, escaped, figure_of, listed, paragraphs


def resolution_section(told: Told) -> Section | None:
    """The correlation's curve, the resolution and the precisions beside it."""
    title = "Resolution"
    ring = told.ring
    if ring is None:
        if not told.without_ring:
            return None
        text = paragraphs(f"Not determined: {escaped(told.without_ring)}.")
        return Section("resolution", title, text)
    if ring.undetermined:
        said = f"The resolution is not determined: {escaped(ring.undetermined)}."
    else:
        said = (
            f"<strong>{figure_of(ring.resolution, 3)} nm</strong>: down to there two halves of the "
            "localisations show the same structure"
        )
        low, high = ring.interval
        said += (
            f" (95 % interval {figure_of(low, 3)} to {figure_of(high, 3)} nm)."
            if math.isfinite(low + high)
            else " (no interval: the blocks of time differ too much)."
        )
    text = paragraphs(
        f"{said} It is where their Fourier ring correlation falls to 1/7 (Nieuwenhuizen et al. "
        f"2013), from {ring.localisations:,} localisations in {ring.blocks} blocks of time, before "
        "they were joined to molecules.",
        escaped(ARTEFACTS),
    )
    lines = []
    if ring.sigma is not None:
        lines.append(
            f"{figure_of(ring.sigma, 3)} nm: the median of the errors that the model gives its "
            "localisations."
        )
    if ring.nena is not None:
        lines.append(
            f"{figure_of(ring.nena.sigma, 3)} ± {figure_of(ring.nena.error, 2)} nm: the precision "
            "that molecules seen in two frames running have (NeNA, Endesfelder et al. 2014). "
            "Molecules that move between frames make it larger, errors that successive frames "
            "share make it smaller: a model that looks at a frame together with its neighbours "
            "has such errors."
        )
    if lines:
        text += paragraphs("Precision, which is only a part of the resolution:") + listed(lines)
    if ring.warnings:
        text += listed([escaped(one.for_command_line()) for one in ring.warnings], "warning")
    return Section("resolution", title, text + grid([_curve(ring)]))


def _curve(ring: FourierRing) -> str:
    axes = Axes((0.0, float(ring.frequency_R[-1])), (-0.15, 1.1))
    wide_R = 1.96 * ring.error_R
    # The first ring is the mean brightness, which is no structure.
    frequency, low, middle, high = (
        one[1:]
        for one in (
            ring.frequency_R,
            ring.correlation_R - wide_R,
            ring.correlation_R,
            ring.correlation_R + wide_R,
        )
    )
    drawn = band(axes, frequency, low, high) + line(axes, frequency, middle)
    x0, x1 = axes.x(0.0), axes.x(axes.across[1])
    drawn += f'<path class="median" d="M{x0:.1f} {axes.y(ring.threshold):.1f}H{x1:.1f}"/>'
    said = "not determined"
    if not ring.undetermined:
        said = f"crosses 1/7 at {figure_of(ring.resolution, 3)} nm"
        x = axes.x(1 / ring.resolution)
        drawn += f'<path class="median" d="M{x:.1f} {axes.y(-0.15):.1f}V{axes.y(1.1):.1f}"/>'
    unit = "over spatial frequency in 1/nm, with its 95 % band"
    return figure("Fourier ring correlation", unit, said, axes.drawn() + drawn)
