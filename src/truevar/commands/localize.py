"""``truevar localize``: a movie in, a table of emitters and a picture out."""

from __future__ import annotations

import argparse
import math
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from truevar.commands.parser import (
    above_zero,
    add_overwrite,
    any_number,
    axes,
    frame_range,
    gain,
    position,
    probability,
    region,
    zero_or_more,
)
from truevar.commands.progress import Progress
from truevar.errors import TrueVARWarning, UserError
from truevar.wording import Message, words_of

if TYPE_CHECKING:
    from truevar.calibration.imaging_setup import Setup
    from truevar.emitters import Emitters

DESCRIPTION = """\
Find the emitters of a movie and write them as a table.

MOVIE   TIFF of every kind (BigTIFF, OME, ImageJ, Micro-Manager, STK), .raw with .yaml
        (Picasso), .dax with .inf (storm-analysis), .npy, .npz, .mat; frames of at least
        16 x 16 px. It is read piece by piece, however long it is. If it was split over
        several files, give them all, in their order.
OUT     the ending decides: .csv for ThunderSTORM, .hdf5 for Picasso. Camera, model and
        everything that was assumed go into a .yaml beside it.

Positions and errors are in nm, photons are detected photo-electrons.
"""

EXAMPLES = """\
examples:
  truevar localize movie.tif -o emitters.csv --pixel-size 100 --picture picture.png
  truevar localize movie.tif -o emitters.hdf5 --pixel-size 108 --baseline 100 --e-per-adu 0.46
  truevar localize movie.dax -o emitters.csv --pixel-size 160 --baseline 100 --e-per-adu 45 \\
      --em-gain 300 --read-noise 74.4
  truevar localize movie.tif -o part.csv --camera camera.yaml --frames 0:500 --roi 0:128,64:192

What no option gives is taken from the camera file, then from the movie's tags, then
estimated from the movie itself (PSF width, gain, baseline); lines that begin with
"note:" or "warning:" say so.
"""

