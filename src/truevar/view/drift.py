"""A picture of a drift with its error band."""

from __future__ import annotations

from os import PathLike

import numpy as np

from truevar.io.atomic import replacing
from truevar.postprocess.drift import Drift
from truevar.view.picture import check_picture


def save_drift_picture(drift: Drift, path: str | PathLike[str], overwrite: bool = False) -> None:
    """Draw x and y over the frames into a PNG, with bands of two standard errors.

    Args:
        drift: the curve.
        path: a ``.png``; appears complete or not at all.
        overwrite: replace an old file.

    Raises:
        UserError: there is a file already, another ending, or no place to write.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    check_picture(path, overwrite)
    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    # No more points than can be seen, and the ends in any case.
    n = len(drift.frame_F)
    shown = np.unique(np.linspace(0, n - 1, min(n, 20_000)).astype(np.int64))
    frame = drift.frame_F[shown]
    for name, colour in (("x", "tab:blue"), ("y", "tab:orange")):
        value, sigma = getattr(drift, f"{name}_F")[shown], getattr(drift, f"sigma_{name}_F")[shown]
        axes.plot(frame, value, color=colour, linewidth=1, label=name)
        axes.fill_between(
            frame, value - 2 * sigma, value + 2 * sigma, color=colour, alpha=0.3, linewidth=0
        )
    axes.set_xlabel("frame")
    axes.set_ylabel("drift [nm]")
    axes.set_title("drift, with bands of two standard errors", fontsize="medium")
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=130)
