"""What a run has finished so far, on disk, so that a run that is killed can go on.

Beside the table that is wanted, ``NAME.unfinished`` holds one file per chunk of frames and what
determines the result: movie, setup, model, and how it is computed. Chunks begin at fixed frame
numbers and are localised each on its own (with the frames just outside as neighbours), so a
run that goes on gives the same table as one that was never stopped, to the last digit. The
folder is locked while a run lives, and goes when the table is written.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from truevar.errors import UserError
from truevar.io.atomic import cannot_write, check_folder, replacing
from truevar.wording import argument

_SETTINGS, _LOCK, _WRITING = "settings.json", "lock", "writing"
_ENDING, _WARNING = ".chunk.npz", "warning"
_NAME = re.compile(rf"(\d+)-(\d+){re.escape(_ENDING)}")

GROWING = "growing"
"""The setting that says that a movie was still being written."""


@dataclass(frozen=True)
class Chunk:
    """What was found in some frames.

    Attributes:
        columns: by name, an entry per emitter.
        warning: what these frames gave reason to say, with its arguments marked.
    """

    columns: dict[str, NDArray[Any]]
    warning: str = ""


def folder_of(output: str | os.PathLike[str]) -> Path:
    """The journal of a table."""
    path = Path(output)
    return path.with_name(f"{path.name}.unfinished")


class Journal:
    """The finished chunks of a run. Use as a context manager.

    Args:
        output: the table that is to be written.
        resume: go on with what an earlier run has finished, if there is any.
        overwrite: throw away what an earlier run has finished.

    Raises:
        UserError: on entering: another run is writing this table, an earlier one left
            chunks and neither of the two is true, or the folder cannot be written.
    """

    def __init__(
        self, output: str | os.PathLike[str], resume: bool = False, overwrite: bool = False
    ):
        self.output, self.folder = Path(output), folder_of(output)
        self.resume, self.overwrite = resume, overwrite
        self._lock: IO[str] | None = None
        self.done: dict[tuple[int, int], Path] = {}

    def __enter__(self) -> Journal:
        check_folder(self.output)
        try:
            self.folder.mkdir(exist_ok=True)
            self._lock = open(self.folder / _LOCK, "a", encoding="ascii")  # noqa: SIM115
        except OSError as error:
            raise UserError(cannot_write(self.folder, error)) from error
        if not _locked(self._lock):
            self._lock.close()
            self._lock = None
            raise UserError(
                f"another run is writing {self.output}; wait until it has ended, or choose "
                "another name"
            )
        for path in sorted(self.folder.glob(f"*{_ENDING}")):
            # Copies that a program for backups or shared folders has put beside are none of ours.
            if named := _NAME.fullmatch(path.name):
                self.done[int(named[1]), int(named[2])] = path
        if self.done and not self.resume:
            if not self.overwrite:
                kept = self.said()
                self._leave()
                raise UserError(
                    f"an earlier run did not finish {self.output} ({kept} are done); "
                    f"add {argument('resume', True)} to go on with it, or "
                    f"{argument('overwrite', True)} to begin anew"
                )
            self._clear()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._lock is None:
            return
        if self.done:
            self._leave()
        else:
            self.remove()

    @property
    def frames(self) -> int:
        """Number of frames that are done."""
        return sum(stop - first for first, stop in self.done)

    def said(self) -> str:
        """``frames 0 to 1023``, or how many, if they are not all in a row."""
        ranges = sorted(self.done)
        in_a_row = all(a[1] == b[0] for a, b in zip(ranges, ranges[1:], strict=False))
        if ranges and in_a_row:
            return f"frames {ranges[0][0]} to {ranges[-1][1] - 1}"
        return f"{self.frames} frames"

    @property
    def may_replace(self) -> bool:
        """Whether the table may take another's place: an earlier run was writing it already."""
        return self.overwrite or (self.resume and (self.folder / _WRITING).exists())

    def check(self, settings: Mapping[str, Any]) -> None:
        """Make sure that what is done was done as it would be now; remember how it is done.

        Args:
            settings: all that determines the result, as plain values. Where :data:`GROWING` is
                true, the movie is still being written and some of them are not known yet.

        Raises:
            UserError: an earlier run had others.
        """
        path = self.folder / _SETTINGS
        now = json.loads(json.dumps(settings))
        if self.done:
            try:
                before = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                before = {}
            grew = bool(before.get(GROWING))
            known = [name for name in now if name != GROWING and (name in before or not grew)]
            differing = [name for name in known if before.get(name) != now[name]]
            if differing:
                name = differing[0]
                raise UserError(
                    f"cannot go on with {self.folder}: its {name} was {before.get(name)}, and is "
                    f"{now[name]} now; give what the earlier run was given, or "
                    f"{argument('overwrite', True)} to begin anew"
                )
            if not grew:
                return
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(now, indent=1), encoding="utf-8")

    def keep_only(self, spread: Iterable[tuple[int, int]]) -> None:
        """Throw away chunks with other frames than these, of a movie that has grown since."""
        for gone in self.done.keys() - set(spread):
            self.done.pop(gone).unlink(missing_ok=True)

    def add(self, first: int, stop: int, chunk: Chunk) -> None:
        """Keep a chunk.

        Args:
            first, stop: its frames in the file, half-open.
            chunk: what was found in them.

        Raises:
            UserError: the disk takes no more; earlier chunks stay.
        """
        path = self.folder / f"{first:08d}-{stop:08d}{_ENDING}"
        with replacing(path) as temporary, open(temporary, "wb") as file:
            # The warning last: where the end of the file's list is lost, it lacks, too.
            np.savez(file, **chunk.columns, **{_WARNING: np.array(chunk.warning)})  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        self.done[first, stop] = path

    def read(self, first: int, stop: int) -> Chunk | None:
        """A chunk; None if it is not done, or was damaged since."""
        path = self.done.get((first, stop))
        if path is None:
            return None
        try:
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as kept:
                columns = {name: kept[name] for name in kept.files if name != _WARNING}
                return Chunk(columns, str(kept[_WARNING]))
        except Exception:  # damaged bytes can upset a parser in any way
            del self.done[first, stop]
            return None

    def writing(self) -> None:
        """Say that the table is about to be written: one that is there then is this one."""
        with suppress(OSError):
            (self.folder / _WRITING).touch()

    def remove(self) -> None:
        """The table is written: what was kept for it goes."""
        self._leave()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.done.clear()

    def _clear(self) -> None:
        for path in (*self.done.values(), self.folder / _SETTINGS, self.folder / _WRITING):
            path.unlink(missing_ok=True)
        self.done.clear()

    def _leave(self) -> None:
        if self._lock is not None:
            self._lock.close()  # the lock goes with it
            self._lock = None


def _locked(file: IO[str]) -> bool:
    """Lock a file for as long as this process holds it open; False if another one has it.

    The system lets go of the lock whatever ends the process. Where it knows no locks (some
    network drives), nothing is locked.
    """
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    return True
