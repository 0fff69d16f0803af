"""How bright a pixel is shown."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def white_level(picture: NDArray[Any], percentile: float) -> float:
    """The value from which pixels are shown at full brightness.

    Args:
        picture: (H, W).
        percentile: of the pixels that are lit, which are those above a tenth of the typical
            one that is not dark. (Typical: the square of the mean square root, in which a few
            very bright ones, beads say, count little.)

    Returns:
        0 for a picture without light.
    """
    light = picture[picture > 0]
    if not light.size:
        return 0.0
    typical = float(np.mean(np.sqrt(light, dtype=np.float64))) ** 2
    return float(np.percentile(light[light > 0.1 * typical], percentile))


def brightness(
    picture: NDArray[Any], percentile: float = 99.9, gamma: float = 1.0
) -> NDArray[np.float32]:
    """A rendering scaled to 0..1 so that a few bright pixels do not darken the rest.

    Args:
        picture: (H, W), not negative.
        percentile: of the lit pixels, which is shown as 1 (:func:`white_level`); all brighter
            ones too.
        gamma: exponent; below 1 lifts what is dim.
    """
    top = white_level(picture, percentile)
    return shown(picture, top, gamma)


def shown(picture: NDArray[Any], top: float, gamma: float) -> NDArray[np.float32]:
    """A rendering with ``top`` at 1, to the power of ``gamma``."""
    if top <= 0:
        return np.zeros(picture.shape, np.float32)
    scaled = np.clip(picture / np.float32(top), 0.0, 1.0).astype(np.float32)
    return scaled if gamma == 1 else scaled ** np.float32(gamma)
