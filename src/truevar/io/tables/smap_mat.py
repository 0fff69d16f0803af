"""SMAP's own files, ``NAME_sml.mat``: the table ``saveloc.loc``, in either kind of ``.mat``.

Its columns are those of its CSV (:mod:`truevar.io.tables.smap`). ``saveloc.file.info`` has the
camera pixel, and the region of the chip that the movie shows: SMAP adds its first pixel to all
positions (checked on locan's sample, whose region begins at 0; SMAP's published source says
so), so it is taken off again, and positions count from the movie's first pixel.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.io.side_file import need_pixel_size
from truevar.io.tables.mat5_struct import load_struct
from truevar.io.tables.smap import smap_emitters

MAT5_MAGIC = b"MATLAB 5"


def holds_saveloc(path: Path) -> bool:
    """Whether a ``.mat`` is a table of SMAP (it may be a movie, or anything)."""
    try:
        if h5py.is_hdf5(path):
            with h5py.File(path, "r") as file:
                return "saveloc" in file
        return load_struct(path, "saveloc") is not None
    except Exception:  # damaged bytes can upset a parser in any way
        return False


def read_smap_mat(path: Path, file: h5py.File | None, pixel_size: float | None = None) -> Emitters:
    """Read a ``.mat`` of SMAP.

    Args:
        path: the file.
        file: the same, open, if it is of MATLAB's kind 7.3 (HDF5).
        pixel_size: nm; goes before what the file says.

    Raises:
        UserError: it is no file of SMAP, tells no pixel size, or is damaged.
    """
    saveloc = load_struct(path, "saveloc") if file is None else file.get("saveloc")
    loc = _inner(saveloc, "loc")
    if not loc:
        raise UserError(
            f"{path} holds no table of SMAP ('saveloc'); a movie is read by truevar.localize"
        )
    info = _inner(_inner(saveloc, "file"), "info")
    meta: dict[str, Any] = {"format": "SMAP"}
    sizes = _numbers(info.get("cam_pixelsize_um")) * 1e3
    if pixel_size is not None:
        sizes = np.array([pixel_size])
    if sizes.size and np.all(sizes > 0):
        meta["pixel_size"] = float(sizes[0])
        if not np.isclose(sizes[0], sizes[-1]):
            meta["notes"] = [f"pixels of {sizes[0]:g} nm along x and {sizes[-1]:g} nm along y"]
    pixel = need_pixel_size(path, meta)
    for name, theirs in (("width", "Width"), ("height", "Height"), ("frames", "numberOfFrames")):
        value = _numbers(info.get(theirs))
        if value.size == 1 and np.isfinite(value[0]) and value[0] > 0:
            meta[name] = int(value[0])
    region = _numbers(info.get("roi"))
    corner = region[:2] if region.size == 4 else np.zeros(2)
    if corner.any():
        shown = f"{corner[0]:g}, {corner[1]:g}"
        note = f"positions count from the movie's first pixel, which is {shown} px of the camera"
        meta["notes"] = [*meta.get("notes", ()), note]
    first = (pixel * (corner[0] + 1), (sizes[-1] if sizes.size else pixel) * (corner[1] + 1))
    columns = {name: _numbers(loc[name]) for name in loc}
    rows = len(columns.get("frame", ()))
    lost = [repr(name) for name, values in columns.items() if len(values) != rows]
    if lost:
        note = f"columns left out, for they do not have a number in every row: {', '.join(lost)}"
        meta["notes"] = [*meta.get("notes", ()), note]
    whole = [(name, values) for name, values in columns.items() if len(values) == rows]
    return smap_emitters(path, whole, first, meta)


def _inner(group: Any, name: str) -> Mapping[str, Any]:
    """A struct within a struct, the first if there are several; empty if it is none."""
    found = group.get(name) if isinstance(group, Mapping) else None
    if isinstance(found, (list, np.ndarray)) and len(found):
        found = found[0]
    if isinstance(found, h5py.Dataset) and found.dtype == h5py.ref_dtype and found.size:
        found = found.file[found[()].flat[0]]
    return found if isinstance(found, Mapping) else {}


def _is_numeric(values: Any) -> bool:
    # MATLAB stores an empty array in HDF5 as its size, and says so.
    if isinstance(values, h5py.Dataset) and "MATLAB_empty" in values.attrs:
        return False
    return isinstance(values, h5py.Dataset) or np.asarray(values).dtype.kind in "biuf"


def _numbers(values: Any) -> NDArray[np.float64]:
    """(n,) whatever numbers there are; none if they are none."""
    if values is None or isinstance(values, Mapping) or not _is_numeric(values):
        return np.empty(0)
    array = np.asarray(values[()] if isinstance(values, h5py.Dataset) else values)
    return array.astype(np.float64).ravel() if array.dtype.kind in "biuf" else np.empty(0)
