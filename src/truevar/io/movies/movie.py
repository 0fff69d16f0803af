"""Opening a movie, whatever kind of file it is in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from truevar.errors import UserError
from truevar.io.movies.arrays import ArrayLike, is_array_like, open_array
from truevar.io.movies.listed import open_files
from truevar.io.movies.stored import SMALLEST, Source
from truevar.wording import argument

LARGEST = 1e12
"""Larger pixels are no camera's, and their squares would not fit single precision."""


class Movie:
    """Frames of a movie, read when asked for.

    Use as a context manager, or call :meth:`close`.

    Attributes:
        shape: (frames, H, W) of the range and region that was asked for.
        dtype: of the pixels, native byte order.
        name: the file's or folder's name (the first's and the last's, of several), or "array".
        path: the file or folder (the first, of several), None for an array.
        meta: what the file says: ``pixel_size`` (nm), ``baseline`` (ADU),
            ``e_per_adu``, ``em_gain``, ``read_sigma`` (electrons), ``qe``;
            only those that it gives.
        notes: lines a user should see (a frame count that was wrong, say).
        warnings: lines on what may have been read wrongly.
        first_frame: index in the file of frame 0 of this movie.
        x0, y0: column and row in the file of pixel (0, 0) of this movie.
        field: (H, W) of the file's whole frames.
        total_frames: frames in the file.
    """

    def __init__(
        self,
        source: Source,
        name: str,
        path: Path | None = None,
        frames: tuple[int | None, int | None] | None = None,
        roi: tuple[int | None, int | None, int | None, int | None] | None = None,
    ):
        total, height, width = source.shape
        self.path = path
        self.name = name
        self.meta: dict[str, Any] = dict(source.meta)
        self.notes: list[str] = list(source.notes)
        self.warnings: list[str] = list(source.warnings)
        self._source = source
        _check_kind(source.dtype, name)
        if total < 1:
            raise UserError(f"{name} has no frames")
        if min(height, width) < SMALLEST:
            raise UserError(
                f"{name} has frames of {width} x {height} px; at least "
                f"{SMALLEST} x {SMALLEST} are needed"
            )
        self.field, self.total_frames = (height, width), total
        start, stop = self._frame_range(frames, total)
        self.first_frame = start
        self.x0, x1 = _side(roi[:2] if roi else None, width, "x", name)
        self.y0, y1 = _side(roi[2:] if roi else None, height, "y", name)
        self.shape = (stop - start, y1 - self.y0, x1 - self.x0)
        self.dtype = source.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"Movie({self.name}: {self.shape}, {self.dtype})"

    def __enter__(self) -> Movie:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._source.close()

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Frames [start, stop) of this movie as (n, H, W), native byte order, writable.

        Args:
            start: first frame, counted from 0 within this movie.
            stop: one past the last; cut to the movie's length.

        Raises:
            UserError: the file cannot be read or decoded there.
            IndexError: ``start`` is negative or behind ``stop``.
        """
        stop = min(stop, len(self))
        if not 0 <= start <= stop:
            raise IndexError(f"no frames {start}:{stop} in a movie of {len(self)}")
        return self._read_file(self.first_frame + start, self.first_frame + stop)

    def neighbours(self, count: int = 1) -> tuple[NDArray[Any], NDArray[Any]]:
        """The file's frames just before and just behind the range that was asked for.

        Args:
            count: how many on either side.

        Returns:
            (n, H, W) each, of the same region, in the file's order; n is less than ``count``
            where the file ends, or at a frame that cannot be used: a range may have been chosen
            to leave a bad frame out.
        """
        first, end = self.first_frame, self.first_frame + len(self)
        before = self._usable(range(first - 1, first - 1 - count, -1))
        return before[::-1], self._usable(range(end, end + count))

    def _usable(self, frames: Iterable[int]) -> NDArray[Any]:
        """(n, H, W) frames of the file up to the first that is none or cannot be used."""
        blocks = [np.empty((0, *self.shape[1:]), self.dtype)]
        for frame in frames:
            if not 0 <= frame < self.total_frames:
                break
            try:
                block = self._read_file(frame, frame + 1)
                check_values(block, frame)
            except UserError:
                break
            blocks.append(block)
        return np.concatenate(blocks)

    def _read_file(self, start: int, stop: int) -> NDArray[Any]:
        """The region's part of frames [start, stop) of the file."""
        _, height, width = self.shape
        block = self._source.read(start, stop, slice(self.y0, self.y0 + height))
        if width != block.shape[2]:
            block = np.ascontiguousarray(block[:, :, self.x0 : self.x0 + width])
        return block

    def check_not_empty(self, count: int = 8) -> None:
        """Look at up to ``count`` frames spread over the movie, and at all if those are zero.

        Raises:
            UserError: every frame is zero.
        """
        # With light in every other frame only, as in some protocols, a sample may miss it.
        spread = np.unique(np.linspace(0, len(self) - 1, count).astype(int)).tolist()
        if not any(np.any(self.read(one, one + 1)) for one in chain(spread, range(len(self)))):
            raise UserError(
                f"every pixel of the movie {self.name} is zero; was it saved or copied properly?"
            )

    def _frame_range(
        self, frames: tuple[int | None, int | None] | None, total: int
    ) -> tuple[int, int]:
        first, last = frames if frames is not None else (None, None)
        start, stop = first or 0, total if last is None else last
        if start < 0 or stop <= start or start >= total:
            raise UserError(
                f"no frames {start}:{stop} in {self.name}: it has {total}, counted from 0, "
                "and the end is not included"
            )
        if stop > total:
            self.notes.append(f"frames up to {stop} were asked for and the movie has {total}")
        return start, min(stop, total)


