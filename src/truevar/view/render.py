"""A picture of a table of emitters."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.io.atomic import check_folder, check_new, replacing
from truevar.numbers import above_zero
from truevar.wording import argument

MOST_PIXELS = 100_000_000
"""A larger picture is refused."""

Extent = tuple[float, float, float, float]
"""(x0, x1, y0, y1) in nm: the outer edges of a picture."""

_STEP = 1.15
"""Ratio between neighbouring classes of width; a localisation is drawn at most
7 % wider or narrower than its standard error says."""
_REACH = 4.0
"""Gaussians are drawn out to so many standard deviations."""
_WIDEST = 50.0
"""Widest Gaussian in picture pixels; a wider one is invisible anyway."""
_AT_ONCE = 4_000_000
"""Kernel values held in memory at a time."""


def render(
    emitters: Emitters,
    pixel_size: float = 10.0,
    extent: Extent | None = None,
    blur: float | None = None,
) -> NDArray[np.float32]:
    """Draw every localisation as a Gaussian as wide as its own standard error.

    The weight of each is 1, less what falls outside the picture. Gaussians are
    integrated over the pixels, at the exact position; widths are rounded to
    steps of 15 %, and none is narrower than half a pixel of the picture.

    Args:
        emitters: the table.
        pixel_size: of the picture, nm.
        extent: (x0, x1, y0, y1) in nm, the outer edges of the picture; see
            :func:`field` for the default.
        blur: nm; one standard deviation for all localisations. Where it is None
            and the table has no ``sigma_x`` and ``sigma_y``, one pixel.

    Returns:
        (H, W) localisations per pixel, row 0 at the smallest y.

    Raises:
        UserError: a picture of more than 100 million pixels, or a size that
            is not above 0.
    """
    pixel_size = above_zero("pixel_size", pixel_size)
    if extent is not None and len(extent) != 4:
        raise UserError(f"extent={extent!r} is none; give (x0, x1, y0, y1) in nm")
    x0, x1, y0, y1 = field(emitters) if extent is None else extent
    if not np.all(np.isfinite([x0, x1, y0, y1])) or x1 <= x0 or y1 <= y0:
        raise UserError(f"a picture cannot go from {x0:g} to {x1:g} and {y0:g} to {y1:g} nm")
    # A sliver of a pixel, left over by rounding, is no reason for another column.
    across, down = (max((b - a) / pixel_size - 1e-6, 1.0) for a, b in ((x0, x1), (y0, y1)))
    if across * down > MOST_PIXELS:
        raise UserError(
            f"a picture of {across:.0f} x {down:.0f} pixels is too large; choose a larger pixel "
            f"than {argument('pixel_size', float(pixel_size), '--pixel')} nm"
        )
    shape = (int(np.ceil(down)), int(np.ceil(across)))
    picture = np.zeros(shape, np.float32)
    # In picture pixels, with the corner of pixel (0, 0) at the origin.
    x, y = (emitters.x - x0) / pixel_size, (emitters.y - y0) / pixel_size
    class_x, class_y = (_classes(emitters, f"sigma_{axis}", blur, pixel_size) for axis in "xy")
    wide = _REACH * _WIDEST
    near = (x > -wide) & (x < shape[1] + wide) & (y > -wide) & (y < shape[0] + wide)
    code = class_x * 1000 + class_y
    order = np.flatnonzero(near)
    order = order[np.argsort(code[order], kind="stable")]
    _, starts = np.unique(code[order], return_index=True)
    for rows in np.split(order, starts[1:]) if len(order) else ():
        sigma_x, sigma_y = _width(class_x[rows[0]]), _width(class_y[rows[0]])
        _draw(picture, x[rows], y[rows], sigma_x, sigma_y)
    return picture


def field(emitters: Emitters) -> Extent:
    """The field of view in nm: the movie's, from ``meta``, else that of the rows.

    Returns:
        (x0, x1, y0, y1): the outer edges. The movie's field reaches from half a
        pixel before the centre of the first pixel to half a pixel behind that of
        the last one.
    """
    meta = emitters.meta
    pixel, width, height = (meta.get(name) for name in ("pixel_size", "width", "height"))
    if pixel and width and height:
        return -0.5 * pixel, (width - 0.5) * pixel, -0.5 * pixel, (height - 0.5) * pixel
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


def save_picture(
    emitters: Emitters,
    path: str | PathLike[str],
    pixel_size: float = 10.0,
    extent: Extent | None = None,
    blur: float | None = None,
    percentile: float = 99.9,
    overwrite: bool = False,
) -> None:
    """Render a table into a PNG, y down as in the movie, with a scale bar.

    Args:
        emitters: the table.
        path: a ``.png``; appears complete or not at all.
        pixel_size: of the picture, nm.
        extent: as in :func:`render`.
        blur: as in :func:`render`.
        percentile: of the pixels that have any light, shown at full brightness.
        overwrite: replace an old file.

    Raises:
        UserError: there is a file already, another ending, too large a picture, or no
            place to write.
    """
    from matplotlib import colormaps
    from matplotlib.image import imsave

    from truevar.view.scale_bar import draw_scale_bar

    target = Path(path)
    check_picture(target, overwrite)
    picture = render(emitters, pixel_size, extent, blur)
    table = colormaps["hot"](np.arange(256), bytes=True)[:, :3]
    table[0] = 0  # the map begins a little above black
    colours = table[np.round(255 * brightness(picture, percentile)).astype(np.uint8)]
    draw_scale_bar(colours, pixel_size)
    # matplotlib's image functions take any path, and need no window or figure.
    with replacing(target) as temporary, open(temporary, "wb") as file:
        imsave(file, colours, format="png")


def check_picture(path: str | PathLike[str], overwrite: bool = False) -> None:
    """Make sure that a picture could be written, before the work that makes it.

    Raises:
        UserError: another ending than .png, a file that is there already, or no place to write.
    """
    target = Path(path)
    if target.suffix.lower() != ".png":
        raise UserError(f"cannot write {target}: a picture's ending must be .png")
    check_folder(target)
    check_new(target, overwrite)


def brightness(picture: NDArray[Any], percentile: float = 99.9) -> NDArray[np.float32]:
    """A rendering scaled to 0..1 so that a few bright pixels do not darken the rest.

    Args:
        picture: (H, W), not negative.
        percentile: of the pixels above a thousandth of the brightest, which is
            shown as 1; all brighter ones too.
    """
    top = float(picture.max(initial=0.0))
    if top <= 0:
        return np.zeros(picture.shape, np.float32)
    lit = picture[picture > 1e-3 * top]
    return np.clip(picture / np.percentile(lit, percentile), 0.0, 1.0).astype(np.float32)


def _classes(
    emitters: Emitters, name: str, blur: float | None, pixel_size: float
) -> NDArray[np.int64]:
    """(rows,) number of every row's class of width along one axis."""
    if blur is not None or "sigma_x" not in emitters or "sigma_y" not in emitters:
        sigma = np.full(len(emitters), 1.0 if blur is None else blur / pixel_size)
    else:
        sigma = emitters[name] / pixel_size
    sigma = np.clip(np.nan_to_num(sigma, nan=1.0), 0.5, _WIDEST)
    return np.round(np.log(sigma / 0.5) / np.log(_STEP)).astype(np.int64)


