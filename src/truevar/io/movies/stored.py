"""Where a movie's frames come from: plain bytes in files, or an array in memory."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from truevar.errors import UserError

SMALLEST = 16
"""A frame or region of interest must have so many pixels along both sides."""


class Source(Protocol):
    """Frames on demand; :class:`truevar.io.movies.movie.Movie` cuts its window out of one.

    Attributes:
        shape: (frames, H, W).
        dtype: of the pixels, native byte order.
        files: where frames are read from; none for an array in memory.
        meta: what the file says; see :class:`truevar.io.movies.movie.Movie`.
        notes: lines a user should see.
        warnings: lines on what may have been read wrongly.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    files: list[Path]
    meta: dict[str, Any]
    notes: list[str]
    warnings: list[str]

    def read(self, start: int, stop: int, rows: slice) -> NDArray[Any]:
        """Frames [start, stop) of the given rows, (n, rows, W), native byte order."""

    def close(self) -> None:
        """Let go of files; may be called twice."""


class StoredFrames:
    """Uncompressed frames that lie in one or more files.

    Reads plainly, without a memory map, so that a long movie's pages do not
    count as memory of the process. Safe to read from several threads.

    Args:
        paths: the files.
        shape: (frames, H, W).
        dtype: as stored, with its byte order.
        offsets: (frames,) position in bytes of every frame's first pixel.
        which: (frames,) index of every frame's file; None for all in the first.

    Raises:
        UserError: a frame ends behind the end of its file.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        shape: tuple[int, int, int],
        dtype: np.dtype[Any],
        offsets: NDArray[np.int64],
        which: NDArray[np.int64] | None = None,
    ):
        self.shape = shape
        self.stored = dtype
        self.dtype = dtype.newbyteorder("=")
        self.meta: dict[str, Any] = {}
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self.files = list(paths)
        self._offsets = offsets
        self._which = np.zeros(len(offsets), np.int64) if which is None else which
        self._bytes = shape[1] * shape[2] * dtype.itemsize
        self._open: tuple[int, IO[bytes]] | None = None
        self._lock = threading.Lock()
        for index, path in enumerate(self.files):
            mine = offsets[self._which == index]
            size = path.stat().st_size
            if len(mine) and (int(mine.min()) < 0 or int(mine.max()) + self._bytes > size):
                raise truncated(path)

    def read(self, start: int, stop: int, rows: slice) -> NDArray[Any]:
        """Frames [start, stop) of the given rows."""
        _, height, width = self.shape
        first, last, _ = rows.indices(height)
        block = np.empty((stop - start, last - first, width), self.dtype)
        whole = last - first == height
        frame = start
        while frame < stop:
            run = self._run(frame, stop) if whole else 1
            count = run * (last - first) * width
            offset = int(self._offsets[frame]) + first * width * self.stored.itemsize
            values = self._from_file(int(self._which[frame]), offset, count)
            block[frame - start : frame - start + run] = values.reshape(run, -1, width)
            frame += run
        return block

    def close(self) -> None:
        """Close the file that is open."""
        with self._lock:
            if self._open is not None:
                self._open[1].close()
                self._open = None

    def _run(self, frame: int, stop: int) -> int:
        """How many frames from ``frame`` on lie behind one another in one file."""
        next_to = np.diff(self._offsets[frame:stop]) == self._bytes
        next_to &= np.diff(self._which[frame:stop]) == 0
        breaks = np.flatnonzero(~next_to)
        return int(breaks[0]) + 1 if len(breaks) else stop - frame

    def _from_file(self, which: int, offset: int, count: int) -> NDArray[Any]:
        path = self.files[which]
        try:
            with self._lock:
                if self._open is None or self._open[0] != which:
                    if self._open is not None:
                        self._open[1].close()
                    # Unbuffered: np.fromfile reads through the descriptor itself.
                    self._open = (which, open(path, "rb", buffering=0))  # noqa: SIM115
                handle = self._open[1]
                handle.seek(offset)
                values = np.fromfile(handle, self.stored, count)
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror or error}") from error
        if len(values) < count:
            raise truncated(path)
        return values


class ArrayFrames:
    """Frames of an array in memory, or of anything that is sliced like one.

    Args:
        array: with three axes, or more of length one.
        owner: what is closed with the movie (an HDF5 file, say).
        axes: which axes of the array are frames, y and x.
        path: where the array lies, if in a file that is read piece by piece.
    """

    def __init__(
        self,
        array: Any,
        owner: Any = None,
        axes: tuple[int, int, int] = (0, 1, 2),
        path: Path | None = None,
    ):
        frames, height, width = (int(array.shape[axis]) for axis in axes)
        self.shape = (frames, height, width)
        self.dtype = np.dtype(array.dtype).newbyteorder("=")
        self.meta: dict[str, Any] = {}
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self.files: list[Path] = [] if path is None else [path]
        self._array = array
        self._owner = owner
        self._axes = axes
        self._lock = threading.Lock()

    def read(self, start: int, stop: int, rows: slice) -> NDArray[Any]:
        """Frames [start, stop) of the given rows, always a copy."""
        wanted: list[Any] = [0] * len(self._array.shape)
        for axis, part in zip(self._axes, (slice(start, stop), rows, slice(None)), strict=True):
            wanted[axis] = part
        order = [sorted(self._axes).index(axis) for axis in self._axes]  # the others are gone
        with self._lock:
            try:
                block = np.asarray(self._array[tuple(wanted)]).transpose(order)
            except Exception as error:  # damaged bytes can upset a decoder in any way
                if not self.files:
                    raise
                raise damaged_frames(self.files[0], start, stop, error) from error
            return np.array(block, dtype=self.dtype, order="C")

    def close(self) -> None:
        """Close the owner and forget the array."""
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.close()


def truncated(path: Path) -> UserError:
    """What is raised for a file that ends too early."""
    return UserError(f"{path} is truncated: it ends before its last frame does; copy it again")


def damaged_frames(path: Path, start: int, stop: int, error: BaseException) -> UserError:
    """What is raised for frames [start, stop) that cannot be decoded."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return UserError(
        f"frames {start} to {stop - 1} of {path} cannot be read ({reason[:120]}); copy the file "
        "again, or leave them out"
    )
