"""Tables of other programs, which are read and never written.

Conventions, and how they were found:

* SMAP: nm, frames from 1; the centre of the first pixel is at *one* pixel, for
  positions count MATLAB's pixels from 1 (its fitters' source; in a file of its
  own nm = px · pixel size, without an offset).
* rapidSTORM: nm, frames from 0, the centre of the first pixel is the origin
  (checked: its spots in the dSTORM movie of locan are met within 0.03 px).
* DECODE: px or nm, frames from 0, centre of the first pixel at the origin; its
  x runs along rows, so x and y are swapped.
* Insight3: px counted from 1, frames from 1 (checked on storm-analysis' movie).

Columns of SMAP and rapidSTORM that have no meaning here are kept under their names.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.io.side_file import need_pixel_size
from truevar.io.tables.further_columns import take_further
from truevar.io.tables.number_text import check_positions, frames_from, read_numbers

INSIGHT3_MAGIC = (b"M425", b"M408")
"""How an Insight3 list begins."""

_INSIGHT3 = np.dtype(
    [(name, "<f4") for name in ("x", "y", "xc", "yc", "h", "a", "w", "phi", "ax", "bg", "i")]
    + [(name, "<i4") for name in ("c", "fi", "fr", "tl", "lk")]
    + [(name, "<f4") for name in ("z", "zc")]
)

_SMAP = {
    "x": ("xnm", "x"),
    "y": ("ynm", "y"),
    "z": ("znm", "z"),
    "photons": ("phot",),
    "bg": ("bg",),
    "sigma_x": ("xnmerr", "locprecnm", "locprec"),
    "sigma_y": ("ynmerr", "locprecnm", "locprec"),
    "sigma_z": ("locprecznm", "locprecz"),
    "sigma_photons": ("photerr",),
    "psf_sigma": ("psfxnm",),
}

_RAPIDSTORM = {
    "Position-0-0": "x",
    "Position-1-0": "y",
    "Position-2-0": "z",
    "Position-0-0-uncertainty": "sigma_x",
    "Position-1-0-uncertainty": "sigma_y",
    "Position-2-0-uncertainty": "sigma_z",
}


def is_smap(head: str) -> bool:
    """Whether a CSV's first line is SMAP's."""
    names = _names(head)
    return "frame" in names and "phot" in names and ("xnm" in names or "x" in names)


def read_smap(path: Path, head: str, pixel_size: float | None = None) -> Emitters:
    """Read a CSV of SMAP.

    Args:
        path: the file.
        head: its first line.
        pixel_size: nm, needed to move the origin.

    Raises:
        UserError: no pixel size, or a field that is no number.
    """
    fields = [name.strip().strip('"') for name in head.split(",")]
    pixel = _given(path, pixel_size)
    numbers = read_numbers(path, len(fields), comma=True).T
    values = dict(zip(_names(head), numbers, strict=True))
    columns: dict[str, Any] = {"frame": frames_from(path, values["frame"], 1)}
    for ours, aliases in _SMAP.items():
        present = [name for name in aliases if name in values]
        if present:
            columns[ours] = values[present[0]]
    if "y" not in columns:
        raise UserError(f"{path} lacks the column ynm; it is no table of SMAP")
    check_positions(path, [columns["x"], columns["y"]])
    columns["x"] = columns["x"] - pixel
    columns["y"] = columns["y"] - pixel
    meta: dict[str, Any] = {"pixel_size": pixel, "format": "SMAP"}
    known = {"frame", *(name for aliases in _SMAP.values() for name in aliases)}
    pairs = zip(fields, numbers, strict=True)
    columns |= take_further(((name, one) for name, one in pairs if name.lower() not in known), meta)
    return Emitters(columns, meta)


def is_rapidstorm(head: str) -> bool:
    """Whether a text's first line is rapidSTORM's."""
    return "<localizations" in head and "Position-0-0" in head


def read_rapidstorm(path: Path, head: str, pixel_size: float | None = None) -> Emitters:
    """Read a text of rapidSTORM; amplitudes are in camera counts and no photons.

    Args:
        path: the file.
        head: its first line.
        pixel_size: nm, only put into the table's ``meta``.

    Raises:
        UserError: a column is missing, or a field is no number.
    """
    names = re.findall(r'identifier="([^"]+)"', head)
    values = dict(zip(names, read_numbers(path, len(names), comma=False).T, strict=True))
    missing = [n for n in ("Position-0-0", "Position-1-0", "ImageNumber-0-0") if n not in values]
    if missing:
        raise UserError(f"{path} lacks the column {missing[0]}; it is no table of rapidSTORM")
    columns: dict[str, Any] = {"frame": frames_from(path, values["ImageNumber-0-0"], 0)}
    columns |= {ours: values[name] for name, ours in _RAPIDSTORM.items() if name in values}
    widths = [values[name] for name in ("PSFWidth-0-0", "PSFWidth-1-0") if name in values]
    if len(widths) == 2:  # given as full widths at half maximum
        columns["psf_sigma"] = np.sqrt(np.abs(widths[0] * widths[1])) / np.sqrt(8 * np.log(2))
    check_positions(path, [columns["x"], columns["y"]])
    meta: dict[str, Any] = {"format": "rapidSTORM"}
    if pixel_size is not None:
        meta["pixel_size"] = float(pixel_size)
    known = {"ImageNumber-0-0", "PSFWidth-0-0", "PSFWidth-1-0", *_RAPIDSTORM}
    columns |= take_further(((name, values[name]) for name in names if name not in known), meta)
    return Emitters(columns, meta)


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
    # px_size is (x, y) as DECODE counts, that is, (rows, columns).
    own = np.asarray(said.get("px_size", []), np.float64).ravel()
    sizes = np.full(2, pixel_size) if pixel_size is not None else own
    in_pixels = str(said.get("xy_unit", "px")) != "nm"
    meta: dict[str, Any] = {"format": "DECODE"}
    if sizes.size == 2 and np.all(np.isfinite(sizes)) and np.all(sizes > 0):
        rows_nm, cols_nm = (float(size) for size in sizes)
        if np.isclose(rows_nm, cols_nm):
            meta["pixel_size"] = cols_nm
        else:
            meta["notes"] = [f"pixels of {cols_nm:g} nm along x and {rows_nm:g} nm along y"]
    elif in_pixels:
        need_pixel_size(path, meta)
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
        columns |= dict(zip(("sigma_y", "sigma_x", "sigma_z"), (spread * scale).T, strict=True))
    for name, ours in (
        ("phot", "photons"),
        ("bg", "bg"),
        ("prob", "prob"),
        ("phot_sig", "sigma_photons"),
        ("id", "id"),
    ):
        values = _filled(data, name, (count,))
        if values is not None:
            columns[ours] = values
    return Emitters(columns, meta)


def read_insight3(path: Path, pixel_size: float | None = None) -> Emitters:
    """Read an Insight3 list, as storm-analysis writes it (``.bin``).

    Args:
        path: the file.
        pixel_size: nm, needed as positions are in px.

    Raises:
        UserError: no pixel size, or a file that is too short.
    """
    pixel = _given(path, pixel_size)
    with open(path, "rb") as file:
        head = file.read(16)
        count = int.from_bytes(head[12:16], "little", signed=True)
        if count < 0 or path.stat().st_size < 16 + count * _INSIGHT3.itemsize:
            raise UserError(f"{path} is truncated: it announces {count} rows and holds fewer")
        rows = np.fromfile(file, _INSIGHT3, count)
    x, y = (pixel * (rows[axis].astype(np.float64) - 1) for axis in "xy")
    check_positions(path, [x, y])
    columns = {
        "frame": frames_from(path, rows["fr"].astype(np.float64), 1),
        "x": x,
        "y": y,
        "z": rows["z"],
        "photons": rows["a"],
        "bg": rows["bg"],
        "psf_sigma": rows["w"] / 2,  # w is twice the standard deviation, in nm
    }
    return Emitters(columns, {"pixel_size": pixel, "format": "Insight3"})


def _names(head: str) -> list[str]:
    return [name.strip().strip('"').lower() for name in head.split(",")]


def _given(path: Path, pixel_size: float | None) -> float:
    return need_pixel_size(path, {} if pixel_size is None else {"pixel_size": pixel_size})


def _filled(group: h5py.Group, name: str, shape: tuple[int, ...]) -> NDArray[Any] | None:
    """A data set, None where it is missing or was stored as empty (all NaN)."""
    if name not in group or group[name].shape != shape:
        return None
    return np.asarray(group[name][()])
