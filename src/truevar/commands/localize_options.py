"""The options of ``truevar localize``."""

from __future__ import annotations

import argparse
from pathlib import Path

from truevar.commands.completion import finished_by, saved_cameras
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
    whole,
    zero_or_more,
)
from truevar.commands.table_to_table import add_output

DESCRIPTION = """\
Find the emitters of a movie and write them as a table.

MOVIE   TIFF of every kind (BigTIFF, OME, ImageJ, Micro-Manager, NDTiff, STK), a folder of
        TIFFs, .nd2, .czi, Zarr, .raw with .yaml (Picasso), .dax with .inf (storm-analysis),
        .npy, .npz, .mat; frames of at least 16 x 16 px. It is read piece by piece, however
        long it is. If it was split over several files, give them all, in their order.
OUT     the ending decides: .csv for ThunderSTORM, .hdf5 for Picasso, .h5 for DECODE, .smlm,
        .parquet; or --format. Camera, model and everything that was assumed go into it, or
        into a .yaml beside it.

Positions and errors are in nm, photons are detected photo-electrons.
"""

EXAMPLES = """\
examples:
  truevar localize movie.tif -o emitters.csv --pixel-size 100 --picture picture.png
  truevar localize movie.tif -o emitters.hdf5 --pixel-size 108 --baseline 100 --e-per-adu 0.46
  truevar localize movie.dax -o emitters.csv --pixel-size 160 --baseline 100 --e-per-adu 45 \\
      --em-gain 300 --read-noise 74.4
  truevar localize movie.tif -o part.csv --camera camera.yaml --frames 0:500 --roi 0:128,64:192
  truevar localize movie.tif -o emitters.csv --camera orca      (see truevar camera --help)
  truevar localize movie.tif -o emitters.csv --pixel-size 100 --resume
  truevar localize movie.tif -o emitters.csv --pixel-size 100 --workers 8
  truevar localize monday/*.tif -o tables --each --pixel-size 100 --workers 8
  truevar localize movie.tif -o emitters.csv --camera camera.yaml --psf-sigma 130 --follow

What no option gives is taken from the camera that is named, then from the movie's tags,
then estimated from the movie itself (PSF width, gain, baseline); lines that begin with
"note:" or "warning:" say so.
"""


IDLE = 10.0
"""Seconds without a new frame after which a movie that is followed is complete."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Put the command's options onto a parser."""
    add_movie(parser)
    add_output(parser)
    parser.add_argument("--picture", metavar="PNG", type=Path, help="also draw the emitters")
    parser.add_argument(
        "--report",
        metavar="HTML",
        type=Path,
        help="also write a report: an HTML file that opens in any browser (see truevar report)",
    )
    parser.add_argument(
        "--each",
        action="store_true",
        help="every MOVIE is one by itself; OUT is a folder, in which each gets a table of its "
        "name, a .csv or what --format says",
    )
    parser.add_argument(
        "--samples",
        metavar="K",
        type=whole(1),
        help="write K fields that are drawn from what the model holds possible, in place of one "
        "table with probabilities; the column sample tells them apart",
    )
    add_how(parser)


def _idle(text: str) -> float:
    """Seconds, for ``type=``."""
    try:
        return above_zero(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(
            f"{text} cannot be used as seconds above 0; if it is the movie, give it before --follow"
        ) from error


def add_movie(parser: argparse.ArgumentParser) -> None:
    """Put the movie onto a parser."""
    parser.add_argument(
        "movie",
        metavar="MOVIE",
        type=Path,
        nargs="+",
        help="the movie, its parts in their order, or a folder of TIFFs",
    )


def add_how(parser: argparse.ArgumentParser) -> None:
    """Put onto a parser what is localised, and how."""
    parser.add_argument(
        "--live",
        metavar="PNG",
        type=Path,
        help="draw the emitters found so far every few seconds while localising",
    )
    add_optics(parser.add_argument_group("optics"))
    camera = parser.add_argument_group(
        "camera", "photo-electrons = (ADU - baseline) * e_per_adu / em_gain"
    )
    add_camera_numbers(camera)
    named = camera.add_argument(
        "--camera",
        metavar="NAME|FILE",
        help="these numbers, and optics, from a camera saved with `truevar camera add NAME`; or "
        "from a .yaml file with the keys baseline, e_per_adu, em_gain, read_sigma (pixel_size and "
        "psf_sigma too, in nm), or as DECODE and Picasso name them, or the .yaml beside an earlier "
        "table; it goes before the movie's tags, and options before it",
    )
    finished_by(named, saved_cameras, files=True)
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
        help="order of the axes of a .npy, .npz, Zarr or .mat movie: t (frames), y and x, such as "
        "yxt (default: tyx; for a .mat what its shape suggests)",
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
        help="a model that `truevar info` lists, or a .safetensors or .pt file "
        "(default: true-var-small)",
    )
    how.add_argument("--device", metavar="D", default="cpu", help="cpu, cuda, … (default: cpu)")
    how.add_argument(
        "--precision",
        choices=("auto", "float32", "bfloat16"),
        default="auto",
        help="of the network's matrix products; auto: bfloat16 where that is faster (AMX, GPUs)",
    )
    how.add_argument(
        "--preview",
        action="store_true",
        help="decide on the coarsest cells only: faster, less precise, for a first look",
    )
    how.add_argument(
        "--refine",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="place the emitters by the likelihood of all frames they are on in (default: yes)",
    )
    add_overwrite(how)
    how.add_argument(
        "--resume",
        action="store_true",
        help="go on with a run that was stopped, given the same options; what it finished lies in "
        "OUT.unfinished",
    )
    machines = parser.add_argument_group("many processes, many machines (docs/cluster.md)")
    machines.add_argument(
        "--workers",
        metavar="N",
        type=whole(1),
        help="localise with N processes, which share the processor's cores (default: one for each, "
        "up to 8, where the movie is long)",
    )
    machines.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="localise with the workers of a Dask cluster: the address of its scheduler, such as "
        "tcp://host:8786, or the .json that it wrote",
    )
    machines.add_argument(
        "--follow",
        metavar="SECONDS",
        nargs="?",
        const=IDLE,
        type=_idle,
        help="localise while the movie, a TIFF or a folder of TIFFs, is still being written: wait "
        f"for it, and end when nothing has come for so long (default: {IDLE:g}), or with Ctrl-C",
    )
    how.add_argument("--quiet", action="store_true", help="print nothing but errors")


def add_optics(optics: argparse._ActionsContainer) -> None:
    """Put pixel size and PSF width onto a parser, or a group of its options."""
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


def add_camera_numbers(camera: argparse._ActionsContainer) -> None:
    """Put the camera's numbers onto a parser, or a group of its options."""
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
