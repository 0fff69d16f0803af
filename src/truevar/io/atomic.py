"""Writing files so that nothing half-written is ever left under the wanted name."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from os import PathLike
from pathlib import Path

from truevar.errors import UserError
from truevar.wording import argument

LEAST_ROOM = 2**20
"""Bytes that must be free before a job begins, for the smallest of tables."""


@contextmanager
def replacing(path: str | PathLike[str]) -> Iterator[Path]:
    """Write a file under a temporary name and move it into place when all went well.

    Args:
        path: the wanted file. An old file of that name stays untouched until
            the very end, and for good if anything fails.

    Yields:
        A path in the same folder with the same ending; write (and close) it.

    Raises:
        UserError: the folder is missing or may not be written, or the disk is full.
    """
    with replacing_all(path) as (temporary,):
        yield temporary


@contextmanager
def replacing_all(*paths: str | PathLike[str]) -> Iterator[tuple[Path, ...]]:
    """:func:`replacing` for files that belong together: all are moved, or none.

    Raises:
        UserError: as :func:`replacing`.
    """
    targets = [Path(path) for path in paths]
    for target in targets:
        check_folder(target)
    with ExitStack() as stack:
        temporaries = tuple(_temporary(target) for target in targets)
        for temporary in temporaries:
            stack.callback(_discard, temporary)
        try:
            yield temporaries
            _move(temporaries, targets)
        except OSError as error:
            raise UserError(cannot_write(targets[0], error)) from error


def check_folder(path: str | PathLike[str]) -> None:
    """Make sure that a file of this name could be written, before the work is done.

    Raises:
        UserError: the folder is missing or may not be written, or the name is a folder.
    """
    target = Path(path)
    folder = target.parent
    try:
        if not folder.is_dir():
            raise UserError(f"cannot write {target}: there is no folder {folder}; create it first")
        if target.is_dir():
            raise UserError(f"cannot write {target}: it is a folder; give the name of a file")
        # Trying is the only test that holds on every system and network drive.
        probe = _temporary(target)
        try:
            probe.touch(exist_ok=False)
        finally:
            _discard(probe)
    except OSError as error:
        raise UserError(cannot_write(target, error)) from error


def check_room(path: str | PathLike[str], least: int = LEAST_ROOM) -> None:
    """Make sure that a file of this size fits onto its disk, before the work is done.

    A disk that does not tell what is free passes.

    Args:
        path: the file; its folder exists.
        least: bytes that are needed.

    Raises:
        UserError: less is free.
    """
    free = free_bytes(path)
    if free is not None and free < least:
        raise UserError(
            f"cannot write {path}: the disk is full, {in_megabytes(free)} of at least "
            f"{in_megabytes(least)} are free; free some space or write elsewhere"
        )


def free_bytes(path: str | PathLike[str]) -> int | None:
    """Bytes free for this user on the disk of a file, None if the disk does not tell."""
    try:
        usage = shutil.disk_usage(Path(path).parent)
    except OSError:
        return None
    return usage.free if usage.total > 0 else None  # some network drives say 0 of 0


def in_megabytes(size: int) -> str:
    """A number of bytes in words."""
    return f"{size / 1e6:,.3g} MB" if size < 1e9 else f"{size / 1e9:,.3g} GB"


def check_new(path: str | PathLike[str], overwrite: bool) -> None:
    """Make sure that a file would replace none, unless that is wanted.

    Raises:
        UserError: there is a file of this name, and ``overwrite`` is false.
    """
    # A link that leads nowhere would be replaced as well.
    if not overwrite and os.path.lexists(path):
        raise UserError(
            f"{path} exists already; choose another name, or add {argument('overwrite', True)}"
        )


def cannot_write(path: Path, error: OSError) -> str:
    """One line that says why a file could not be written and what to do."""
    code = error.errno
    if code is None and "errno = 28" in str(error):  # HDF5 puts the number into its text
        code = errno.ENOSPC
    if code == errno.ENOSPC:
        return f"cannot write {path}: the disk is full; free some space or write elsewhere"
    if code in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"cannot write {path}: no permission; close programs that hold it or write elsewhere"
    if code == errno.ENOENT:
        return f"cannot write {path}: there is no folder {path.parent}; create it first"
    if code == errno.ENAMETOOLONG:
        return f"cannot write {path}: the name is too long; choose a shorter one"
    reason = " ".join((error.strerror or str(error) or type(error).__name__).split())
    return f"cannot write {path}: {reason}; write elsewhere"


def _temporary(target: Path) -> Path:
    return target.with_name(f".{secrets.token_hex(6)}.part{target.suffix}")


def _discard(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _move(temporaries: tuple[Path, ...], targets: list[Path]) -> None:
    """Move every file into place; if one move fails, or is interrupted, put the old files back."""
    several = len(targets) > 1
    kept = [_temporary(one) if several and one.exists() else None for one in targets]
    moved: list[Path] = []
    try:
        for temporary, target, old in zip(temporaries, targets, kept, strict=True):
            if old is not None:
                os.replace(target, old)
            os.replace(temporary, target)
            moved.append(target)
    except BaseException:
        for target, old in reversed(list(zip(targets, kept, strict=True))):
            if old is None and target in moved:
                _discard(target)
            elif old is not None and old.exists():
                os.replace(old, target)
        raise
    for old in kept:
        if old is not None:
            _discard(old)
