"""``truevar frc``: the resolution of a table by Fourier ring correlation."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from truevar.commands.parser import add_overwrite, add_pixel_size, whole

DESCRIPTION = """\
Tell the resolution of a table of localisations: two halves of it, made of blocks of time, are
correlated over rings of one spatial frequency; where the correlation falls to 1/7 lies the
resolution (Nieuwenhuizen et al. 2013). With a 95 % interval over blocks of time, and beside it
the precision from neighbours in adjacent frames (NeNA, Endesfelder et al. 2014) and the median of
the table's own errors.

Give the localisations as they are, not linked: NeNA needs molecules in several frames. The
correlation does not see artefacts that both halves have: missing, merged or misplaced structure.
"""

EXAMPLES = """\
examples:
  truevar frc emitters.csv
  truevar frc emitters.csv --picture curve.png --blocks 10
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Put the command's options onto a parser."""
    parser.add_argument("table", metavar="TABLE", type=Path, help="table of localisations")
    parser.add_argument(
        "--blocks",
        metavar="N",
        type=whole(5),
        default=20,
        help="blocks of time, each long against the time a molecule is on (default: 20)",
    )
    parser.add_argument("--picture", metavar="PNG", type=Path, help="draw the curve, .png")
    add_pixel_size(parser)
    add_overwrite(parser)


def run(args: argparse.Namespace) -> int:
    """Correlate as the options say.

    Raises:
        UserError: something given cannot be used.
    """
    from truevar.commands.reading import read_table
    from truevar.postprocess.resolution import fourier_ring
    from truevar.view.picture import check_picture
    from truevar.view.ring_curve import save_ring_curve

    if args.picture is not None:
        check_picture(args.picture, args.overwrite)
    table = read_table(args.table, args.pixel_size)
    ring = fourier_ring(table, args.blocks)
    for warning in ring.warnings:
        print(f"warning: {warning.for_command_line()}", file=sys.stderr)
    if args.picture is not None:
        save_ring_curve(ring, args.picture, args.overwrite)
    print(ring.text())
    if args.picture is not None:
        print(f"picture:    {args.picture}")
    return 0
