"""A picture of a table of emitters: PNG to look at, OME-TIFF to measure in."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.io.atomic import check_folder, check_new
from truevar.numbers import number
from truevar.view.colour import DENSITY, ColourScale, column_of, heat, hues, rainbow, scale_of
from truevar.view.colour_bar import draw_colour_bar
from truevar.view.field import Extent, Grid, grid, inside
from truevar.view.gaussian import NARROWEST
from truevar.view.picture_files import write_png, write_tiff
from truevar.view.render import check_style, draw
from truevar.view.scale_bar import draw_scale_bar
from truevar.view.tone import shown, white_level

PERCENTILE = 99.0
"""Of the lit pixels; brighter ones are shown at full brightness."""

GAMMA = 0.5
"""Exponent of the brightness: lone localisations stay visible beside dense structures."""

_LONE, _LONE_WIDTH = 5000, 1.0
"""Pixels for each localisation from which they are lone dots, and how many pixels wide one is at
least: narrower ones are lost to the eye in a picture that is black but for them."""

_ENDINGS = (".png", ".tif", ".tiff")


@dataclass(frozen=True)
class Picture:
    """What was drawn.

    Attributes:
        pixels: of the picture.
        localisations: how many lie in its field.
        style: one of :data:`truevar.view.render.STYLES`.
        scale: what the colours mean.
    """

    pixels: Grid
    localisations: int
    style: str
    scale: ColourScale

    def text(self) -> str:
        """One line on what was drawn."""
        height, width = self.pixels.shape
        return (
            f"{width} x {height} px of {self.pixels.pixel_size:g} nm, "
            f"{self.localisations:,} localisations, {self.scale.text()}"
        )

    def facts(self) -> dict[str, str]:
        """What goes into a file beside the picture."""
        x0, x1, y0, y1 = (f"{edge / 1000:.10g}" for edge in self.pixels.extent)
        return {
            "Description": f"{self.localisations} localisations, {self.style}, {self.scale.text()}",
            "Pixel size": f"{self.pixels.pixel_size:.10g} nm",
            "Field": f"x {x0} to {x1}, y {y0} to {y1} um",
        }


def save_picture(
    emitters: Emitters,
    path: str | PathLike[str],
    pixel_size: float | None = None,
    extent: Extent | None = None,
    blur: float | None = None,
    percentile: float = PERCENTILE,
    overwrite: bool = False,
    *,
    style: str = "gaussian",
    colour: str = DENSITY,
    gamma: float = GAMMA,
    scale_bar: bool = True,
    colour_bar: bool = True,
) -> Picture:
    """Render a table into a file, y down as in the movie.

    A ``.png`` has a scale bar and a colour bar where there is room, and the pixel size and what
    was drawn in its text. A ``.tif`` is an OME-TIFF with the physical pixel size: localisations
    per pixel as 32-bit floats, without bars; coloured by a column, what the PNG would show.

    In a picture to look at, Gaussians that are lone dots in the dark are a pixel wide at least.

    Args:
        emitters: the table.
        path: ``.png``, ``.tif`` or ``.ome.tif``; appears complete or not at all.
        pixel_size: of the picture, nm; by default chosen by the field, the errors and the number
            of localisations (:func:`truevar.view.field.suitable_pixel`).
        extent: (x0, x1, y0, y1) in nm; all of the table's field by default.
        blur: as in :func:`truevar.view.render.render`.
        percentile: of the pixels that have any light, shown at full brightness.
        overwrite: replace an old file.
        style: ``gaussian``, ``histogram`` or ``jittered``.
        colour: ``density``, or ``time``, ``depth`` or ``photons``, which give the hue, while
            the density gives the brightness. The range is that of the 1st to the 99th
            percentile; localisations of several colours in one pixel are mixed.
        gamma: exponent of the brightness; below 1 lifts what is dim.
        scale_bar: draw one.
        colour_bar: draw one.

    Returns:
        what was drawn.

    Raises:
        UserError: there is a file already, another ending, too large a picture, no such style
            or colour, the column of the colour is missing, or no place to write.
    """
    target = Path(path)
    check_picture(target, overwrite)
    check_style(style)
    percentile = number("percentile", percentile, 0, 100)
    gamma = number("gamma", gamma, 0.01, 100)
    values_N = column_of(emitters, colour)
    pixels = grid(emitters, pixel_size, extent, blur)
    seen = inside(emitters, pixels.extent)
    # Counts are to measure in: nothing is done to them for the eye.
    to_look_at = target.suffix.lower() == ".png" or values_N is not None
    lone = to_look_at and np.prod(pixels.shape) > _LONE * seen.sum()
    weights_NC = np.ones((len(emitters), 1), np.float32)
    if values_N is not None:
        scale = scale_of(values_N[seen], colour)
        weights_NC = np.column_stack([weights_NC, hues(values_N, scale)])
    narrowest = _LONE_WIDTH if lone else NARROWEST
    drawn = draw(emitters, pixels, weights_NC, style, blur, narrowest)
    top = white_level(drawn[0], percentile)
    if values_N is None:
        scale = ColourScale(DENSITY, "per µm²", 0.0, top * 1e6 / pixels.pixel_size**2)
    picture = Picture(pixels, int(seen.sum()), style, scale)
    image = drawn[0]
    if to_look_at:
        image = _coloured(drawn, top, gamma)
        if colour_bar:
            draw_colour_bar(image, _table(scale, gamma), scale)
        if scale_bar:
            draw_scale_bar(image, pixels.pixel_size)
    write = write_png if target.suffix.lower() == ".png" else write_tiff
    write(target, image, pixels.pixel_size, picture.facts())
    return picture


def check_picture(path: str | PathLike[str], overwrite: bool = False) -> None:
    """Make sure that a picture could be written, before the work that makes it.

    Raises:
        UserError: another ending than .png, .tif or .tiff, a file that is there already, or no
            place to write.
    """
    target = Path(path)
    if target.suffix.lower() not in _ENDINGS:
        raise UserError(f"cannot write {target}: a picture's ending must be .png, .tif or .ome.tif")
    check_folder(target)
    check_new(target, overwrite)


def _coloured(drawn: NDArray[np.float32], top: float, gamma: float) -> NDArray[np.uint8]:
    """(H, W, 3) of counts and, behind them, their red, green and blue, if there are such.

    A pixel has the mean colour of what is in it, and is as bright as it is dense.
    """
    counts = drawn[0]
    light = shown(counts, top, gamma)
    if len(drawn) == 1:
        return _heat_table()[np.round(255 * light).astype(np.uint8)]
    factor = 255 * light / np.maximum(counts, np.finfo(np.float32).tiny)
    colours = np.empty((*light.shape, 3), np.uint8)
    for channel, sums in enumerate(drawn[1:]):
        colours[:, :, channel] = np.clip(np.round(factor * sums), 0, 255)
    return colours


def _table(scale: ColourScale, gamma: float) -> NDArray[np.uint8]:
    """(256, 3) colours from one end of a scale to the other."""
    if scale.quantity != DENSITY:
        return np.round(255 * rainbow()).astype(np.uint8)
    # Even in the density, as the numbers at the ends of the bar are.
    light = shown(np.linspace(0, 1, 256, dtype=np.float32), 1.0, gamma)
    return _heat_table()[np.round(255 * light).astype(np.uint8)]


def _heat_table() -> NDArray[np.uint8]:
    return np.round(255 * heat()).astype(np.uint8)
