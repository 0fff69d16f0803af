"""What commands share that make a table of a table."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from truevar.commands.parser import add_format, add_overwrite, add_pixel_size
from truevar.errors import UserError
from truevar.io.tables.formats import WRITTEN_ENDINGS

if TYPE_CHECKING:
    from truevar.emitters import Emitters


def add_output(parser: argparse.ArgumentParser) -> None:
    """Put the table that is written onto a parser."""
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        type=Path,
        required=True,
        help=f"table: {', '.join(WRITTEN_ENDINGS)}",
    )
    add_format(parser)


def add_tables(parser: argparse.ArgumentParser) -> None:
    """Put the table that is read and the one that is written onto a parser."""
    parser.add_argument("table", metavar="TABLE", type=Path, help="table of localisations")
    add_output(parser)
    add_pixel_size(parser)
    add_overwrite(parser)


def read(args: argparse.Namespace) -> Emitters:
    """The table, once it is known that the other one can be written.

    Raises:
        UserError: it cannot be read, or the other one cannot be written.
    """
    from truevar.commands.reading import read_table
    from truevar.io.side_file import need_pixel_size
    from truevar.io.tables.table import check_writable

    if args.output.exists() and args.table.exists() and args.output.samefile(args.table):
        raise UserError(f"{args.output} is the table that is read; write to another file")
    check_writable(args.output, args.overwrite, args.format)
    table = read_table(args.table, args.pixel_size)
    need_pixel_size(args.table, table.meta)
    return table


def write(table: Emitters, args: argparse.Namespace) -> None:
    """Write what was made of it.

    Raises:
        UserError: it cannot be written.
    """
    from truevar.commands.reading import printed_warnings

    with printed_warnings():
        table.write(args.output, args.overwrite, args.format)
