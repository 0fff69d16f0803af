"""``truevar render``: a picture of a table."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from truevar.commands.parser import above_zero, add_overwrite, add_pixel_size, field, percentile
from truevar.errors import UserError

if TYPE_CHECKING:
    from truevar.emitters import Emitters
    from truevar.view.field import Extent

DESCRIPTION = """\
Draw a table of emitters, y down as in the movie, with a scale bar and a colour bar.

TABLE   a table of any format that truevar convert reads

A .png is to look at. A .tif (or .ome.tif) is an OME-TIFF to measure in: localisations per pixel as
32-bit floats, without contrast or bars, and the size of a pixel; coloured by a column, it has the
colours of the .png.
"""

EXAMPLES = """\
examples:
  truevar render emitters.csv -o picture.png
  truevar render emitters.csv -o fine.png --pixel 5 --field 2,6,1.5,4.5
  truevar render emitters.csv -o drift.png --colour time
  truevar render emitters.csv -o counts.ome.tif --style histogram --pixel 10
"""

# As in truevar.view, whose modules take too long to import for a line of help.
_STYLES = ("gaussian", "histogram", "jittered")
_COLOURS = ("density", "time", "depth", "photons")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Put the command's options onto a parser."""
    parser.add_argument("table", metavar="TABLE", type=Path, help="the table")
    parser.add_argument(
        "-o",
        "--output",
        metavar="PICTURE",
        type=Path,
        required=True,
        help="the picture: .png, .tif or .ome.tif",
    )
    parser.add_argument(
        "--style",
        choices=_STYLES,
        default="gaussian",
        help="each localisation as a Gaussian as wide as its error (default), counted in its "
        "pixel, or the mean of ten histograms with all moved by their errors",
    )
    parser.add_argument(
        "--colour",
        "--color",
        choices=_COLOURS,
        default="density",
        help="what the hue says; the density is the brightness (default: density alone)",
    )
    parser.add_argument(
        "--field",
        metavar="X0,X1,Y0,Y1",
        type=field,
        help="part of the field, µm, x to the right and y down (default: all)",
    )
    parser.add_argument(
        "--pixel",
        metavar="NM",
        type=above_zero,
        help="a pixel of the picture, nm (default: by the errors and how many there are; the "
        "long side has 800 to 4000 px)",
    )
    parser.add_argument(
        "--blur",
        metavar="NM",
        type=above_zero,
        help="one standard deviation for all (default: the table's errors, else a pixel)",
    )
    parser.add_argument(
        "--percentile",
        metavar="P",
        type=percentile,
        help="of the lit pixels, shown at full brightness; lower is brighter (default: 99)",
    )
    parser.add_argument(
        "--gamma",
        metavar="G",
        type=above_zero,
        help="exponent of the brightness; 1 shows it in proportion, less lifts what is dim "
        "(default: 0.5)",
    )
    parser.add_argument("--no-scale-bar", action="store_true", help="leave the scale bar out")
    parser.add_argument("--no-colour-bar", action="store_true", help="leave the colour bar out")
    add_pixel_size(parser)
    add_overwrite(parser)


def run(args: argparse.Namespace) -> int:
    """Render as the options say.

    Raises:
        UserError: something given cannot be used.
    """
    from truevar.commands.reading import read_table
    from truevar.view.picture import GAMMA, PERCENTILE, check_picture, save_picture

    check_picture(args.output, args.overwrite)
    table = read_table(args.table, args.pixel_size)
    extent = None
    if args.field is not None:
        x0, x1, y0, y1 = (1000.0 * edge for edge in args.field)
        extent = (x0, x1, y0, y1)
        _check_not_empty(table, extent)
    picture = save_picture(
        table,
        args.output,
        args.pixel,
        extent,
        args.blur,
        PERCENTILE if args.percentile is None else args.percentile,
        args.overwrite,
        style=args.style,
        colour=args.colour,
        gamma=GAMMA if args.gamma is None else args.gamma,
        scale_bar=not args.no_scale_bar,
        colour_bar=not args.no_colour_bar,
    )
    print(f"picture: {args.output}, {picture.text()}")
    return 0


def _check_not_empty(table: Emitters, extent: Extent) -> None:
    """Refuse a field without localisations, and say where they are."""
    from truevar.view.field import field as field_of
    from truevar.view.field import inside

    if len(table) and not inside(table, extent).any():
        x0, x1, y0, y1 = (f"{edge / 1000:.4g}" for edge in field_of(table))
        raise UserError(
            f"no localisation lies in --field {','.join(f'{edge / 1000:g}' for edge in extent)}; "
            f"the table's field is x {x0} to {x1} and y {y0} to {y1} µm"
        )
