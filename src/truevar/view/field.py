"""What a picture shows: its field of view, its pixels, and the size they have unless told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.numbers import above_zero
from truevar.view.widths import standard_errors
from truevar.wording import argument

MOST_PIXELS = 100_000_000
"""A larger picture is refused."""

Extent = tuple[float, float, float, float]
"""(x0, x1, y0, y1) in nm: the outer edges of a picture."""

_SHORTEST, _LONGEST = 800, 4000
"""Pixels that the long side of a picture has at least and at most, unless a size is given."""
_PER_SPACING = 10
"""Pixels between neighbours, were the localisations spread out evenly. They never are: the finest
structures are several times as dense as the whole."""
_ROUND = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)


@dataclass(frozen=True)
class Grid:
    """The pixels of a picture.

    Attributes:
        x0, y0: nm, the outer corner of pixel (0, 0).
        pixel_size: nm.
        shape: (H, W).
    """

    x0: float
    y0: float
    pixel_size: float
    shape: tuple[int, int]

    @property
    def extent(self) -> Extent:
        """The outer edges."""
        height, width = (n * self.pixel_size for n in self.shape)
        return self.x0, self.x0 + width, self.y0, self.y0 + height

    def places(self, emitters: Emitters) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """x and y in pixels, (N,) each; the corner of pixel (0, 0) is the origin."""
        x, y = emitters.x - self.x0, emitters.y - self.y0
        return x / self.pixel_size, y / self.pixel_size


def field(emitters: Emitters) -> Extent:
    """The field of view in nm: what was localised, from ``meta``, else that of the rows.

    Returns:
        (x0, x1, y0, y1): the outer edges. The movie's field reaches from half a
        pixel before the centre of the first pixel to half a pixel behind that of
        the last one; that of a ``region`` of it accordingly.
    """
    meta = emitters.meta
    pixel, width, height = (meta.get(name) for name in ("pixel_size", "width", "height"))
    if pixel and width and height:
        region = meta.get("region")
        if not (isinstance(region, Sequence) and len(region) == 4):
            region = (0, width, 0, height)
        x0, x1, y0, y1 = ((edge - 0.5) * pixel for edge in region)
        return x0, x1, y0, y1
    good = np.isfinite(emitters.x) & np.isfinite(emitters.y)
    if not good.any():
        return 0.0, 1000.0, 0.0, 1000.0
    x, y = emitters.x[good], emitters.y[good]
    margin = max(50.0, 0.02 * float(max(np.ptp(x), np.ptp(y))))
    return (
        float(x.min()) - margin,
        float(x.max()) + margin,
        float(y.min()) - margin,
        float(y.max()) + margin,
    )


def inside(emitters: Emitters, extent: Extent) -> NDArray[np.bool_]:
    """(N,) whether a row lies in a field."""
    x0, x1, y0, y1 = extent
    x, y = emitters.x, emitters.y
    return (x >= x0) & (x < x1) & (y >= y0) & (y < y1)


def grid(
    emitters: Emitters,
    pixel_size: float | None = None,
    extent: Extent | None = None,
    blur: float | None = None,
) -> Grid:
    """The pixels of a picture.

    Args:
        emitters: the table.
        pixel_size: of the picture, nm; :func:`suitable_pixel` by default.
        extent: (x0, x1, y0, y1) in nm, the outer edges; :func:`field` by default.
        blur: nm, in place of the table's errors.

    Raises:
        UserError: a picture of more than 100 million pixels, an empty field, or a size that
            is not above 0.
    """
    if pixel_size is not None:
        pixel_size = above_zero("pixel_size", pixel_size)
    if blur is not None:
        blur = above_zero("blur", blur)
    if extent is not None and len(extent) != 4:
        raise UserError(f"extent={extent!r} is none; give (x0, x1, y0, y1) in nm")
    x0, x1, y0, y1 = field(emitters) if extent is None else extent
    if not np.all(np.isfinite([x0, x1, y0, y1])) or x1 <= x0 or y1 <= y0:
        raise UserError(f"a picture cannot go from {x0:g} to {x1:g} and {y0:g} to {y1:g} nm")
    if pixel_size is None:
        pixel_size = suitable_pixel(emitters, (x0, x1, y0, y1), blur)
    # A sliver of a pixel, left over by rounding, is no reason for another column.
    across, down = (max((b - a) / pixel_size - 1e-6, 1.0) for a, b in ((x0, x1), (y0, y1)))
    if across * down > MOST_PIXELS:
        raise UserError(
            f"a picture of {across:.0f} x {down:.0f} pixels is too large; choose a larger pixel "
            f"than {argument('pixel_size', float(pixel_size), '--pixel')} nm"
        )
    return Grid(x0, y0, pixel_size, (int(np.ceil(down)), int(np.ceil(across))))


def suitable_pixel(emitters: Emitters, extent: Extent, blur: float | None = None) -> float:
    """A pixel in nm that shows what a table tells.

    Half the median standard error, which is what it takes to see that; no finer than a tenth of
    the localisations' spacing, which limits what can be made out as well; and so that the long
    side has from 800 to 4,000 pixels. Rounded.

    Args:
        emitters: the table.
        extent: the field, nm.
        blur: nm, in place of the table's errors.
    """
    x0, x1, y0, y1 = extent
    long = max(x1 - x0, y1 - y0)
    some = emitters.select(inside(emitters, extent))
    wanted = long / _SHORTEST
    if len(some):
        wanted = np.sqrt((x1 - x0) * (y1 - y0) / len(some)) / _PER_SPACING
        errors = standard_errors(some, blur)
        if errors is not None:
            both = np.hypot(*errors) / np.sqrt(2)
            known = both[np.isfinite(both)]
            wanted = max(wanted, float(np.median(known)) / 2) if len(known) else wanted
    least, most = long / _LONGEST, long / _SHORTEST
    decade = 10.0 ** np.floor(np.log10(least))
    fitting = [
        size
        for step in (decade, 10 * decade)
        for size in (step * number for number in _ROUND)
        if least <= size * 1.000001 and size <= most * 1.000001
    ]
    return float(max([size for size in fitting if size <= wanted * 1.001], default=fitting[0]))