_NUMBERS = ("baseline", "e_per_adu", "em_gain", "read_sigma")
_SHOWN = {"read_sigma": "--read-noise"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Put the command's options onto a parser."""
    parser.add_argument(
        "movie",
        metavar="MOVIE",
        type=Path,
        nargs="+",
        help="the movie, or its parts in their order",
    )
    parser.add_argument(
        "-o", "--output", metavar="OUT", type=Path, required=True, help="table: .csv or .hdf5"
    )
    parser.add_argument(
        "--picture", metavar="PNG", type=Path, help="also draw the emitters, 10 nm a pixel"
    )
    optics = parser.add_argument_group("optics")
    optics.add_argument(
        "--pixel-size",
        metavar="NM",
        type=above_zero,
        help="width of a camera pixel in the sample, nm",
    )
    optics.add_argument(
        "--psf-sigma",
        metavar="NM",
        type=above_zero,
        help="standard deviation of a Gaussian as wide as the PSF, nm (about 0.21 wavelengths "
        "over the numerical aperture)",
    )
    camera = parser.add_argument_group(
        "camera", "photo-electrons = (ADU - baseline) * e_per_adu / em_gain"
    )
    camera.add_argument(
        "--baseline", metavar="ADU", type=any_number, help="ADU of a pixel without light"
    )
    camera.add_argument(
        "--e-per-adu", metavar="G", type=above_zero, help="electrons per ADU, after the EM gain"
    )
    camera.add_argument(
        "--em-gain",
        metavar="M",
        type=gain,
        help="multiplication of an EMCCD; 1 (the default) for every other camera",
    )
    camera.add_argument(
        "--read-noise",
        dest="read_sigma",
        metavar="E",
        type=zero_or_more,
        help="read noise, electrons (RMS) after the EM gain",
    )
    camera.add_argument(
        "--camera",
        metavar="FILE.yaml",
        type=Path,
        help="these numbers from a file with the keys baseline, e_per_adu, em_gain, read_sigma "
        "(pixel_size and psf_sigma too, in nm), or as DECODE and Picasso name them, or the .yaml "
        "beside an earlier table; it goes before the movie's tags, and options before it",
    )
    camera.add_argument(
        "--camera-maps",
        metavar="FILE.npy",
        type=Path,
        help="calibration of every pixel of an sCMOS, (3, H, W): offset in ADU, variance in "
        "ADU^2, gain in ADU per electron; stands for the four numbers above",
    )
    camera.add_argument(
        "--camera-offset",
        metavar="X,Y",
        type=position,
        help="where on larger camera maps the movie's first pixel lies, px",
    )
    what = parser.add_argument_group("what to localise")
    what.add_argument(
        "--frames",
        metavar="A:B",
        type=frame_range,
        help="frames A to B - 1, counted from 0; either end may be left out",
    )
    what.add_argument(
        "--roi",
        metavar="X0:X1,Y0:Y1",
        type=region,
        help="region in px, X1 and Y1 not included; positions still refer to the whole frame",
    )
    what.add_argument(
        "--axes",
        metavar="AXES",
        type=axes,
        help="order of the axes of a .npy, .npz or .mat movie: t (frames), y and x, such as yxt "
        "(default: tyx; for a .mat what its shape suggests)",
    )
    what.add_argument(
        "--min-prob",
        metavar="P",
        type=probability,
        help="leave out emitters less probable than this, 0 to 1 (default: the model's own)",
    )
    how = parser.add_argument_group("how")
    how.add_argument(
        "--model",
        metavar="NAME|PATH",
        default="default",
        help="a model that `truevar info` lists, or a .safetensors file (default: default)",
    )
    how.add_argument("--device", metavar="D", default="cpu", help="cpu, cuda, … (default: cpu)")
    how.add_argument(
        "--precision",
        choices=("auto", "float32", "bfloat16"),
        default="auto",
        help="of the network's matrix products; auto: bfloat16 where the processor has it",
    )
    add_overwrite(how)
    how.add_argument("--quiet", action="store_true", help="print nothing but errors")


def run(args: argparse.Namespace) -> int:
    """Localise as the options say.

    Raises:
        UserError: something given cannot be used.
    """
    from truevar.commands.outcome import watch_room, write_or_rescue
    from truevar.io.atomic import check_room
    from truevar.io.camera_file import read_camera_profile
    from truevar.io.camera_maps import read_camera_maps
    from truevar.io.tables.meta import side_path
    from truevar.io.tables.table import check_writable

    # Before the work, not after hours of it.
    check_writable(args.output, args.overwrite)
    check_room(args.output)
    if args.picture is not None:
        from truevar.view.render import check_picture

        check_picture(args.picture, args.overwrite)
        check_room(args.picture)
    numbers = {name: value for name in _NUMBERS if (value := getattr(args, name)) is not None}
    if args.camera_maps is not None and numbers:
        name = next(iter(numbers))
        shown = _SHOWN.get(name, f"--{name.replace('_', '-')}")
        raise UserError(f"--camera-maps already hold what {shown} says; give one of them")
    profile = read_camera_profile(args.camera) if args.camera else None
    maps = read_camera_maps(args.camera_maps) if args.camera_maps else None

    from truevar.inference.localize import localize

    with warnings.catch_warnings(), Progress("localising", args.quiet) as progress:
        warnings.simplefilter("ignore", TrueVARWarning)  # _announce prints them
        emitters = localize(
            args.movie,
            axes=args.axes,
            model=args.model,
            pixel_size=args.pixel_size,
            psf_sigma=args.psf_sigma,
            camera=numbers or None,
            camera_profile=profile,
            camera_maps=maps,
            camera_offset=args.camera_offset,
            frames=args.frames,
            roi=args.roi,
            min_prob=args.min_prob,
            device=args.device,
            precision=args.precision,
            progress=progress if args.quiet else watch_room(args.output, progress),
            announce=None if args.quiet else _announce,
        )
    write_or_rescue(emitters, args.output, args.overwrite)
    if args.picture is not None:
        try:
            draw(emitters, args.picture, args.overwrite)
        except UserError as error:
            raise UserError(f"{words_of(error)} (the table {args.output} is complete)") from error
    if not args.quiet:
        print(summary(emitters))
        print(f"table:     {args.output} (what was used: {side_path(args.output).name})")
        if args.picture is not None:
            print(f"picture:   {args.picture}")
    return 0


def draw(emitters: Emitters, path: Path, overwrite: bool) -> None:
    """Draw the localised region, 10 nm a pixel or as fine as a picture may be."""
    from truevar.view.render import MOST_PIXELS, save_picture

    meta = emitters.meta
    px = meta["pixel_size"]
    x0, x1, y0, y1 = ((edge - 0.5) * px for edge in meta["region"])
    coarsest = math.sqrt((x1 - x0) * (y1 - y0) / MOST_PIXELS)
    pixel = max(10.0, float(math.ceil(1.01 * coarsest)))
    save_picture(emitters, path, pixel, (x0, x1, y0, y1), overwrite=overwrite)


def summary(emitters: Emitters) -> str:
    """A few lines on what was found."""
    first, last = emitters.meta["frame_range"]
    seconds = emitters.meta["seconds"]
    n_frames, found = last - first, len(emitters)
    speed = n_frames / max(seconds, 0.01)
    lines = [f"emitters:  {found:,} in {n_frames:,} frames, {found / n_frames:.4g} per frame"]
    if found:
        precision = np.median(np.sqrt((emitters.sigma_x**2 + emitters.sigma_y**2) / 2))
        photons = np.median(emitters.photons)
        lines.append(f"precision: {precision:.3g} nm (median standard error of x and y)")
        lines.append(f"photons:   {photons:.4g} (median)")
    lines.append(f"time:      {seconds:.3g} s, {speed:.3g} frames per second")
    return "\n".join(lines)


def _announce(setup: Setup) -> None:
    from tqdm import tqdm

    for kind, lines in (("note", setup.notes), ("warning", setup.warnings)):
        for line in lines:
            text = Message(line).for_command_line()
            tqdm.write(f"{kind}: {text}", file=sys.stderr)  # goes above the bar if there is one
    sys.stderr.flush()
