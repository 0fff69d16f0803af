"""What the colours of a picture mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.wording import subject

DENSITY = "density"

_COLUMNS = {"time": ("frame", "frame"), "depth": ("z", "nm"), "photons": ("photons", "e⁻")}
"""Column and unit that a colour shows."""

COLOURS = (DENSITY, *_COLUMNS)
"""What colours may show."""

_RANGE = (1.0, 99.0)
"""Percentiles of the column at the ends of the colours."""


@dataclass(frozen=True)
class ColourScale:
    """What a picture's colours mean.

    Attributes:
        quantity: one of :data:`COLOURS`.
        unit: of the numbers.
        low, high: what the first and the last colour stand for, and all beyond.
    """

    quantity: str
    unit: str
    low: float
    high: float

    def ends(self) -> tuple[str, str]:
        """The numbers at the ends, rounded for people."""
        largest = max(abs(self.low), abs(self.high))
        whole = self.quantity == "time"
        return _rounded(self.low, largest, whole), _rounded(self.high, largest, whole)

    def text(self) -> str:
        """One line on what is shown: ``depth -300 to 280 nm``."""
        low, high = self.ends()
        return f"{self.quantity} {low} to {high} {self.unit}"


def column_of(emitters: Emitters, colour: str) -> NDArray[np.float64] | None:
    """(N,) what the colours show; None for density.

    Raises:
        UserError: there is no such colour, or the table lacks the column or any value in it.
    """
    if colour not in COLOURS:
        raise UserError(f"{subject('colour')} is {colour!r}; give one of {', '.join(COLOURS)}")
    if colour == DENSITY:
        return None
    column, _ = _COLUMNS[colour]
    if column not in emitters:
        others = [DENSITY, *(name for name in _COLUMNS if _COLUMNS[name][0] in emitters)]
        raise UserError(
            f"the table has no column {column!r} to colour by {colour}; colour it by "
            f"{' or '.join(others)}"
        )
    values_N = emitters[column].astype(np.float64)
    if len(values_N) and not np.isfinite(values_N).any():
        raise UserError(f"the column {column!r} has no values to colour by; colour by {DENSITY}")
    return values_N


def scale_of(values_N: NDArray[np.float64], colour: str) -> ColourScale:
    """The scale that shows these values, from their 1st to their 99th percentile."""
    known = values_N[np.isfinite(values_N)]
    low, high = np.percentile(known, _RANGE) if len(known) else (0.0, 1.0)
    return ColourScale(colour, _COLUMNS[colour][1], float(low), float(high))


def hues(values_N: NDArray[np.float64], scale: ColourScale) -> NDArray[np.float32]:
    """(N, 3) red, green and blue from 0 to 1 of every value; white where there is none."""
    span = scale.high - scale.low
    known = np.isfinite(values_N)
    place = np.full(len(values_N), 0.5)
    if span > 0:
        place[known] = np.clip((values_N[known] - scale.low) / span, 0.0, 1.0)
    colours = rainbow()[np.round(255 * place).astype(np.int64)]
    colours[~known] = 1.0
    return colours


def rainbow() -> NDArray[np.float32]:
    """(256, 3) violet, blue, green, yellow, red: turbo, each colour as bright as it can be.

    Brightness is left to say how dense it is: turbo's own ends are dark.
    """
    from matplotlib import colormaps

    table = colormaps["turbo"](np.linspace(0, 1, 256))[:, :3]
    return np.asarray(table / table.max(1, keepdims=True), np.float32)


def heat() -> NDArray[np.float32]:
    """(256, 3) black, red, yellow, white."""
    from matplotlib import colormaps

    table = colormaps["hot"](np.linspace(0, 1, 256))[:, :3]
    table[0] = 0  # the map begins a little above black
    return np.asarray(table, np.float32)


def _rounded(number: float, largest: float, whole: bool) -> str:
    """Three digits where the number is as large as the largest."""
    if largest == 0 or not np.isfinite(largest):
        return "0"
    decimals = 2 - int(np.floor(np.log10(largest)))
    if whole:
        decimals = min(decimals, 0)
    if not 1e-4 < largest < 1e9:
        return f"{number:.3g}"
    rounded = round(number, decimals) + 0.0  # and no -0
    return f"{rounded:,.{max(decimals, 0)}f}"
