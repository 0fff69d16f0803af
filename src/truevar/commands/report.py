"""``truevar report``: a table as one HTML file to look at."""

from __future__ import annotations

import argparse
from pathlib import Path

from truevar.commands.parser import add_overwrite, add_pixel_size, axes

DESCRIPTION = """\
Write a table into one HTML file that opens offline in any browser: the super-resolved picture to
pan and zoom, camera frames with what was found in them, distributions, the resolution (of a table
of single localisations), and where every number came from.
"""

EXAMPLES = """\
examples:
  truevar report emitters.csv -o report.html
  truevar report emitters.hdf5 -o report.html --movie movie.tif
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Put the command's options onto a parser."""
    parser.add_argument("table", metavar="TABLE", type=Path, help="the table")
    parser.add_argument(
        "-o", "--output", metavar="HTML", type=Path, required=True, help="the report, .html"
    )
    parser.add_argument(
        "--movie",
        metavar="MOVIE",
        type=Path,
        nargs="+",
        help="the movie that was localised, or its parts in their order: up to 50 of its "
        "frames are shown",
    )
    parser.add_argument(
        "--axes", metavar="AXES", type=axes, help="order of the movie's axes, as for localize"
    )
    parser.add_argument(
        "--drift",
        metavar="CSV",
        type=Path,
        help="the drift that was taken off the table, as truevar drift --drift wrote it",
    )
    add_pixel_size(parser)
    add_overwrite(parser)


def run(args: argparse.Namespace) -> int:
    """Write the report.

    Raises:
        UserError: something given cannot be used.
    """
    from truevar.commands.reading import read_table
    from truevar.postprocess.drift import Drift
    from truevar.view.report.page import check_report, report

    check_report(args.output, args.overwrite)
    table = read_table(args.table, args.pixel_size)
    drift = Drift.read(args.drift) if args.drift is not None else None
    report(table, args.output, args.movie, args.axes, args.overwrite, drift=drift)
    size = args.output.stat().st_size / 1e6
    print(f"report: {args.output}, {len(table):,} emitters, {size:.2g} MB")
    return 0
