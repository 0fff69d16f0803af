"""How wide a localisation is drawn: its standard errors, or a width for all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from truevar.emitters import Emitters


def standard_errors(
    emitters: Emitters, blur: float | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """(N,) along x and along y in nm; ``blur`` for all if given; None where nothing is known."""
    if blur is not None:
        all_the_same = np.full(len(emitters), float(blur))
        return all_the_same, all_the_same
    if "sigma_x" in emitters and "sigma_y" in emitters:
        return emitters.sigma_x, emitters.sigma_y
    return None


def widths(
    emitters: Emitters, pixel_size: float, blur: float | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """:func:`standard_errors` in pixels of the picture; one pixel where an error is not known."""
    errors = standard_errors(emitters, blur)
    if errors is None:
        one = np.ones(len(emitters))
        return one, one
    x, y = (np.where(np.isfinite(error), error / pixel_size, 1.0) for error in errors)
    return x, y
