"""Where the frames of a TIFF lie, and reading those that must be decoded."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from truevar.errors import UserError
from truevar.io.movies.stored import Source, StoredFrames, truncated


def unreadable(path: Path, error: BaseException) -> UserError:
    """The error for a TIFF that tifffile gave up on."""
    reason = " ".join(str(error).split()) or type(error).__name__
    if "imagecodecs" in reason:
        return UserError(
            f"{path} is compressed in a way that needs another package: pip install imagecodecs"
        )
    if isinstance(error, FileNotFoundError) and error.filename:
        return UserError(
            f"{path} names {Path(error.filename).name} as a part of the movie, which is not beside "
            "it; put all files of the movie into one folder"
        )
    return UserError(
        f"{path} cannot be read as a TIFF ({reason[:120]}); open it in Fiji and save it again"
    )


@dataclass
class PageIndex:
    """Where the frames of a series are."""

    paths: list[Path] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    keyframes: list[int] = field(default_factory=list)
    which: list[int] = field(default_factory=list)
    pages: list[int] = field(default_factory=list)
    data: list[int] = field(default_factory=list)
    plain: bool = True

    @classmethod
    def of(cls, series: Iterable[Any], frames: int, path: Path, notes: list[str]) -> PageIndex:
        """Walk over the pages; the tail of an aborted recording is left out."""
        index = cls()
        ends: list[int] = []
        missing = None
        count = 0
        for count, page in enumerate(series, 1):
            if page is None or not page.dataoffsets or page.dataoffsets[0] <= 0:
                missing = count if missing is None else missing
                continue
            if missing is not None:
                raise UserError(
                    f"{path} lacks frame {missing - 1}; are all files of the movie in one folder?"
                )
            index.add(page, ends)
        if not index.pages:
            raise UserError(f"{path} holds no frame")
        sizes = [one.stat().st_size for one in index.paths]
        for which, end in zip(index.which, ends, strict=True):
            if end > sizes[which]:
                raise truncated(index.paths[which])
        if len(index.pages) < frames:
            if count < frames and missing is None:
                raise truncated(path)
            notes.append(f"the file announces {frames} frames and holds {len(index.pages)}")
        return index

    def extend(self, other: PageIndex) -> None:
        """Take up the pages of another index of the same file."""
        if not self.paths:
            self.paths, self.numbers = list(other.paths), dict(other.numbers)
            self.keyframes = list(other.keyframes)
        self.which += other.which
        self.pages += other.pages
        self.data += other.data
        self.plain &= other.plain

    def add(self, page: Any, ends: list[int]) -> None:
        """Take up a page, and where its last byte lies into ``ends``."""
        name = page.parent.filehandle.path
        if name not in self.numbers:
            self.numbers[name] = len(self.paths)
            self.paths.append(Path(name))
            self.keyframes.append(page.keyframe.index)
        offsets, counts = page.dataoffsets, page.databytecounts
        self.which.append(self.numbers[name])
        self.pages.append(page.offset)
        self.data.append(offsets[0])
        if len(offsets) == 1:  # by far the most
            ends.append(offsets[0] + counts[0])
            joined = True
        else:
            ends.append(max(map(sum, zip(offsets, counts, strict=False))))
            joined = all(a + n == b for a, n, b in zip(offsets, counts, offsets[1:], strict=False))
        self.plain &= bool(page.keyframe.is_final and joined)

    def source(self, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> Source:
        """What reads these frames."""
        shape = (len(self.pages), *shape[1:])
        which = np.array(self.which, np.int64)
        if self.plain:
            return StoredFrames(self.paths, shape, dtype, np.array(self.data, np.int64), which)
        return EncodedFrames(self, shape, dtype)


class EncodedFrames:
    """Frames that tifffile must decode, one page at a time.

    Safe to read from several threads.
    """

    def __init__(self, index: PageIndex, shape: tuple[int, int, int], dtype: np.dtype[Any]):
        self.shape = shape
        self.dtype = dtype.newbyteorder("=")
        self.meta: dict[str, Any] = {}
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self.files = index.paths
        self._keyframes = index.keyframes
        self._which = np.array(index.which, np.int64)
        self._pages = np.array(index.pages, np.int64)
        self._open: tuple[int, tifffile.TiffFile, Any] | None = None
        self._lock = threading.Lock()
        try:
            self.read(0, 1, slice(None))  # a codec that is missing shows here
        finally:
            self.close()

    def read(self, start: int, stop: int, rows: slice) -> NDArray[Any]:
        """Frames [start, stop) of the given rows."""
        first, last, _ = rows.indices(self.shape[1])
        block = np.empty((stop - start, last - first, self.shape[2]), self.dtype)
        with self._lock:
            for frame in range(start, stop):
                block[frame - start] = self._decode(frame)[first:last]
        return block

    def close(self) -> None:
        """Close the file that is open."""
        with self._lock:
            if self._open is not None:
                self._open[1].close()
                self._open = None

    def _decode(self, frame: int) -> NDArray[Any]:
        which = int(self._which[frame])
        path = self.files[which]
        try:
            if self._open is not None and self._open[0] != which:
                self._open[1].close()
                self._open = None
            if self._open is None:
                self._open = (which, *_open_at(path, self._keyframes[which]))
            _, tif, keyframe = self._open
            # A page made for this frame alone: the file's own list would keep them all.
            page = tifffile.TiffFrame(tif, frame, offset=int(self._pages[frame]), keyframe=keyframe)
            return np.asarray(page.asarray(maxworkers=1)).reshape(self.shape[1:])
        except Exception as error:  # damaged bytes can upset a decoder in any way
            raise unreadable(path, error) from error


def _open_at(path: Path, index: int) -> tuple[tifffile.TiffFile, Any]:
    """An open file and the page that describes all others."""
    opened = tifffile.TiffFile(path)
    try:
        return opened, opened.pages[index]
    except BaseException:
        opened.close()
        raise
