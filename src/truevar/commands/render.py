"""``truevar render``: a picture of a table."""

from __future__ import annotations

import argparse
from pathlib import Path

from truevar.commands.parser import above_zero, add_overwrite

DESCRIPTION = """\
Draw a table of emitters: each as a Gaussian as wide as its own standard error, y down as in
the movie, with a scale bar.

TABLE   ThunderSTORM or SMAP .csv, Picasso .hdf5, DECODE .h5, rapidSTORM .txt, Insight3 .bin
"""

EXAMPLES = """\
examples:
  truevar render emitters.csv -o picture.png
  truevar render emitters.csv -o fine.png --pixel 5
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Put the command's options onto a parser."""
    parser.add_argument("table", metavar="TABLE", type=Path, help="the table")
    parser.add_argument(
        "-o", "--output", metavar="PNG", type=Path, required=True, help="the picture, .png"
    )
    parser.add_argument(
        "--pixel",
        metavar="NM",
        type=above_zero,
        default=10.0,
        help="a pixel of the picture, nm (default: 10)",
    )
    parser.add_argument(
        "--pixel-size",
        metavar="NM",
        type=above_zero,
        help="a camera pixel, nm; needed where the table does not tell",
    )
    add_overwrite(parser)


def run(args: argparse.Namespace) -> int:
    """Render as the options say.

    Raises:
        UserError: something given cannot be used.
    """
    from truevar.commands.reading import read_table
    from truevar.view.render import check_picture, save_picture

    check_picture(args.output, args.overwrite)
    table = read_table(args.table, args.pixel_size)
    save_picture(table, args.output, args.pixel, overwrite=args.overwrite)
    print(f"picture: {args.output}, {len(table):,} emitters, {args.pixel:g} nm a pixel")
    return 0
