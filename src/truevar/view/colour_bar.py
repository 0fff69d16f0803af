"""A bar that says what a picture's colours mean, drawn into its pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from truevar.view.colour import ColourScale
from truevar.view.lettering import letters, put

_SMALLEST = 240
"""Pictures narrower or lower than this have no room for a colour bar."""
_SHARE = 0.3
"""Of the picture's width that it takes."""


def draw_colour_bar(
    colours: NDArray[np.uint8], table_K3: NDArray[np.uint8], scale: ColourScale
) -> bool:
    """Draw all colours in a row, with their range and unit above, into the lower left corner.

    Args:
        colours: (H, W, 3), changed in place; left alone if it is too small.
        table_K3: the colours from first to last.
        scale: what they mean.

    Returns:
        whether there was room.
    """
    height, width, _ = colours.shape
    if min(height, width) < _SMALLEST:
        return False
    thick = max(round(min(height, width) / 100), 2)
    margin = 3 * thick
    size = max(round(min(height, width) / 40), 10)
    low, high = scale.ends()
    texts = [letters(text, size) for text in (f"{scale.quantity} ({scale.unit})", low, high)]
    across = max(int(_SHARE * width), *(text.shape[1] for text in texts[:1]))
    across = max(across, texts[1].shape[1] + texts[2].shape[1] + size)
    bottom, left = height - margin, margin
    if margin + across > 0.65 * width:  # the scale bar is to the right
        return False
    place = np.arange(across) * len(table_K3) // across
    colours[bottom - 2 * thick : bottom, left : left + across] = table_K3[place]
    above = bottom - 3 * thick
    put(colours, texts[1], above, left)
    put(colours, texts[2], above, left + across - texts[2].shape[1])
    above -= max(text.shape[0] for text in texts[1:]) + thick
    put(colours, texts[0], above, left)
    return True
