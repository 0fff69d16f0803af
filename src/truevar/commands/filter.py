"""``truevar filter``: the rows of a table that meet a condition."""

from __future__ import annotations

import argparse
from pathlib import Path

from truevar.commands.table_to_table import add_tables, read, write

DESCRIPTION = """\
Keep the rows of a table that meet a condition, and say what each part of it removes.

A condition compares columns and numbers: prob > 0.9 and sigma_x < 20. Parts are joined by and, or,
not and brackets; + - * / **, abs, sqrt, log and log10 work. Two columns more are worked out where
they are named: nearest (nm to the nearest other localisation of the frame) and density
(localisations of all frames per square micrometre within 100 nm).
"""

EXAMPLES = """\
examples:
  truevar filter emitters.csv -o sure.csv --where "prob > 0.9 and sigma_x < 20"
  truevar filter emitters.csv -o alone.csv --where "nearest > 500 or photons > 2000"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Put the command's options onto a parser."""
    add_tables(parser)
    parser.add_argument("--where", metavar="CONDITION", required=True, help="what is kept")


def run(args: argparse.Namespace) -> int:
    """Filter as the options say.

    Raises:
        UserError: something given cannot be used.
    """
    from truevar.postprocess.filtering import filter_rows

    table = read(args)
    kept = filter_rows(table, args.where)
    write(kept.emitters, args)
    print(kept.text())
    print(f"table:     {Path(args.output)}")
    return 0
