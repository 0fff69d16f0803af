"""TIFF movies of every kind: plain, BigTIFF, OME, ImageJ, Micro-Manager, STK."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from truevar.errors import UserError
from truevar.io.movies.stored import ArrayFrames, Source, StoredFrames, truncated
from truevar.io.movies.tiff_chain import check_chain
from truevar.io.movies.tiff_tags import tiff_meta

# tifffile logs what it finds odd; a library must not print that on the user's screen.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How a TIFF or BigTIFF begins."""

_AXIS_NAMES = {"T": "time", "Z": "slices", "C": "channels", "S": "samples", "R": "positions"}
_MOST_CHANNELS = 4
"""Up to so many "channels" are colours; more are frames that someone mislabelled."""
_SEPARATE = 2
"""Value of the tag PlanarConfiguration for colours that are not interleaved."""


def open_tiff(path: Path) -> Source:
    """Index a TIFF without reading its pixels.

    The index holds two numbers per frame, and no page of the file is kept.

    Args:
        path: the file.

    Raises:
        UserError: not a TIFF, truncated, colour, more than one axis beside y
            and x, or a compression that cannot be decoded here.
    """
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # about odd tags, which are judged here
            with tifffile.TiffFile(path) as tif:
                return _source(tif, path)
    except UserError:
        raise
    except PermissionError as error:
        raise UserError(f"cannot read {path}: no permission") from error
    except Exception as error:  # damaged bytes can upset a parser in any way
        raise unreadable(path, error) from error


def unreadable(path: Path, error: BaseException) -> UserError:
    """The error for a TIFF that tifffile gave up on."""
    reason = " ".join(str(error).split()) or type(error).__name__
    if "imagecodecs" in reason:
        return UserError(
            f"{path} is compressed in a way that needs another package: pip install imagecodecs"
        )
    return UserError(
        f"{path} cannot be read as a TIFF ({reason[:120]}); open it in Fiji and save it again"
    )


def _source(tif: tifffile.TiffFile, path: Path) -> Source:
    notes: list[str] = []
    if not len(tif.series):
        raise UserError(f"{path} holds no image")
    series = max(tif.series, key=lambda one: int(np.prod(one.shape, dtype=np.float64)))
    if len(tif.series) > 1:
        notes.append(
            f"the file holds {len(tif.series)} images; the largest, {series.axes} "
            f"{tuple(series.shape)}, is read"
        )
    shape = _frames_of(tif, series, path, notes)
    if series.dtype is None:
        raise UserError(f"{path} has pixels of an unknown type; save it as 16-bit integers")
    dtype = np.dtype(series.dtype).newbyteorder(tif.byteorder)
    if series.kind not in ("mmstack", "ndtiff"):  # these have an index of their own
        check_chain(path)
    _check_imagej(tif, shape[0], path)
    source: Source
    if series.dataoffset is not None:
        size = shape[1] * shape[2] * dtype.itemsize
        offsets = series.dataoffset + size * np.arange(shape[0], dtype=np.int64)
        source = StoredFrames([path], shape, dtype, offsets)
    elif _in_planes(series):
        source = _planes(series, path)
    else:
        source = _Index.of(series.pages, shape[0], path, notes).source(shape, dtype)
    source.meta.update(tiff_meta(tif, notes))
    source.notes.extend(notes)
    return source


def _in_planes(series: tifffile.TiffPageSeries) -> bool:
    """Whether all frames are the colour planes of one page."""
    page = series.keyframe
    return page.planarconfig == _SEPARATE and page.samplesperpixel > 1 and len(series.pages) == 1


def _saved_as_colours(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> bool:
    """Whether these are frames that tifffile made colours of: its default for three or four."""
    page = series.keyframe
    return (
        _in_planes(series)
        and page.samplesperpixel <= _MOST_CHANNELS
        and page.software == "tifffile.py"
        and len(tif.series) == 1
    )


def _planes(series: tifffile.TiffPageSeries, path: Path) -> Source:
    """The planes of a compressed page, decoded at once: there are few."""
    page = series.keyframe
    ends = map(sum, zip(page.dataoffsets, page.databytecounts, strict=True))
    if max(ends) > path.stat().st_size:
        raise truncated(path)
    source = ArrayFrames(series.asarray(maxworkers=1))
    source.files = [path]
    return source


def _frames_of(
    tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, path: Path, notes: list[str]
) -> tuple[int, int, int]:
    """(frames, H, W) of a series, if it is a movie."""
    axes = [
        (axis, int(length))
        for axis, length in zip(series.axes, series.shape, strict=True)
        if length != 1 or axis in "YX"
    ]
    names = "".join(axis for axis, _ in axes)
    if names == "SYX" and _saved_as_colours(tif, series):
        notes.append(
            f"the file's {axes[0][1]} colour planes are taken for frames, since tifffile "
            "saves so few frames like this unless told photometric='minisblack'"
        )
        names = "TYX"
    if "S" in names:
        raise UserError(
            f"{path} is a colour image; save it in grey values (in Fiji: Image > Type > 16-bit; "
            "with tifffile: photometric='minisblack')"
        )
    if not names.endswith("YX") or any(length < 1 for _, length in axes):
        raise UserError(f"{path} has the axes {names or 'of no image'}; a movie has T, Y, X")
    others = axes[:-2]
    if len(others) > 1 or (others and others[0][0] == "C" and others[0][1] <= _MOST_CHANNELS):
        said = ", ".join(f"{_AXIS_NAMES.get(axis, axis)}: {length}" for axis, length in others)
        raise UserError(
            f"{path} has axes beside y and x that are not one run of frames ({said}); save one "
            "channel or slice as a movie of its own (in Fiji: Image > Duplicate), or, if these "
            "are all frames, say so there (Image > Properties)"
        )
    frames = others[0][1] if others else 1
    return frames, axes[-2][1], axes[-1][1]


def _check_imagej(tif: tifffile.TiffFile, frames: int, path: Path) -> None:
    """Refuse an ImageJ stack that is shorter than it says: tifffile falls back to page one."""
    said = tif.imagej_metadata if tif.is_imagej else None
    if said:
        images = [said.get(key, 1) for key in ("frames", "slices", "channels")]
        if all(isinstance(count, int) for count in images) and np.prod(images) > frames:
            raise truncated(path)


@dataclass
class _Index:
    """Where the frames of a series are."""

    paths: list[Path] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    keyframes: list[int] = field(default_factory=list)
    which: list[int] = field(default_factory=list)
    pages: list[int] = field(default_factory=list)
    data: list[int] = field(default_factory=list)
    plain: bool = True

    @classmethod
    def of(cls, series: Iterable[Any], frames: int, path: Path, notes: list[str]) -> _Index:
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
            index._add(page, ends)
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

    def _add(self, page: Any, ends: list[int]) -> None:
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

    def __init__(self, index: _Index, shape: tuple[int, int, int], dtype: np.dtype[Any]):
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
            values = page.asarray(maxworkers=1)
        except Exception as error:  # damaged bytes can upset a decoder in any way
            raise unreadable(path, error) from error
        return np.asarray(values).reshape(self.shape[1:])


def _open_at(path: Path, index: int) -> tuple[tifffile.TiffFile, Any]:
    """An open file and the page that describes all others."""
    opened = tifffile.TiffFile(path)
    try:
        return opened, opened.pages[index]
    except BaseException:
        opened.close()
        raise
