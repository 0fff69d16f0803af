"""A picture of a Fourier ring correlation."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np

from truevar.io.atomic import replacing
from truevar.postprocess.resolution import FourierRing
from truevar.view.picture import check_picture


def save_ring_curve(ring: FourierRing, path: str | PathLike[str], overwrite: bool = False) -> None:
    """Draw the correlation against spatial frequency, with threshold, crossing and interval.

    Args:
        ring: what was found.
        path: a ``.png``; appears complete or not at all.
        overwrite: replace an old file.

    Raises:
        UserError: there is a file already, another ending, or no place to write.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    target = Path(path)
    check_picture(target, overwrite)
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    frequency, curve, error = ring.frequency_R, ring.correlation_R, 1.96 * ring.error_R
    axes.fill_between(frequency, curve - error, curve + error, color="0.8", lw=0)
    axes.plot(frequency, curve, color="black", lw=1, label="correlation, ± 95 %")
    axes.axhline(ring.threshold, color="tab:red", lw=1, ls="dashed", label="threshold 1/7")
    title = "resolution not determined"
    if np.isfinite(ring.resolution):
        title = f"resolution {ring.resolution:.3g} nm"
        axes.plot(1 / ring.resolution, ring.threshold, "o", color="tab:blue", ms=5)
        low, high = ring.interval
        if np.isfinite(low + high):
            title += f" ({low:.3g} to {high:.3g} nm)"
            axes.axvspan(1 / high, 1 / low, color="tab:blue", alpha=0.25, lw=0, label="95 %")
    axes.set(
        xlim=(0, frequency[-1]),
        ylim=(-0.15, 1.1),
        xlabel="spatial frequency, 1/nm",
        ylabel="Fourier ring correlation",
        title=f"{title}, {ring.localisations:,} localisations",
    )
    axes.legend(fontsize=8)
    with replacing(target) as temporary:
        figure.savefig(temporary, dpi=110)
