"""DECODE's HDF5 tables.

px or nm, frames from 0, centre of the first pixel at the origin; its x runs along *rows*, so x
and y are swapped. ``px_size`` is (x, y) as DECODE counts, that is, (rows, columns). What is not
known stands as an empty data set. Lengths are written in px, z in nm.

What DECODE has no place for lies in a group of our own, ``truevar``, so that its groups hold
what they always do: the metadata as JSON in ``truevar/metadata`` and the other columns in
``truevar/columns``. DECODE itself needs photons.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from truevar.emitters import Emitters
from truevar.io.atomic import replacing
from truevar.io.side_file import document, from_json, meta_of, need_pixel_size
from truevar.io.tables.number_text import check_positions, frames_from
from truevar.io.tables.parts import TableParts

_LAYOUT = "0.10.0"
"""The version of DECODE whose layout this is."""

_PLAIN = {
    "phot": "photons",
    "bg": "bg",
    "prob": "prob",
    "phot_sig": "sigma_photons",
    "id": "id",
}
_SIGMAS = ("sigma_y", "sigma_x", "sigma_z")
_HELD = {"frame", "x", "y", "z", *_SIGMAS, *_PLAIN.values()}
"""Columns that DECODE has a place for."""


def is_decode(file: h5py.File) -> bool:
    """Whether an HDF5 file is DECODE's."""
    return "data/xyz" in file and "data/frame_ix" in file


def read_decode(path: Path, file: h5py.File, pixel_size: float | None = None) -> Emitters:
    """Read an HDF5 table of DECODE; x and y are swapped.

    Args:
        path: for messages.
        file: the same, open.
        pixel_size: nm; goes before the file's own.

    Raises:
        UserError: positions in px without a pixel size, or a damaged table.
    """
    data, said = file["data"], dict(file["meta"].attrs) if "meta" in file else {}
    own = np.asarray(said.get("px_size", []), np.float64).ravel()
    sizes = np.full(2, pixel_size) if pixel_size is not None else own
    in_pixels = str(said.get("xy_unit", "px")) != "nm"
    ours = file.get("truevar")
    meta: dict[str, Any] = {"format": "DECODE"}
    if ours is not None:
        meta = meta_of(from_json(ours["metadata"][()]))
    if sizes.size == 2 and np.all(np.isfinite(sizes)) and np.all(sizes > 0):
        rows_nm, cols_nm = (float(size) for size in sizes)
        if np.isclose(rows_nm, cols_nm):
            meta["pixel_size"] = cols_nm
        else:
            note = f"pixels of {cols_nm:g} nm along x and {rows_nm:g} nm along y"
            meta["notes"] = [*meta.get("notes", ()), note]
    elif in_pixels:
        need_pixel_size(path, {})
    scale = np.array([rows_nm, cols_nm, 1.0]) if in_pixels else np.ones(3)
    xyz = np.asarray(data["xyz"][()], np.float64).reshape(-1, 3) * scale
    count = len(xyz)
    columns: dict[str, Any] = {
        "frame": frames_from(path, np.asarray(data["frame_ix"][()], np.float64), 0),
        "x": xyz[:, 1],
        "y": xyz[:, 0],
        "z": xyz[:, 2],
    }
    check_positions(path, [columns["x"], columns["y"]])
    spread = _filled(data, "xyz_sig", (count, 3))
    if spread is not None:
        columns |= dict(zip(_SIGMAS, (spread * scale).T, strict=True))
    for name, column in _PLAIN.items():
        values = _filled(data, name, (count,))
        if values is not None:
            columns[column] = values
    if ours is not None:
        return Emitters(_as_written(ours, columns, count), meta)
    if "id" in columns and np.all(columns["id"] == -1):  # nobody gave one
        del columns["id"]
    return Emitters(columns, meta)


def _as_written(ours: h5py.Group, found: dict[str, Any], count: int) -> dict[str, Any]:
    """The columns that a table of ours had, those that DECODE has no place for included."""
    nothing = np.full(count, np.nan)
    names = [str(name) for name in ours.attrs["columns"]]
    columns = {name: found.get(name, nothing) for name in names}
    further = ours["further"][()] if "further" in ours else np.empty(count, [])
    if len(further) == count:
        columns |= {name: further[name] for name in further.dtype.names or ()}
    return columns


def write_decode(parts: TableParts, path: Path) -> None:
    """Write an HDF5 table of DECODE.

    Positions are in single precision (a thousandth of a nm near the origin, a hundredth at
    1000 px), further columns exact.

    Raises:
        UserError: no pixel size in ``meta``, or the file cannot be written.
    """
    table = parts.joined()
    pixel = need_pixel_size("the table", table.meta, 'meta["pixel_size"]')
    count = len(table)
    nothing = np.full(count, np.nan)
    # Made in memory first: HDF5's own errors on a full disk are many and unclear.
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        data = file.create_group("data")
        z = table.z if "z" in table else np.zeros(count)
        data["xyz"] = np.stack([table.y / pixel, table.x / pixel, z], 1).astype(np.float32)
        data["frame_ix"] = table.frame
        data["id"] = table["id"] if "id" in table else np.full(count, -1)
        sigmas = [table.get(name, nothing) for name in _SIGMAS]
        _fill(data, "xyz_sig", np.stack(sigmas, 1) / np.array([pixel, pixel, 1.0]))
        for name, column in _PLAIN.items():
            if column != "id":
                _fill(data, name, table.get(column, nothing))
        for name in ("xyz_cr", "phot_cr", "bg_cr", "bg_sig"):
            _fill(data, name, nothing)
        meta = file.create_group("meta").attrs
        meta["px_size"], meta["xy_unit"] = np.array([pixel, pixel]), "px"
        file.create_group("decode").attrs["version"] = _LAYOUT
        ours = file.create_group("truevar")
        ours.attrs["columns"] = [name for name in table if name in _HELD]
        ours["metadata"] = json.dumps([document(table.meta, path)])
        others = [name for name in table if name not in _HELD]
        if others:
            further = np.empty(count, [(name, table[name].dtype) for name in others])
            for name in others:
                further[name] = table[name]
            ours["further"] = further
    with replacing(path) as temporary:
        temporary.write_bytes(image.getbuffer())


def _fill(group: h5py.Group, name: str, values: NDArray[np.float64]) -> None:
    """A data set, empty where nothing is known."""
    known = values.size and not np.all(np.isnan(values))
    group[name] = values.astype(np.float32) if known else h5py.Empty(np.float32)


def _filled(group: h5py.Group, name: str, shape: tuple[int, ...]) -> NDArray[Any] | None:
    """A data set, None where it is missing or was stored as empty (all NaN)."""
    if name not in group or group[name].shape != shape:
        return None
    return np.asarray(group[name][()])
