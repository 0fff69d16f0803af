"""Pictures of what every scale says: probability maps, and all scales side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike

import numpy as np
from numpy.typing import NDArray

from truevar.emitters import Emitters
from truevar.io.atomic import replacing
from truevar.view.tone import brightness

_SMALLEST = 480
"""Shorter side in px that a map is enlarged to."""


@dataclass(frozen=True)
class Panel:
    """One scale of one frame.

    Attributes:
        cell: width of a cell in nm.
        prob_hw: (h, w) probability that a cell holds an emitter.
        emitters: what was found in this frame, nm of the whole movie.
    """

    cell: float
    prob_hw: NDArray[np.float32]
    emitters: Emitters


def save_probability_map(
    prob_hw: NDArray[np.float32], cell: float, path: str | PathLike[str]
) -> None:
    """Draw a probability map into a PNG, every cell a square, with a scale bar.

    Args:
        prob_hw: (h, w), row 0 at the top. The brightest cells are white, whatever their value.
        cell: width of a cell in nm.
        path: the picture; appears complete or not at all.

    Raises:
        UserError: no place to write.
    """
    from matplotlib import colormaps
    from matplotlib.image import imsave

    from truevar.view.scale_bar import draw_scale_bar

    enlarged = max(-(-_SMALLEST // min(prob_hw.shape)), 1)
    table = colormaps["inferno"](np.arange(256), bytes=True)[:, :3]
    colours = table[np.round(255 * brightness(prob_hw)).astype(np.uint8)]
    colours = np.ascontiguousarray(colours.repeat(enlarged, 0).repeat(enlarged, 1))
    draw_scale_bar(colours, cell / enlarged)
    with replacing(path) as temporary, open(temporary, "wb") as file:
        imsave(file, colours, format="png")


def save_side_by_side(
    frame_HW: NDArray[np.float32],
    panels: Sequence[Panel],
    path: str | PathLike[str],
    pixel_size: float,
    corner: tuple[int, int] = (0, 0),
    truth: Emitters | None = None,
    title: str = "",
) -> None:
    """Draw all scales side by side into a PNG: on the camera frame, and as probability maps.

    Args:
        frame_HW: (H, W) the camera frame, any unit.
        panels: the scales, coarse to fine.
        path: the picture; appears complete or not at all.
        pixel_size: nm.
        corner: column and row in the movie of the frame's pixel (0, 0).
        truth: true emitters of this frame, drawn as circles.
        title: over all.

    Raises:
        UserError: no place to write.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height, width = frame_HW.shape
    left, top = ((place - 0.5) * pixel_size / 1000 for place in corner)
    extent = (
        left,
        left + width * pixel_size / 1000,
        top + height * pixel_size / 1000,
        top,
    )
    size = 3.4
    figure = Figure(
        figsize=(size * len(panels), 2 * size * height / width + 0.9), layout="constrained"
    )
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, len(panels), squeeze=False)
    dark, bright = np.percentile(frame_HW, [1, 99.8])
    for k, panel in enumerate(panels):
        upper, lower = axes[0, k], axes[1, k]
        upper.imshow(frame_HW, cmap="gray", vmin=dark, vmax=bright, extent=extent)
        if truth is not None:
            upper.scatter(
                truth.x / 1000,
                truth.y / 1000,
                s=36,
                facecolors="none",
                edgecolors="deepskyblue",
                linewidths=0.8,
                label="true" if k == 0 else None,
            )
        found = panel.emitters
        upper.scatter(
            found.x / 1000,
            found.y / 1000,
            s=18,
            c="orange",
            marker="x",
            linewidths=0.9,
            label="found" if k == 0 else None,
        )
        h, w = panel.prob_hw.shape
        upper.set_title(f"{w} × {h} cells of {panel.cell:g} nm\n{len(found)} found", fontsize=9)
        lower.imshow(brightness(panel.prob_hw), cmap="inferno", vmin=0, vmax=1, extent=extent)
        most = float(panel.prob_hw.max(initial=0.0))
        lower.set_title(f"probability, up to {most:.2g}", fontsize=9)
        for one in (upper, lower):
            one.set(xlim=extent[:2], ylim=extent[2:])
            one.tick_params(labelsize=7)
        upper.tick_params(labelbottom=False)
        lower.set_xlabel("µm", fontsize=8)
    if axes[0, 0].get_legend_handles_labels()[0]:
        figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    figure.suptitle(title, fontsize=10)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110)
