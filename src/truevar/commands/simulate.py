"""``truevar simulate``: a movie with known emitters."""

from __future__ import annotations

import argparse
from pathlib import Path

from truevar.commands.parser import above_zero, add_overwrite, whole, zero_or_more
from truevar.commands.progress import Progress
from truevar.errors import UserError
from truevar.io.tables.formats import WRITTEN

DESCRIPTION = """\
Make a movie of a named scene, with noise, and a table of the emitters that are in it.

The movie is an ImageJ TIFF (a BigTIFF from 3.5 GB on) whose tags hold pixel size and
camera, so that localize needs neither. The table has one row per emitter and frame:
position in nm, photo-electrons of that frame, background, and the molecule's number.
"""

EXAMPLES = """\
scenes (pixel 100 nm; photons per full frame, background per px, in photo-electrons):
  2d-scmos         sCMOS, PSF 130 nm, 500-4000 photons, background 10, 22 or 50
  2d-emccd         EMCCD, PSF 110 nm, 7000-13000 photons, background 90, 116 or 150
  2d-dim           sCMOS, PSF 130 nm, 150-800 photons, background 5, 10 or 20
  2d-structured    2d-scmos on a background with haze
  filaments        2d-scmos with emitters on six curves
  2d-widths-80     2d-scmos with a PSF of 80 nm; likewise -130, -180, -220
  pair             sCMOS, PSF 130 nm; two emitters close to each other, pairs far from pairs

Emitters are on for 2 frames in the mean. Density counts those on at one instant; a frame
shows about 1.5 times as many. Pairs are on for 5 frames, then others take their places. The
middle frame of each 5 is meant to be scored: 2, 7, 12 ..., or 3, 8, 13 ... as a .csv counts them.
The table's column "pair" tells which two belong together.

examples:
  truevar simulate --scene 2d-scmos --density 1 --frames 100 -o movie.tif --truth truth.csv
  truevar simulate --scene pair --separation 104 --frames 50 -o movie.tif --truth truth.csv
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Put the command's options onto a parser."""
    parser.add_argument("--scene", metavar="NAME", required=True, help="one of those below")
    parser.add_argument(
        "--density",
        metavar="D",
        type=above_zero,
        help="emitters on at one instant, per square micrometre (default: 1; pair has none)",
    )
    parser.add_argument(
        "--frames", metavar="N", type=whole(1), required=True, help="number of frames"
    )
    parser.add_argument(
        "--size", metavar="PX", type=whole(16), default=64, help="width and height (default: 64)"
    )
    parser.add_argument(
        "--seed", metavar="S", type=whole(0), default=0, help="same seed, same movie (default: 0)"
    )
    parser.add_argument(
        "--background",
        metavar="B",
        type=zero_or_more,
        help="photo-electrons per px (default: the middle one of the scene; 100 of pair)",
    )
    parser.add_argument(
        "--separation",
        metavar="NM",
        type=zero_or_more,
        help="of a pair, up to 400; 0: single emitters as bright as two (default: 50 to 400, "
        "each pair its own)",
    )
    parser.add_argument(
        "--photons",
        metavar="N",
        type=above_zero,
        help="per frame, mean of a pair's two emitters (default: 10000)",
    )
    parser.add_argument(
        "--ratio",
        metavar="R",
        type=above_zero,
        help="of a pair's brighter emitter to the dimmer (default: each pair 1 or 3)",
    )
    parser.add_argument(
        "-o", "--output", metavar="MOVIE.tif", type=Path, required=True, help="the movie"
    )
    parser.add_argument(
        "--truth",
        metavar="TRUTH.csv",
        type=Path,
        required=True,
        help=f"the table: {WRITTEN}",
    )
    add_overwrite(parser)
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def run(args: argparse.Namespace) -> int:
    """Simulate as the options say.

    Raises:
        UserError: something given cannot be used.
    """
    from truevar.io.atomic import LEAST_ROOM, check_folder, check_new, check_room, replacing
    from truevar.io.tables.table import check_writable

    if args.output.suffix.lower() not in (".tif", ".tiff"):
        raise UserError(f"cannot write {args.output}: a movie's ending must be .tif or .tiff")
    check_folder(args.output)
    check_new(args.output, args.overwrite)
    check_writable(args.truth, args.overwrite)
    check_room(args.output, 2 * args.frames * args.size**2 + LEAST_ROOM)
    check_room(args.truth)

    from truevar.simulation.scenes import simulate

    movie = simulate(
        args.scene,
        args.density,
        args.frames,
        args.size,
        args.seed,
        args.background,
        args.separation,
        args.photons,
        args.ratio,
    )
    truth = movie.truth
    with replacing(args.output) as temporary:
        with Progress("simulating", args.quiet) as progress:
            movie.draw_into(temporary, progress)
        # Inside: without its truth the movie does not appear either.
        truth.write(args.truth, args.overwrite)
    if not args.quiet:
        per_frame = len(truth) / args.frames
        print(f"movie: {args.output}, {args.frames} frames of {args.size} x {args.size} px")
        print(f"truth: {args.truth}, {len(truth):,} emitters, {per_frame:.4g} per frame")
    return 0
