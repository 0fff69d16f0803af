"""TIFF movies of every kind: plain, BigTIFF, OME, ImageJ, Micro-Manager, STK."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import tifffile

from truevar.errors import UserError
from truevar.io.movies.axes import FIJI, MOST_CHANNELS, run_of_frames
from truevar.io.movies.stored import ArrayFrames, Source, StoredFrames, truncated
from truevar.io.movies.tiff_chain import check_chain
from truevar.io.movies.tiff_index import PageIndex, unreadable
from truevar.io.movies.tiff_named import told_of_parts
from truevar.io.movies.tiff_tags import tiff_meta

# tifffile logs what it finds odd; a library must not print that on the user's screen.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How a TIFF or BigTIFF begins."""

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


def _source(tif: tifffile.TiffFile, path: Path) -> Source:
    notes: list[str] = []
    indexed = tif.is_mmstack or tif.is_ndtiff  # these have an index of their own
    if not indexed:
        # First of all: it reads ahead, and tifffile then finds all pages in memory.
        check_chain(path)
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
    if indexed and series.kind not in ("mmstack", "ndtiff"):  # which is not of use
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
        source = PageIndex.of(series.pages, shape[0], path, notes).source(shape, dtype)
    source.meta.update(tiff_meta(tif, notes))
    source.notes.extend(notes)
    source.warnings.extend(told_of_parts(tif, path, source.shape[0]))
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
        and page.samplesperpixel <= MOST_CHANNELS
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
    # Micro-Manager labels its axes itself; elsewhere z often stands for time.
    labelled = series.kind in ("mmstack", "ndtiff")
    _, frames = run_of_frames(axes[:-2], path, FIJI, mislabelled=not labelled)
    return frames, axes[-2][1], axes[-1][1]


def _check_imagej(tif: tifffile.TiffFile, frames: int, path: Path) -> None:
    """Refuse an ImageJ stack that is shorter than it says: tifffile falls back to page one."""
    said = tif.imagej_metadata if tif.is_imagej else None
    if said:
        images = [said.get(key, 1) for key in ("frames", "slices", "channels")]
        if all(isinstance(count, int) for count in images) and np.prod(images) > frames:
            raise truncated(path)
