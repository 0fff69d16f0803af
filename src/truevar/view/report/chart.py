"""Charts as SVG that takes the page's colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truevar.view.report.section import escaped

WIDTH, HEIGHT = 340, 170
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 8, 24

Floats = NDArray[np.float64]


def grid(figures: Sequence[str]) -> str:
    """Figures side by side, as many as the screen has room for."""
    return f'<div class="figures">\n{"".join(figures)}</div>\n'


def ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) between two."""
    rough = (high - low) / wanted
    decade = 10.0 ** np.floor(np.log10(rough))
    step = next(s * decade for s in (1, 2, 5, 10) if s * decade >= 0.999 * rough)
    first = int(np.ceil(low / step - 1e-9))
    return [k * step for k in range(first, int(np.floor(high / step + 1e-9)) + 1)]


class Axes:
    """From values to places in a figure.

    Args:
        across, up: (low, high) of the values at the ends.
    """

    def __init__(self, across: tuple[float, float], up: tuple[float, float]):
        self.across, self.up = across, up

    def x(self, value: float) -> float:
        """Where a value lies across."""
        low, high = self.across
        return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Where a value lies, down from the top."""
        low, high = self.up
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    def drawn(self) -> str:
        """Grid lines and their numbers."""
        parts = []
        for value in ticks(*self.up, 3):
            y = self.y(value)
            parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
            parts.append(
                f'<text x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{short(value)}</text>'
            )
        for value in ticks(*self.across):
            x = min(self.x(value), WIDTH - 14)
            parts.append(
                f'<text x="{x:.1f}" y="{HEIGHT - 7}" text-anchor="middle">{short(value)}</text>'
            )
        return "".join(parts)


def line(axes: Axes, x_N: NDArray[Any], y_N: Floats) -> str:
    """A line through points.

    Args:
        axes: of the figure.
        x_N, y_N: (N,).
    """
    points = " ".join(f"{axes.x(x):.1f},{axes.y(y):.1f}" for x, y in zip(x_N, y_N, strict=True))
    return f'<polyline class="line" points="{points}"/>'


def band(axes: Axes, x_N: NDArray[Any], low_N: Floats, high_N: Floats) -> str:
    """What lies between two lines, within the axes."""
    low_N, high_N = (np.clip(one, *axes.up) for one in (low_N, high_N))
    there = [f"{axes.x(x):.1f} {axes.y(y):.1f}" for x, y in zip(x_N, high_N, strict=True)]
    back = [f"{axes.x(x):.1f} {axes.y(y):.1f}" for x, y in zip(x_N, low_N, strict=True)]
    shape = "L".join([*there, *reversed(back)])
    return f'<path class="band" d="M{shape}z"/>'


def short(value: float) -> str:
    """1.5k for 1500, so that it fits beside an axis."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:.4g}"


def figure(title: str, unit: str, said: str, drawn: str) -> str:
    """A chart with its caption.

    Args:
        title, unit, said: plain text; what is said goes beside the title.
        drawn: markup within the SVG.
    """
    label = escaped(f"{title}, {unit}: {said}")
    return (
        f"<figure><figcaption><strong>{escaped(title)}</strong> {escaped(said)}<br>"
        f'<span class="quiet">{escaped(unit)}</span></figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{drawn}</svg>'
        "</figure>\n"
    )
