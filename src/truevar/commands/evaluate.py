"""``truevar evaluate``: how good a table is, where the truth is known."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from truevar.commands.parser import above_zero, probability, size
from truevar.errors import UserError
from truevar.wording import Message, words_of

if TYPE_CHECKING:
    from truevar.emitters import Emitters
    from truevar.evaluation.joint_limits import Limit

DESCRIPTION = """\
Score a table of localisations against the true emitters.

Matched per frame, one to one, within 250 nm; 450 nm along the border and the dimmest quarter
of the true emitters do not count. E = 100 - sqrt((100 - JI)^2 + RMSE^2), with the Jaccard
index in percent and the lateral RMSE in nm. Duplicates are predictions within one PSF sigma
of another one; "error over the limit" compares isolated emitters with their Cramer-Rao bound.
Every figure carries a 95 % bootstrap interval over frames.

The joint limits, what the light of one frame and of three allows where emitters overlap, are
worked out where the truth comes with camera, background, photons and identities (as that of
`truevar simulate` does).
"""

EXAMPLES = """\
examples:
  truevar evaluate emitters.csv truth.csv --pixel-size 100 --size 64
  truevar evaluate emitters.hdf5 truth.csv --pixel-size 100 --size 128x64 --json --no-limits
"""

MOST_LIMIT_FRAMES = 200
"""The joint limits of a longer movie come from so many frames, evenly spread."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Put the command's options onto a parser."""
    parser.add_argument("pred", metavar="PRED", type=Path, help="table of localisations")
    parser.add_argument("truth", metavar="TRUTH", type=Path, help="table of true emitters")
    parser.add_argument(
        "--pixel-size", metavar="NM", type=above_zero, help="a camera pixel, nm (default: TRUTH's)"
    )
    parser.add_argument(
        "--size",
        metavar="PX",
        type=size,
        help="size of the movie's frames in px, N or WIDTHxHEIGHT (default: TRUTH's)",
    )
    parser.add_argument(
        "--psf-sigma",
        metavar="NM",
        type=above_zero,
        help="width of the PSF, nm, for duplicates and limits (default: TRUTH's)",
    )
    parser.add_argument(
        "--min-prob",
        metavar="P",
        type=probability,
        help="leave out localisations less probable than this",
    )
    parser.add_argument(
        "--no-limits", action="store_true", help="do not work out the joint limits, which is slow"
    )
    parser.add_argument("--json", action="store_true", help="print JSON (NaN as null)")


def run(args: argparse.Namespace) -> int:
    """Score as the options say.

    Raises:
        UserError: something given cannot be used.
    """
    from truevar.commands.reading import read_table

    truth = read_table(args.truth, args.pixel_size)
    meta = truth.meta
    if args.size:
        meta["width"], meta["height"] = args.size
    if not meta.get("width") or not meta.get("height"):
        raise UserError(f"{args.truth} does not tell the size of the frames; give --size PX")
    # A table from pixels that does not tell their size is put to scale as the truth is.
    pred = read_table(args.pred, args.pixel_size, fallback=meta.get("pixel_size"))
    if meta.get("pixel_size") is None:
        raise UserError(f"{args.truth} does not tell the pixel size; give --pixel-size NM")

    from truevar.evaluation.scoring import evaluate

    try:
        result = evaluate(pred, truth, psf_sigma=args.psf_sigma, min_prob=args.min_prob)
    except ValueError as error:
        raise UserError(
            f"cannot score {args.pred} against {args.truth}: {words_of(error)}"
        ) from error
    notes = _notes(pred, truth, result.duplicates is None)
    limits: dict[str, Limit] = {}
    if not args.no_limits:
        limits = joint_limits(truth, args.psf_sigma, notes)
    if args.json:
        plain = {
            **result.as_dict(),
            "limits": {name: _finite(limit.as_dict()) for name, limit in limits.items()},
            "notes": notes,
        }
        print(json.dumps(plain, indent=2))
        return 0
    print(result.text())
    for name, limit in limits.items():
        print(
            f"{'joint limit, ' + name:<32}{limit.efficiency:>10.1f}     "
            f"(JI {limit.jaccard:.1f} %, RMSE {limit.rmse:.1f} nm)"
        )
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    return 0


def joint_limits(truth: Emitters, psf_sigma: float | None, notes: list[str]) -> dict[str, Limit]:
    """The limits of one frame and of three, as far as the truth tells enough.

    Args:
        truth: the true emitters, whose ``meta`` has pixel size, frame size and, unless
            given, PSF width and camera.
        psf_sigma: nm; None for the truth's.
        notes: takes a line on what was left out.
    """
    from truevar.evaluation.joint_limits import limit_efficiency
    from truevar.evaluation.limits import camera_of

    meta = truth.meta
    camera = camera_of(truth)
    if psf_sigma is None:
        psf_sigma = meta.get("psf_sigma")
    missing = [
        name
        for name, there in (
            ("the camera", camera is not None),
            ("the PSF width", psf_sigma is not None),
            ("photons", "photons" in truth),
            ("background", "bg" in truth),
        )
        if not there
    ]
    if missing or camera is None or psf_sigma is None:
        notes.append(f"no joint limits: the truth does not tell {', '.join(missing)}")
        return {}
    frames: Any = np.unique(truth.frame)
    if len(frames) > MOST_LIMIT_FRAMES:
        picked = np.linspace(0, len(frames) - 1, MOST_LIMIT_FRAMES).round().astype(int)
        notes.append(f"joint limits from {MOST_LIMIT_FRAMES} of {len(frames)} frames")
        frames = frames[picked]
    windows = {"one frame": 1}
    if "id" in truth:
        windows["three frames"] = 3
    else:
        notes.append("no joint limit of three frames: the truth does not tell identities")
    shape = (int(meta["height"]), int(meta["width"]))
    found: dict[str, Limit] = {}
    try:
        for name, window in windows.items():
            found[name] = limit_efficiency(
                truth, meta["pixel_size"], shape, psf_sigma, camera, None, window, frames.tolist()
            )
    except ValueError as error:
        notes.append(Message(f"joint limits left out: {words_of(error)}").for_command_line())
    return found


def _notes(pred: Emitters, truth: Emitters, no_width: bool) -> list[str]:
    """What the reader of the figures should know."""
    notes = []
    if no_width:
        notes.append("no PSF width known: duplicates and limits left out; give --psf-sigma NM")
    elif "photons" not in truth:
        notes.append("the truth has no photons: no limits, and no dim emitters left out")
    covered = pred.meta.get("frame_range")
    frames = truth.meta.get("frames")
    if covered and frames and (covered[0] > 0 or covered[1] < frames):
        notes.append(
            f"the localisations cover frames {covered[0]}:{covered[1]} of {frames}; the emitters "
            "of the others count as missed"
        )
    return notes


def _finite(values: dict[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
