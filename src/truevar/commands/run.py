"""``truevar run``: a movie in, everything that is usually made of it out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from truevar.commands import localize
from truevar.commands.localize_options import add_how, add_movie
from truevar.commands.parser import add_gap
from truevar.errors import UserError
from truevar.wording import argument, words_of

if TYPE_CHECKING:
    from truevar.emitters import Emitters
    from truevar.postprocess.whole_way import WholeWay

DESCRIPTION = """\
Go the whole way from a movie to a picture and a report: localise, take off the drift, tell the
resolution, join each molecule's localisations, leave out those whose error is above half the
PSF's width, and write into FOLDER

  localisations.csv   what was found in every frame, as the camera saw it
  molecules.csv       joined, without drift, filtered
  picture.png         the molecules
  drift.csv, .png     the drift with its error (where the localisations can tell it)
  resolution.png      Fourier ring correlation (where they can tell that)
  report.html         all of this and the frames in one file, to look at in any browser

Every step is a command of its own (truevar localize, drift, frc, link, filter, render, report) for
those who want it otherwise.
"""

EXAMPLES = """\
examples:
  truevar run movie.tif -o results --pixel-size 100
  truevar run movie.tif -o results --pixel-size 100 --model accurate --gap 1
  truevar run movie.tif -o results --pixel-size 100 --where "prob > 0.9 and sigma_x < 20"
  truevar run movie.tif -o results --pixel-size 100 --resume
"""


@dataclass(frozen=True)
class Files:
    """What goes into the folder."""

    localisations: Path
    molecules: Path
    picture: Path
    drift: Path
    drift_picture: Path
    resolution: Path
    report: Path

    @classmethod
    def of(cls, folder: Path) -> Files:
        """In a folder."""
        return cls(
            folder / "localisations.csv",
            folder / "molecules.csv",
            folder / "picture.png",
            folder / "drift.csv",
            folder / "drift.png",
            folder / "resolution.png",
            folder / "report.html",
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Put the command's options onto a parser."""
    add_movie(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="FOLDER",
        type=Path,
        required=True,
        help="where everything goes; made if absent",
    )
    parser.add_argument(
        "--where",
        metavar="CONDITION",
        help="which molecules are kept, as for truevar filter (default: those placed better than "
        "half the width of the PSF)",
    )
    add_gap(parser)
    add_how(parser)


def run(args: argparse.Namespace) -> int:
    """Go the whole way as the options say.

    Raises:
        UserError: something given cannot be used.
    """
    from truevar.postprocess.whole_way import check_condition, whole_way

    files = Files.of(args.output)
    if args.where is not None:
        check_condition(args.where)
    with _folder(args.output):
        _check(files, args)
        localisations = _localisations(files, args)
    try:
        found = whole_way(localisations, args.where, args.gap, None if args.quiet else _say)
        for warning in found.ring.warnings if found.ring is not None and not args.quiet else ():
            print(f"warning: {warning.for_command_line()}", file=sys.stderr)
        _write(found, localisations, files, args)
    except UserError as error:
        raise UserError(
            f"{words_of(error)} (the table {files.localisations} is complete; go on from it with "
            f"{argument('resume', True)})"
        ) from error
    return 0


@contextmanager
def _folder(path: Path) -> Iterator[None]:
    """Make a folder; where what is in it does not come about, it goes again."""
    from truevar.io.atomic import cannot_write

    made = [one for one in (path, *path.parents) if not one.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(cannot_write(path, error)) from error
    try:
        yield
    except BaseException:
        with suppress(OSError):  # it is not empty
            for one in made:
                one.rmdir()
        raise


def _check(files: Files, args: argparse.Namespace) -> None:
    """Make sure that all of the files can be written."""
    from truevar.io.tables.table import check_writable
    from truevar.view.picture import check_picture
    from truevar.view.report.page import check_report

    again = args.overwrite or args.resume
    check_writable(files.molecules, again)
    for picture in (files.picture, files.drift_picture, files.resolution):
        check_picture(picture, again)
    check_report(files.report, again)


def _localisations(files: Files, args: argparse.Namespace) -> Emitters:
    """What was found; an earlier run's, where that came so far."""
    from truevar.commands.reading import read_table
    from truevar.inference.journal import folder_of
    from truevar.io.movies.movie import open_movie

    path = files.localisations
    if args.resume and path.exists() and not folder_of(path).exists():
        found = read_table(path)
        with open_movie(args.movie, axes=args.axes) as movie:
            if found.meta.get("movie") not in (None, movie.name):
                raise UserError(
                    f"{path} is of {found.meta['movie']}, not of {movie.name}; give another folder"
                )
        if not args.quiet:
            print(f"table:     {path} is complete; it is taken as it is", flush=True)
        return found
    left_out = dict.fromkeys(("picture", "report", "samples", "format"))
    given = {**vars(args), **left_out, "output": path}
    localize.run_one(argparse.Namespace(**given))
    return read_table(path)


def _write(
    found: WholeWay, localisations: Emitters, files: Files, args: argparse.Namespace
) -> None:
    """Tables, pictures and report; those of an earlier run that this one lacks are removed."""
    from truevar.emitters import Emitters
    from truevar.view.drift import save_drift_picture
    from truevar.view.picture import save_picture
    from truevar.view.report.frame_sample import sample_frames
    from truevar.view.report.page import write_report
    from truevar.view.report.section import Told
    from truevar.view.ring_curve import save_ring_curve

    molecules = Emitters(
        found.molecules.columns, {**found.molecules.meta, "command": args.command_line}
    )
    molecules.write(files.molecules, overwrite=True)
    save_picture(molecules, files.picture, overwrite=True)
    made = [files.molecules, files.picture]
    if found.drift is not None:
        found.drift.write(files.drift, overwrite=True)
        save_drift_picture(found.drift, files.drift_picture, overwrite=True)
        made += [files.drift, files.drift_picture]
    if found.ring is not None:
        save_ring_curve(found.ring, files.resolution, overwrite=True)
        made.append(files.resolution)
    told = Told(
        molecules,
        sample_frames(localisations, args.movie, args.axes),
        found.drift,
        found.without_drift,
        found.ring,
        found.without_ring,
    )
    write_report(told, files.report, overwrite=True)
    made.append(files.report)
    for one in (files.drift, files.drift_picture, files.resolution):
        if one not in made:
            one.unlink(missing_ok=True)
    if not args.quiet:
        print(f"written:   {', '.join(one.name for one in made)} in {args.output}")
        print(f"look at:   {files.report}")


def _say(lines: str) -> None:
    print(lines, flush=True)
