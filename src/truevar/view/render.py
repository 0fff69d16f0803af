"""A table of emitters as counts per pixel of a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.view.field import Extent, Grid, grid
from truevar.view.gaussian import NARROWEST, draw_gaussians
from truevar.view.histogram import draw_histogram, draw_jittered
from truevar.view.widths import widths
from truevar.wording import subject

STYLES = ("gaussian", "histogram", "jittered")
"""How a localisation may be drawn."""


def render(
    emitters: Emitters,
    pixel_size: float | None = None,
    extent: Extent | None = None,
    blur: float | None = None,
    style: str = "gaussian",
) -> NDArray[np.float32]:
    """Draw a table as localisations per pixel.

    Each localisation comes to 1, less what falls outside the picture. As ``gaussian`` it is a
    Gaussian as wide as its own standard error, integrated over the pixels, at the exact position
    and none narrower than half a pixel of the picture; as ``histogram`` it is counted in its
    pixel; as ``jittered`` it is counted at ten places drawn by its standard error, a tenth each.

    Args:
        emitters: the table.
        pixel_size: of the picture, nm; see :func:`truevar.view.field.suitable_pixel` for
            the default.
        extent: (x0, x1, y0, y1) in nm, the outer edges of the picture; see
            :func:`truevar.view.field.field` for the default.
        blur: nm; one standard deviation for all localisations. Where it is None
            and the table has no ``sigma_x`` and ``sigma_y``, one pixel.
        style: ``gaussian``, ``histogram`` or ``jittered``.

    Returns:
        (H, W) localisations per pixel, row 0 at the smallest y.

    Raises:
        UserError: a picture of more than 100 million pixels, a size that is not above 0, or
            another style.
    """
    check_style(style)
    ones = np.ones((len(emitters), 1), np.float32)
    return draw(emitters, grid(emitters, pixel_size, extent, blur), ones, style, blur)[0]


def check_style(style: str) -> None:
    """Make sure that there is such a style.

    Raises:
        UserError: there is none.
    """
    if style not in STYLES:
        raise UserError(f"{subject('style')} is {style!r}; give one of {', '.join(STYLES)}")


def draw(
    emitters: Emitters,
    pixels: Grid,
    weights_NC: NDArray[np.float32],
    style: str = "gaussian",
    blur: float | None = None,
    narrowest: float = NARROWEST,
) -> NDArray[np.float32]:
    """:func:`render` with several channels.

    Args:
        emitters: the table; rows without a position are left out.
        pixels: of the picture.
        weights_NC: what each localisation comes to in every channel.
        style: one of :data:`STYLES`.
        blur: nm, in place of the table's errors.
        narrowest: pixels of width that a Gaussian has at least.

    Returns:
        (C, H, W).
    """
    placed = np.isfinite(emitters.x) & np.isfinite(emitters.y)
    if not placed.all():
        emitters, weights_NC = emitters.select(placed), weights_NC[placed]
    x, y = pixels.places(emitters)
    if style == "histogram":
        return draw_histogram(x, y, weights_NC, pixels.shape)
    sigma_x, sigma_y = widths(emitters, pixels.pixel_size, blur)
    if style == "jittered":
        return draw_jittered(x, y, sigma_x, sigma_y, weights_NC, pixels.shape)
    return draw_gaussians(x, y, sigma_x, sigma_y, weights_NC, pixels.shape, narrowest)