def open_movie(
    source: str | PathLike[str] | Sequence[str | PathLike[str]] | NDArray[Any] | ArrayLike,
    frames: tuple[int | None, int | None] | None = None,
    roi: tuple[int | None, int | None, int | None, int | None] | None = None,
    axes: str | None = None,
) -> Movie:
    """Open a movie; only its head is read.

    Args:
        source: a file (TIFF of any kind, ``.nd2``, ``.czi``, ``.raw`` with ``.yaml``,
            ``.dax`` with ``.inf``, ``.npy``, ``.npz``, ``.mat``), the files of one movie
            in their order, a folder (of TIFFs, which are sorted by the numbers in their
            names; an NDTiff; a Zarr or OME-Zarr), or an array (frames, H, W) or (H, W).
            Most files are recognised by content.
        frames: (start, stop), half open, from 0; None for an open end.
        roi: (x0, x1, y0, y1) in px, half open; None for an open end.
        axes: the order of the axes of an array, or of a ``.npy``, ``.npz``, Zarr or ``.mat``
            file (as MATLAB shows it): the letters t, y, x, such as ``"yxt"``. By
            default ``"tyx"``; for a ``.mat``, what its shape suggests.

    Raises:
        UserError: there is no such movie, it cannot be used, or the range of
            frames or region is not in it.
    """
    path: Path | None
    if isinstance(source, (str, PathLike)):
        source = [source]
    if _are_paths(source):
        paths = [Path(one) for one in source]
        opened, path = open_files(paths, axes), paths[0]
        # The folder one is in has no name as long as it is called ".".
        first = path.name or path.resolve().name
        name = first if len(paths) == 1 else f"{first} to {paths[-1].name}"
    elif isinstance(source, (list, tuple)) or is_array_like(source):
        path, opened, name = None, open_array(source, axes), "array"
    else:
        raise TypeError(f"a movie is a path or an array, not {type(source).__name__}")
    try:
        return Movie(opened, name, path, frames, roi)
    except BaseException:
        opened.close()
        raise


def _are_paths(source: object) -> TypeGuard[Sequence[str | PathLike[str]]]:
    return (
        isinstance(source, (list, tuple))
        and len(source) > 0
        and all(isinstance(one, (str, PathLike)) for one in source)
    )


def check_values(block: NDArray[Any], first_frame: int = 0) -> None:
    """Make sure that every pixel is a number that a camera can give.

    Args:
        block: (n, H, W) as read.
        first_frame: index of its first frame, for the message.

    Raises:
        UserError: a pixel is NaN, infinite, or beyond :data:`LARGEST`.
    """
    if block.dtype.kind != "f":
        return
    finite = np.isfinite(block).reshape(len(block), -1).all(axis=1)
    if not finite.all():
        frame = first_frame + int(np.argmin(finite))
        raise UserError(
            f"frame {frame} (counted from 0) has pixels that are NaN or infinite; repair the "
            f"movie or leave the frame out with {argument('frames')}"
        )
    most = min(LARGEST, float(np.finfo(block.dtype).max))  # half precision ends before
    small = (np.abs(block) <= most).reshape(len(block), -1).all(axis=1)
    if not small.all():
        frame = first_frame + int(np.argmin(small))
        raise UserError(
            f"frame {frame} (counted from 0) has pixels beyond {LARGEST:g}, which no camera gives; "
            f"repair the movie or leave the frame out with {argument('frames')}"
        )


def _check_kind(dtype: np.dtype[Any], name: str) -> None:
    if dtype.kind not in "iuf":
        kind = {"b": "boolean", "c": "complex", "O": "object"}.get(dtype.kind, dtype.name)
        raise UserError(
            f"the pixels of {name} are {kind} values; a movie has integer or floating-point ones"
        )


def _side(
    ends: tuple[int | None, ...] | None, length: int, axis: str, name: str
) -> tuple[int, int]:
    """(first, stop) of a region along one axis."""
    first, last = ends if ends is not None else (None, None)
    start, stop = first or 0, length if last is None else last
    if not 0 <= start < stop <= length:
        raise UserError(
            f"the region {axis} {start}:{stop} is not in {name}, whose {axis} goes from 0 to "
            f"{length} px"
        )
    if stop - start < SMALLEST:
        raise UserError(
            f"the region {axis} {start}:{stop} is too small; it needs {SMALLEST} px along x and y"
        )
    return start, stop
