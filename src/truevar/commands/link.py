"""``truevar link``: localisations of successive frames to molecules."""

from __future__ import annotations

import argparse
from pathlib import Path

from truevar.commands.parser import above_zero, add_gap
from truevar.commands.table_to_table import add_tables, read, write

DESCRIPTION = """\
Join a molecule's localisations in successive frames into one row: photons added up, positions
weighted by their variances, errors accordingly, the number of detections, first and last frame.

Two localisations may be of one molecule if they are within --radius or, without it, within four
standard errors of their difference; of several the nearest are joined.
"""

EXAMPLES = """\
examples:
  truevar link emitters.csv -o molecules.csv
  truevar link emitters.csv -o molecules.csv --radius 40 --gap 1
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Put the command's options onto a parser."""
    add_tables(parser)
    parser.add_argument(
        "--radius",
        metavar="NM",
        type=above_zero,
        help="how far apart two localisations of a molecule may be (default: by their errors)",
    )
    add_gap(parser)


def run(args: argparse.Namespace) -> int:
    """Link as the options say.

    Raises:
        UserError: something given cannot be used.
    """
    from truevar.postprocess.linking import link

    table = read(args)
    linked = link(table, args.radius, args.gap)
    write(linked.emitters, args)
    print(linked.text())
    print(f"table:     {Path(args.output)}")
    return 0
