"""SMAP's CSV tables, and what its columns mean.

nm, frames from 1; the centre of the first pixel is at *one* pixel, for positions count
MATLAB's pixels from 1 (its fitters' source; in a file of its own nm = px · pixel size,
without an offset).

On writing, SMAP's own names come first, then ours, ``photerr`` and ``prob``, further columns
under their own names, and last ``pixelsizenm``, the same in every row, so that the origin can
be found again. What else is known beside the rows goes into ``NAME.csv.yaml``
(:mod:`truevar.io.tables.meta`). A name of SMAP's that has no meaning here, such as
``channel``, is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.io.side_file import need_pixel_size
from truevar.io.tables.csv_writing import Column, further, pixel_column, write_csv
from truevar.io.tables.further_columns import further_names, refuse_names, take_further
from truevar.io.tables.meta import meta_of_csv, pixels_of_csv
from truevar.io.tables.number_text import check_positions, frames_from, names_in, read_numbers
from truevar.io.tables.parts import TableParts

PIXEL = "pixelsizenm"
"""Our column with the camera pixel."""

_NAMES = {
    "x": ("xnm", "x"),
    "y": ("ynm", "y"),
    "z": ("znm", "z"),
    "photons": ("phot",),
    "bg": ("bg",),
    "sigma_x": ("xnmerr", "locprecnm", "locprec"),
    "sigma_y": ("ynmerr", "locprecnm", "locprec"),
    "sigma_z": ("locprecznm", "locprecz", "zerr"),
    "sigma_photons": ("photerr",),
    "psf_sigma": ("psfxnm",),
    "prob": ("prob",),
    "id": ("id",),
}
"""Names in lower case, the one that is preferred first."""

_KNOWN = {"frame", "psfynm", PIXEL, *(name for names in _NAMES.values() for name in names)}


def is_smap(head: str) -> bool:
    """Whether a CSV's first line is SMAP's."""
    names = {name.lower() for name in names_in(head)}
    return "frame" in names and ("xnm" in names or {"x", "phot"} <= names)


def read_smap(path: Path, head: str, pixel_size: float | None = None) -> Emitters:
    """Read a CSV of SMAP.

    Args:
        path: the file.
        head: its first line.
        pixel_size: nm; needed unless the table or its side file tells it, to move the origin.

    Raises:
        UserError: no pixel size, a column is missing, or a field is no number.
    """
    fields = names_in(head)
    values = read_numbers(path, len(fields)).T
    own = next((one for name, one in zip(fields, values, strict=True) if name == PIXEL), None)
    meta = meta_of_csv(path, own, pixel_size)
    pixel = pixels_of_csv(path, own, meta)
    if own is None:
        meta["format"] = "SMAP"
    return smap_emitters(path, zip(fields, values, strict=True), (pixel, pixel), meta)


def smap_emitters(
    path: Path,
    found: Iterable[tuple[str, NDArray[Any]]],
    first: tuple[Any, Any],
    meta: dict[str, Any],
) -> Emitters:
    """A table out of SMAP's columns.

    Args:
        path: for messages.
        found: name in SMAP and values, (rows,), of every column.
        first: nm, where the centre of the first pixel lies, in x and y.
        meta: the table's; a note on columns that cannot be kept is put into it.

    Raises:
        UserError: a column is missing, or a number that cannot be.
    """
    pairs = list(found)
    values: dict[str, Any] = {}
    for name, one in pairs:
        values.setdefault(name.lower(), one)
    for ours, name in (("x", "xnm"), ("y", "ynm"), ("frame", "frame")):
        if name not in values and ours not in values:
            raise UserError(f"{path} lacks the column {name}; it is no table of SMAP")
    columns: dict[str, Any] = {"frame": frames_from(path, values["frame"], 1)}
    for ours, names in _NAMES.items():
        present = [name for name in names if name in values]
        if present:
            columns[ours] = values[present[0]]
    if "psfxnm" in values and "psfynm" in values:
        columns["psf_sigma"] = np.sqrt(np.abs(values["psfxnm"] * values["psfynm"]))
    if "id" in columns and not np.all(np.isfinite(columns["id"])):
        del columns["id"]
    check_positions(path, [columns["x"], columns["y"]])
    for axis, at in zip("xy", first, strict=True):
        columns[axis] = columns[axis] - at
    others = ((name, one) for name, one in pairs if name.lower() not in _KNOWN)
    columns |= take_further(others, meta)
    return Emitters(columns, meta)


def write_smap(parts: TableParts, path: Path) -> None:
    """Write a CSV for SMAP and its ``NAME.csv.yaml``, part by part.

    Positions are written to 0.0001 nm, further columns exactly, all else to seven digits.

    Raises:
        UserError: no pixel size in ``meta``, a further column with a name that SMAP has for
            another, or the files cannot be written.
    """
    pixel = need_pixel_size("the table", parts.meta, 'meta["pixel_size"]')
    first = next(iter(parts))
    refuse_names(path, (name for name in further_names(first) if name.lower() in _KNOWN))
    head = ",".join(_quoted(name) for name, _, _ in _all_columns(first, pixel))
    write_csv(parts, path, head, lambda table, _: _all_columns(table, pixel))


def _all_columns(table: Emitters, pixel: float) -> list[Column]:
    """Every column of a part."""
    columns: list[Column] = [
        ("frame", "%d", table.frame + 1),
        ("xnm", "%.4f", table.x + pixel),
        ("ynm", "%.4f", table.y + pixel),
    ]
    if "z" in table:
        columns.append(("znm", "%.4f", table.z))
    if "sigma_x" in table and "sigma_y" in table:
        both = np.sqrt((table.sigma_x**2 + table.sigma_y**2) / 2)
        columns.append(("locprecnm", "%.7g", both))
    for ours, name in (
        ("photons", "phot"),
        ("bg", "bg"),
        ("sigma_x", "xnmerr"),
        ("sigma_y", "ynmerr"),
        ("sigma_z", "locprecznm"),
        ("psf_sigma", "PSFxnm"),
        ("psf_sigma", "PSFynm"),
        ("sigma_photons", "photerr"),
        ("prob", "prob"),
    ):
        if ours in table:
            columns.append((name, "%.7g", table[ours]))
    if "id" in table:
        columns.append(("id", "%d", table["id"]))
    return [*columns, *further(table), pixel_column(PIXEL, table, pixel)]


def _quoted(name: str) -> str:
    """A name in a line with commas; SMAP's own are never quoted."""
    return '"' + name.replace('"', '""') + '"' if set(name) & set(',"') else name
