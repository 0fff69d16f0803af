"""That hours of computing do not end without a place for what they found."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from truevar.errors import UserError
from truevar.io.atomic import free_bytes, in_megabytes
from truevar.wording import words_of

if TYPE_CHECKING:
    from truevar.emitters import Emitters
    from truevar.io.tables.parts import TableParts

_BYTES_PER_ROW = {".csv": 95, ".hdf5": 40, ".h5": 68, ".smlm": 40, ".parquet": 60}


def check_names(*paths: Path | None) -> None:
    """Make sure that no two of the files that are to be written are one, before the work.

    Raises:
        UserError: two are.
    """
    named = [path.absolute() for path in paths if path is not None]
    if len(set(named)) < len(named):
        raise UserError("two of the files that are to be written have one name; give each its own")


def watch_room(
    path: Path, progress: Callable[[int, int, int], None]
) -> Callable[[int, int, int], None]:
    """Warn, on stderr, after the first frames if the table will hardly fit onto its disk.

    Args:
        path: the table.
        progress: called with frames done, frames in all and emitters so far; what is
            returned passes its calls on.
    """
    looked = False

    def report(done: int, total: int, emitters: int) -> None:
        nonlocal looked
        if not looked and done > 0:
            looked = True
            free = free_bytes(path)
            wanted = int(_BYTES_PER_ROW.get(path.suffix.lower(), 0) * emitters * total / done)
            if free is not None and wanted > free:
                print(
                    f"warning: {path} will need about {in_megabytes(wanted)}, going by the first "
                    f"{done} frames, and {in_megabytes(free)} are free there; make room meanwhile",
                    file=sys.stderr,
                    flush=True,
                )
        progress(done, total, emitters)

    return report


def write_or_rescue(
    emitters: Emitters | TableParts,
    path: Path,
    overwrite: bool = False,
    format: str | None = None,
) -> None:
    """Write a table; where that fails, into a folder for temporary files or the home folder.

    Raises:
        UserError: it could not be written as wanted; the line says where it is now, or
            that it was written nowhere.
    """
    try:
        emitters.write(path, overwrite, format)
    except UserError as error:
        kept = _rescue(emitters, path.name, format)
        if kept is None:
            raise UserError(
                f"{words_of(error)} (the {len(emitters):,} emitters are not written)"
            ) from error
        raise UserError(
            f"{words_of(error)} (the {len(emitters):,} emitters are in {kept} now; move that "
            "folder's files)"
        ) from error


def _rescue(emitters: Emitters | TableParts, name: str, format: str | None) -> Path | None:
    for place in (tempfile.gettempdir, Path.home):
        folder = None
        with suppress(UserError, OSError, RuntimeError):  # RuntimeError: no home
            folder = Path(tempfile.mkdtemp(prefix="truevar-", dir=place()))
            emitters.write(folder / name, format=format)
            return folder / name
        if folder is not None:
            with suppress(OSError):  # a failed write leaves nothing in it
                folder.rmdir()
    return None
