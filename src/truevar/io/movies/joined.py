"""A movie that lies in several files, one after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truevar.errors import UserError
from truevar.io.movies.stored import Source


class JoinedFrames:
    """The frames of several sources, in the order given.

    Safe to read from several threads.

    Args:
        sources: at least one; they are closed with this one.
        paths: where each comes from, for messages.

    Raises:
        UserError: frames of another size or type, or another pixel size or camera in the tags.
    """

    def __init__(self, sources: Sequence[Source], paths: Sequence[Path]):
        first = sources[0]
        for source, path in zip(sources[1:], paths[1:], strict=True):
            check_alike(first, source, paths[0], path)
        self._sources = list(sources)
        self._ends = np.cumsum([source.shape[0] for source in sources])
        self._last: Source = first
        self._lock = threading.Lock()
        self.shape = (int(self._ends[-1]), *first.shape[1:])
        self.dtype = first.dtype
        self.files = [file for source in sources for file in source.files]
        # A part may lack a tag that another one has.
        self.meta: dict[str, Any] = {}
        for source in reversed(sources):
            self.meta.update(source.meta)
        self.notes = list(dict.fromkeys(note for source in sources for note in source.notes))
        self.warnings = list(dict.fromkeys(line for source in sources for line in source.warnings))

    def read(self, start: int, stop: int, rows: slice) -> NDArray[Any]:
        """Frames [start, stop) of the given rows."""
        first, last, _ = rows.indices(self.shape[1])
        block = np.empty((stop - start, last - first, self.shape[2]), self.dtype)
        frame, number = start, int(np.searchsorted(self._ends, start, side="right"))
        with self._lock:
            while frame < stop:
                source, end = self._sources[number], int(self._ends[number])
                begin, until = end - source.shape[0], min(stop, end)
                self._turn_to(source)
                block[frame - start : until - start] = source.read(
                    frame - begin, until - begin, rows
                )
                frame, number = until, number + 1
        return block

    def _turn_to(self, source: Source) -> None:
        """Let go of the file that was read last: a system opens only some hundred at once."""
        if self._last is not source and isinstance(self._last, FileFrames):
            self._last.close()
        self._last = source

    def close(self) -> None:
        """Close every source."""
        for source in self._sources:
            source.close()


_NO_META: dict[str, Any] = {}
_NO_LINES: list[str] = []


class FileFrames:
    """The frames of one file of many: opened when they are wanted, open again after ``close``.

    Of a hundred thousand of these nearly all are closed, so they are kept small.

    Args:
        path: the file.
        like: a source whose (frames, H, W) and type this file's are.
        opener: opens the file; what it gives can be read again after it was closed.
        opened: what ``opener`` gave, if it was called already.
    """

    __slots__ = ("shape", "dtype", "files", "meta", "notes", "warnings", "_opener", "_opened")

    def __init__(
        self,
        path: Path,
        like: Source,
        opener: Callable[[Path], Source],
        opened: Source | None = None,
    ):
        self.shape = like.shape
        self.dtype = like.dtype
        self.files = [path] if opened is None else opened.files
        self.meta = _NO_META if opened is None else opened.meta
        self.notes = _NO_LINES if opened is None else opened.notes
        self.warnings = _NO_LINES if opened is None else opened.warnings
        self._opener = opener
        self._opened = opened

    def read(self, start: int, stop: int, rows: slice) -> NDArray[Any]:
        """Frames [start, stop) of the given rows.

        Raises:
            UserError: the file cannot be read, or does not hold what it was taken to hold.
        """
        if self._opened is None:
            opened = self._opener(self.files[0])
            if (opened.shape, opened.dtype) != (self.shape, self.dtype):
                opened.close()
                raise UserError(
                    f"{self.files[0]} does not go with the files before it: it holds "
                    f"{_said(opened, True)}, they {_said(self, True)}; take it out"
                )
            self._opened = opened
        return self._opened.read(start, stop, rows)

    def close(self) -> None:
        """Let go of the file; where its frames lie in it is remembered if that took a while."""
        if self._opened is not None:
            self._opened.close()
            if self.shape[0] == 1:
                self._opened = None


def check_alike(first: Source, other: Source, first_path: Path, path: Path) -> None:
    """Make sure that two sources may be parts of one movie.

    Raises:
        UserError: frames of another size or type, or another pixel size or camera in the tags.
    """
    if first.shape[1:] != other.shape[1:] or first.dtype != other.dtype:
        raise UserError(
            f"{first_path} and {path} are no parts of one movie: the frames are {_said(first)}, "
            f"and {_said(other)}"
        )
    for name in first.meta.keys() & other.meta.keys():
        if first.meta[name] != other.meta[name]:
            raise UserError(
                f"{first_path} and {path} are no parts of one movie: the {name} is "
                f"{first.meta[name]}, and {other.meta[name]}; correct the tags of one"
            )


def _said(source: Source, count: bool = False) -> str:
    frames, height, width = source.shape
    many = f"{frames} frame{'s' if frames != 1 else ''} of " if count else ""
    return f"{many}{width} x {height} px, {source.dtype}"
