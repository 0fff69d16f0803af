"""``truevar camera``: cameras saved once and used by name."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from truevar.commands.completion import finished_by, saved_cameras
from truevar.commands.localize_options import add_camera_numbers, add_optics
from truevar.commands.parser import above_zero, add_overwrite, zero_or_more
from truevar.errors import UserError
from truevar.wording import subject

if TYPE_CHECKING:
    from truevar.io.camera_file import CameraProfile

DESCRIPTION = """\
Save a microscope's numbers once, and use them by name: truevar localize movie.tif --camera NAME.

Each camera is a small text file in your configuration folder, to read and to change. Options of
truevar localize and truevar run go before what it says; what it leaves open is taken from the
movie's tags or estimated. The summary and the table say where each number came from.
"""

EXAMPLES = """\
examples:
  truevar camera add orca --pixel-size 108 --baseline 100 --e-per-adu 0.46 --read-noise 1.5
  truevar camera add ixon --pixel-size 160 --baseline 100 --e-per-adu 45 --em-gain 300 \\
      --read-noise 74.4
  truevar camera add as-last-time --from emitters.csv.yaml
  truevar localize movie.tif -o emitters.csv --camera orca
  truevar camera list
"""

_GAIN = (
    "may be two things: say --em-gain for the multiplication of an EMCCD, or --e-per-adu for the "
    "conversion (electrons per ADU; 1 / gain if it is in ADU per electron)"
)
_OFFSET = "is called --baseline here: what a pixel without light reads, in ADU"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Put the command's options onto a parser."""
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    add = what.add_parser("add", help="save a camera", description="Save a camera under a name.")
    add.add_argument("name", metavar="NAME", help="what to call it, such as orca-60x")
    add_optics(add)
    add_camera_numbers(add)
    add.add_argument(
        "--cic",
        metavar="E",
        type=zero_or_more,
        help="clock-induced charge of an EMCCD, electrons per pixel and frame before the gain",
    )
    add.add_argument("--qe", metavar="Q", type=above_zero, help="quantum efficiency, recorded only")
    add.add_argument(
        "--camera-maps",
        metavar="FILE.npy",
        type=Path,
        help="calibration of every pixel of an sCMOS, (3, H, W): offset in ADU, variance in "
        "ADU^2, gain in ADU per electron; it is copied",
    )
    source = add.add_argument(
        "--from",
        dest="source",
        metavar="NAME|FILE",
        help="what no option gives: of another saved camera, a camera file, or the .yaml beside a "
        "table",
    )
    finished_by(source, saved_cameras, files=True)
    add_overwrite(add)
    for other, instead in (("--gain", _GAIN), ("--offset", _OFFSET)):
        add.add_argument(other, type=_refusing(instead), help=argparse.SUPPRESS)
    what.add_parser("list", help="the saved cameras", description="List the saved cameras.")
    for name, line in (("show", "what a camera says"), ("remove", "forget a camera")):
        one = what.add_parser(name, help=line, description=f"{line[0].upper()}{line[1:]}.")
        saved = one.add_argument("name", metavar="NAME", help="a saved camera")
        finished_by(saved, saved_cameras, files=False)


def run(args: argparse.Namespace) -> int:
    """Do what is wanted with the saved cameras.

    Raises:
        UserError: a name or a number that cannot be used.
    """
    if args.what == "add":
        _add(args)
    elif args.what == "list":
        _list()
    elif args.what == "show":
        _show(args.name)
    else:
        from truevar.io.saved_cameras import remove_camera

        print(f"removed: {args.name} ({remove_camera(args.name)})")
    return 0


def _add(args: argparse.Namespace) -> None:
    from truevar.io.camera_file import GIVEN, CameraProfile
    from truevar.io.camera_names import CAMERA_NUMBERS, LENGTHS, check_number
    from truevar.io.saved_cameras import read_camera, save_camera

    given = {
        name: check_number(name, value)
        for name in (*LENGTHS, *CAMERA_NUMBERS)
        if (value := getattr(args, name)) is not None
    }
    other = read_camera(args.source) if args.source else CameraProfile()
    profile = CameraProfile(
        {**other.numbers, **given},
        {**other.sources, **dict.fromkeys(given, GIVEN)},
        maps=args.camera_maps or other.maps,
    )
    if not profile.numbers and profile.maps is None:
        raise UserError(
            f"there is nothing to save as {args.name}: give at least one number, such as "
            "--pixel-size 108 (see truevar camera add --help)"
        )
    _check_lengths(profile)
    path = save_camera(args.name, profile, args.overwrite)
    print(f"saved:     {args.name} ({path})")
    print(f"it says:   {_in_one_line(profile)}")
    if open_ := _left_open(profile):
        print(f"left open: {', '.join(open_)} (taken from each movie, or from options)")


def _check_lengths(profile: CameraProfile) -> None:
    """Refuse lengths that no microscope has, before they are used."""
    from truevar.calibration.lengths import check_length

    numbers = profile.numbers
    for name in ("pixel_size", "psf_sigma"):
        if name in numbers:
            shown = subject(name)
            check_length(name, numbers[name], shown, numbers.get("pixel_size"))


def _list() -> None:
    from truevar.io.saved_cameras import load_camera, saved_names

    names = saved_names()
    if not names:
        print("no camera is saved; save one with: truevar camera add NAME --pixel-size NM …")
    widest = max(map(len, names), default=0)
    for name in names:
        try:
            said = _in_one_line(load_camera(name))
        except UserError as error:  # the others can be used
            said = f"cannot be used: {error.for_command_line()}"
        print(f"{name:<{widest}}  {said}")


def _show(name: str) -> None:
    from truevar.io.saved_cameras import UNITS, load_camera, path_of

    profile = load_camera(name)
    print(f"{'camera':<11} {name}")
    print(f"{'file':<11} {path_of(name)}")
    for key, value in profile.numbers.items():
        how = profile.sources[key].partition(" (")[2].removesuffix(")")
        print(f"{key:<11} {value:g} {UNITS[key]}{f' ({how})' if how else ''}")
    if profile.maps is not None:
        print(f"{'camera_maps':<11} {profile.maps}")
    if open_ := _left_open(profile):
        print(f"{'left open':<11} {', '.join(open_)}")


def _in_one_line(profile: CameraProfile) -> str:
    parts = [f"{name} {value:g}" for name, value in profile.numbers.items()]
    return ", ".join([*parts, *(["per-pixel maps"] if profile.maps else [])])


def _left_open(profile: CameraProfile) -> list[str]:
    usual = ["pixel_size", "psf_sigma"]
    if profile.maps is None:
        usual += ["baseline", "e_per_adu", "em_gain", "read_sigma"]
    return [name for name in usual if name not in profile.numbers]


def _refusing(instead: str) -> Callable[[str], NoReturn]:
    def refuse(text: str) -> NoReturn:
        raise argparse.ArgumentTypeError(instead)

    return refuse
