"""``truevar localize``: a movie in, a table of emitters and a picture out."""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from truevar.commands.each import run_each
from truevar.commands.interrupt import first_interrupt
from truevar.commands.live import LivePicture
from truevar.commands.localize_options import DESCRIPTION, EXAMPLES, add_arguments
from truevar.commands.progress import Progress
from truevar.commands.summary import summary
from truevar.errors import TrueVARWarning, UserError
from truevar.wording import Message, argument, words_of

__all__ = ["DESCRIPTION", "EXAMPLES", "add_arguments", "run"]

if TYPE_CHECKING:
    from truevar.calibration.imaging_setup import Setup
    from truevar.emitters import Emitters
    from truevar.inference.journal import Journal

_NUMBERS = ("baseline", "e_per_adu", "em_gain", "read_sigma")
_SHOWN = {"read_sigma": "--read-noise"}
_LIVE_SIDE = 1000
"""Pixels of the long side of a live picture."""


def run(args: argparse.Namespace) -> int:
    """Localise as the options say.

    Raises:
        UserError: something given cannot be used.
    """
    return run_each(args, run_one) if args.each else run_one(args)


def run_one(args: argparse.Namespace) -> int:
    """Localise one movie.

    Raises:
        UserError: something given cannot be used.
    """
    from truevar.inference.journal import Journal
    from truevar.io.atomic import check_room
    from truevar.io.tables.table import check_writable

    with Journal(args.output, args.resume, args.overwrite) as journal:
        # Before the work, not after hours of it.
        check_writable(args.output, journal.may_replace, args.format)
        check_room(args.output)
        try:
            return _run(args, journal)
        except UserError as error:
            if not journal.done:
                raise
            raise UserError(
                f"{words_of(error)} ({journal.said()} are done; then go on with "
                f"{argument('resume', True)})"
            ) from error
        except KeyboardInterrupt:
            if journal.done:
                print(f"{journal.said()} are done; go on with --resume", file=sys.stderr)
            raise


def _run(args: argparse.Namespace, journal: Journal) -> int:
    """Localise, with a place for what is done."""
    from truevar.commands.outcome import check_names, watch_room, write_or_rescue
    from truevar.io.atomic import check_room
    from truevar.io.camera_maps import read_camera_maps
    from truevar.io.saved_cameras import read_camera
    from truevar.io.tables.formats import format_to_write
    from truevar.io.tables.meta import side_path

    check_names(args.output, args.picture, args.report, args.live)
    if args.picture is not None:
        from truevar.view.picture import check_picture

        check_picture(args.picture, args.overwrite)
        check_room(args.picture)
    if args.report is not None:
        if args.samples is not None:
            raise UserError("a report is of one table; leave out --samples or --report")
        from truevar.view.report.page import check_report

        check_report(args.report, args.overwrite)
        check_room(args.report)
    if args.live is not None:
        from truevar.view.picture import check_picture

        check_picture(args.live, args.overwrite or args.resume)
    numbers = {name: value for name in _NUMBERS if (value := getattr(args, name)) is not None}
    if args.camera_maps is not None and numbers:
        name = next(iter(numbers))
        shown = _SHOWN.get(name, f"--{name.replace('_', '-')}")
        raise UserError(f"--camera-maps already hold what {shown} says; give one of them")
    profile = read_camera(args.camera) if args.camera else None
    maps = read_camera_maps(args.camera_maps) if args.camera_maps else None

    from truevar.device import keep_freed_memory
    from truevar.emitters import Emitters
    from truevar.inference.asked import Asked
    from truevar.inference.follow import Following, follow_to_disk
    from truevar.inference.localize import localize_to_disk

    keep_freed_memory()
    live = LivePicture(args.live, draw_live) if args.live else None
    with warnings.catch_warnings(), Progress("localising", args.quiet) as progress:
        warnings.simplefilter("ignore", TrueVARWarning)  # _announce prints them
        watched: dict[str, Any] = {
            "progress": progress if args.quiet else watch_room(args.output, progress),
            "announce": None if args.quiet else _announce,
            "live": live,
        }
        asked = Asked(
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
            preview=args.preview,
            refine=args.refine,
            samples=args.samples,
            workers=args.workers,
            scheduler=args.scheduler,
        )
        if args.follow is None:
            found = localize_to_disk(args.movie, journal, asked, **watched)
        else:
            if not args.quiet:
                print(
                    f"note: follows {args.movie[0]} until Ctrl-C, or until nothing has come for "
                    f"{args.follow:g} s",
                    file=sys.stderr,
                    flush=True,
                )
            with first_interrupt(args.quiet) as stopped:
                following = Following(args.follow, stopped)
                found = follow_to_disk(args.movie, journal, asked, following, **watched)
    journal.writing()
    write_or_rescue(found, args.output, journal.may_replace, args.format)
    said = "" if args.quiet else summary(found)
    # All of it in memory only where it is all drawn.
    drawn = live is not None or args.picture is not None or args.report is not None
    emitters = found.joined() if drawn else Emitters.empty()
    journal.remove()
    if live is not None:
        live.finish(emitters)
    if args.picture is not None:
        try:
            draw(emitters, args.picture, args.overwrite)
        except UserError as error:
            raise UserError(f"{words_of(error)} (the table {args.output} is complete)") from error
    if args.report is not None:
        from truevar.view.report.page import report

        try:
            report(emitters, args.report, args.movie, args.axes, args.overwrite)
        except UserError as error:
            raise UserError(f"{words_of(error)} (the table {args.output} is complete)") from error
    if not args.quiet:
        print(said)
        inside = not format_to_write(args.output, args.format).side_file
        where = "inside" if inside else side_path(args.output).name
        print(f"table:     {args.output} (what was used: {where})")
        if args.picture is not None:
            print(f"picture:   {args.picture}")
        if args.report is not None:
            print(f"report:    {args.report}")
    return 0


def draw(emitters: Emitters, path: Path, overwrite: bool) -> None:
    """Draw the localised region."""
    from truevar.view.picture import save_picture

    save_picture(emitters, path, overwrite=overwrite)


def draw_live(emitters: Emitters, path: Path) -> None:
    """Draw the localised region in place of an earlier picture, quickly and always as large."""
    from truevar.view.field import field
    from truevar.view.picture import save_picture

    x0, x1, y0, y1 = field(emitters)
    save_picture(emitters, path, max(x1 - x0, y1 - y0) / _LIVE_SIDE, overwrite=True)


def _announce(setup: Setup) -> None:
    from tqdm import tqdm

    for kind, lines in (("note", setup.notes), ("warning", setup.warnings)):
        for line in lines:
            text = Message(line).for_command_line()
            tqdm.write(f"{kind}: {text}", file=sys.stderr)  # goes above the bar if there is one
    sys.stderr.flush()
