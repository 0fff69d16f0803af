"""``truevar convert``: a table in another format."""

from __future__ import annotations

import argparse
from pathlib import Path

from truevar.commands.parser import add_format, add_overwrite, add_pixel_size
from truevar.commands.table_to_table import read, write
from truevar.io.tables.formats import READ_IN_LINES, WRITTEN, WRITTEN_NAMES

DESCRIPTION = f"""\
Read a table of emitters and write it in another format; origin of the coordinates, units and
number of the first frame are converted as well.

IN    {READ_IN_LINES}
OUT   {WRITTEN};
      another with --format: {", ".join(WRITTEN_NAMES)}.
      A .csv and a .hdf5 of Picasso have a .yaml beside them, the others hold everything.
"""

EXAMPLES = """\
examples:
  truevar convert emitters.csv emitters-picasso.hdf5
  truevar convert emitters.csv emitters-smap.csv --format smap
  truevar convert table.txt table.csv --pixel-size 133
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Put the command's options onto a parser."""
    parser.add_argument("table", metavar="IN", type=Path, help="the table to read")
    parser.add_argument("output", metavar="OUT", type=Path, help="the table to write")
    add_format(parser)
    add_pixel_size(parser)
    add_overwrite(parser)


def run(args: argparse.Namespace) -> int:
    """Convert as the options say.

    Raises:
        UserError: something given cannot be used.
    """
    # Columns that are not known here would be lost with the only copy, so it is not replaced.
    table = read(args)
    write(table, args)
    print(f"table: {args.output}, {len(table):,} emitters")
    return 0
