"""Letters as pixels, and where they go in a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def letters(text: str, size: int) -> NDArray[Any]:
    """Text as (rows, columns) of opacity, about ``size`` pixels high."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = max(6, len(text)) * size
    figure = Figure(figsize=(across / 72, 2 * size / 72), dpi=72, facecolor="black")
    canvas = FigureCanvasAgg(figure)
    figure.text(0.5, 0.5, text, color="white", size=size, ha="center", va="center")
    canvas.draw()
    opacity = (np.asarray(canvas.buffer_rgba())[:, :, 0] / 255).astype(np.float32)
    rows, cols = np.flatnonzero(opacity.any(1)), np.flatnonzero(opacity.any(0))
    return opacity[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]


def put(colours: NDArray[np.uint8], text: NDArray[Any], bottom: int, left: int) -> None:
    """Blend white letters into a picture.

    Args:
        colours: (H, W, 3), changed in place.
        text: of :func:`letters`.
        bottom, left: the row behind its last and its first column; it fits.
    """
    rows, cols = text.shape
    place = colours[bottom - rows : bottom, left : left + cols]
    blended = place + (255.0 - place) * text[:, :, None]
    place[:] = np.round(blended).astype(np.uint8)
