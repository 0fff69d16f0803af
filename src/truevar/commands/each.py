"""Several movies, one after the other, each to a table of its own: ``truevar localize --each``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from truevar.errors import UserError
from truevar.io.tables.formats import FORMATS, format_to_write
from truevar.wording import Message, words_of

_OF_ONE = ("picture", "report", "live", "follow")
"""Options that make sense for one movie only."""

_ENDINGS = (".ome",)
"""What is left of a name's ending when its last part is gone."""


def run_each(args: argparse.Namespace, localize: Callable[[argparse.Namespace], int]) -> int:
    """Localise every movie; what is wrong with one does not keep the others back.

    Args:
        args: of the command; ``output`` is a folder, made if absent.
        localize: localises one movie into one table.

    Returns:
        the exit code of the command.

    Raises:
        UserError: an option is for one movie, two movies have one name, or there can be no folder.
    """
    from truevar.io.atomic import cannot_write

    for name in _OF_ONE:
        if getattr(args, name) is not None:
            raise UserError(f"--{name} is for one movie; leave out --{name} or --each")
    tables = _tables(args.movie, args.output, args.format)
    try:
        args.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(cannot_write(args.output, error)) from error
    failed = 0
    for number, (movie, table) in enumerate(zip(args.movie, tables, strict=True), 1):
        if not args.quiet:
            print(f"movie:     {movie} ({number} of {len(tables)})", flush=True)
        if args.resume and table.exists() and not _unfinished(table):
            if not args.quiet:
                print(f"table:     {table} is complete; it is taken as it is", flush=True)
            continue
        try:
            localize(argparse.Namespace(**{**vars(args), "movie": [movie], "output": table}))
        except UserError as error:
            failed += 1
            said = Message(words_of(error)).for_command_line()
            print(f"error: {movie}: {said}", file=sys.stderr, flush=True)
    if failed:
        raise UserError(
            f"{failed} of {len(tables)} movies were not localised, for what is said above; with "
            "--resume those that are done are not done again"
        )
    return 0


def _tables(movies: list[Path], folder: Path, name: str | None) -> list[Path]:
    """Where each movie's table goes."""
    ending = next((one.written[0] for one in FORMATS if one.written and one.name == name), ".csv")
    tables = [folder / f"{_stem(movie)}{ending}" for movie in movies]
    format_to_write(tables[0], name)
    for table, movie in zip(tables, movies, strict=True):
        if tables.count(table) > 1:
            raise UserError(
                f"{movie} and another movie would both be written to {table}; localise one of them "
                "by itself"
            )
    return tables


def _stem(movie: Path) -> str:
    name = movie.name or movie.resolve().name
    path = Path(name)
    stem = path.stem if path.suffix and not movie.is_dir() else name
    return next((stem.removesuffix(one) for one in _ENDINGS if stem.endswith(one)), stem)


def _unfinished(table: Path) -> bool:
    from truevar.inference.journal import folder_of

    return folder_of(table).exists()