def _width(number: int) -> float:
    return float(0.5 * _STEP**number)


def _draw(
    picture: NDArray[np.float32],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    sigma_x: float,
    sigma_y: float,
) -> None:
    """Add Gaussians of one width; positions in pixels from the picture's corner."""
    reach_x, reach_y = int(np.ceil(_REACH * sigma_x)), int(np.ceil(_REACH * sigma_y))
    height, width = picture.shape
    area = (2 * reach_x + 1) * (2 * reach_y + 1)
    step = max(_AT_ONCE // area, 1)
    for start in range(0, len(x), step):
        cols, weights_x = _profile(x[start : start + step], sigma_x, reach_x, width)
        rows, weights_y = _profile(y[start : start + step], sigma_y, reach_y, height)
        weights = weights_y[:, :, None] * weights_x[:, None, :]
        # Sums over repeated pixels, which plain indexing would lose. Only the
        # rows of the picture that are met are counted.
        low, high = int(rows.min()), int(rows.max()) + 1
        where = (rows - low)[:, :, None] * width + cols[:, None, :]
        drawn = np.bincount(where.ravel(), weights.ravel(), (high - low) * width)
        picture[low:high] += drawn.reshape(-1, width)


def _profile(
    centres: NDArray[np.float64], sigma: float, reach: int, length: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(n, 2 reach + 1) pixels along one axis and the weight that falls into each.

    Weights outside the picture are 0, their pixel the nearest inside.
    """
    pixels = np.floor(centres).astype(np.int64)[:, None] + np.arange(-reach, reach + 1)
    edges = np.concatenate([pixels, pixels[:, -1:] + 1], axis=1)
    weights = np.diff(ndtr((edges - centres[:, None]) / sigma), axis=1)
    inside = (pixels >= 0) & (pixels < length)
    return np.clip(pixels, 0, length - 1), np.where(inside, weights, 0.0)
