"""``truevar drift``: the sample's drift taken off a table."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from truevar.commands.table_to_table import add_tables, read, write
from truevar.errors import UserError

DESCRIPTION = """\
Take the drift of the sample along x and y off a table, as the localisations themselves tell it:
places that are seen again and again lie apart by it. Slow drift is found, and jumps between two
frames, up to 1 µm from one stretch of the movie to the next. The curve comes with its standard
error. z stays as it is.

Where too few places are seen again to tell, nothing is written and a line says so.
"""

EXAMPLES = """\
examples:
  truevar drift emitters.csv -o corrected.csv
  truevar drift emitters.csv -o corrected.csv --drift drift.csv --picture drift.png
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Put the command's options onto a parser."""
    add_tables(parser)
    parser.add_argument(
        "--drift",
        metavar="CSV",
        type=Path,
        help="write the curve as well: frame, x, y and their standard errors in nm",
    )
    parser.add_argument(
        "--picture", metavar="PNG", type=Path, help="draw the curve with its error band, .png"
    )


def run(args: argparse.Namespace) -> int:
    """Correct as the options say.

    Raises:
        UserError: something given cannot be used, or the drift cannot be told.
    """
    from truevar.commands.outcome import check_names
    from truevar.io.atomic import check_folder, check_new
    from truevar.postprocess.drift import correct_drift, too_little
    from truevar.view.drift import save_drift_picture
    from truevar.view.picture import check_picture

    check_names(args.output, args.drift, args.picture)
    if args.drift is not None:
        if args.drift.exists() and args.table.exists() and args.drift.samefile(args.table):
            raise UserError(f"{args.drift} is the table that is read; write to another file")
        check_folder(args.drift)
        check_new(args.drift, args.overwrite)
    if args.picture is not None:
        check_picture(args.picture, args.overwrite)
    table = read(args)
    corrected = correct_drift(table)
    if doubt := too_little(table):
        print(f"warning: {doubt}; look at the picture before and after", file=sys.stderr)
    write(corrected.emitters, args)
    print(corrected.text())
    print(f"table:     {Path(args.output)}")
    if args.drift is not None:
        corrected.drift.write(args.drift, args.overwrite)
        print(f"curve:     {args.drift}")
    if args.picture is not None:
        save_drift_picture(corrected.drift, args.picture, args.overwrite)
        print(f"picture:   {args.picture}")
    return 0
