"""A scale bar with its length, drawn into the pixels of a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from truevar.view.lettering import letters, put

_SMALLEST = 64
"""Pictures narrower or lower than this have no room for a scale bar."""


def bar_length(span: float) -> float:
    """A round length (1, 2 or 5 times a power of ten) near a fifth of ``span``; same unit."""
    wanted = span / 5
    decade = 10.0 ** np.floor(np.log10(wanted))
    return float(max(step * decade for step in (1, 2, 5) if step * decade <= wanted * 1.001))


def label(length: float) -> str:
    """A length in nm as text, from a micrometre on in µm."""
    return f"{length / 1000:g} µm" if length >= 1000 else f"{length:g} nm"


def draw_scale_bar(colours: NDArray[np.uint8], pixel_size: float) -> None:
    """Draw a white bar and its length into the lower right corner.

    Args:
        colours: (H, W, 3), changed in place; left alone if it is too small.
        pixel_size: nm.
    """
    height, width, _ = colours.shape
    if min(height, width) < _SMALLEST:
        return
    length = bar_length(width * pixel_size)
    across = max(int(round(length / pixel_size)), 1)
    thick = max(round(min(height, width) / 100), 2)
    margin = 3 * thick
    bottom, right = height - margin, width - margin
    colours[bottom - thick : bottom, max(right - across, 0) : right] = 255
    text = letters(label(length), size=max(round(min(height, width) / 25), 10))
    rows, cols = text.shape
    low = bottom - 2 * thick
    left = min(max(right - across // 2 - cols // 2, 0), right - cols)
    if low >= rows and left >= 0:
        put(colours, text, low, left)
