"""ThunderSTORM's CSV tables.

In these files the *corner* of the first pixel is the origin, so half a pixel is
added on writing and taken off on reading, and frames count from 1. The standard
columns come first, then ours, which ThunderSTORM, Picasso and locan read over or
keep: ``uncertainty_x [nm]``, ``uncertainty_y [nm]`` (the standard
``uncertainty_xy [nm]`` is their root mean square), ``intensity_sd [photon]``,
``prob`` and ``molecule`` (our ``id``; ThunderSTORM's own ``id`` numbers the
rows), further columns under their own names, and last ``pixel_size [nm]``, the same in
every row, so that the origin can be found again. What else is known beside the rows
goes into ``NAME.csv.yaml`` (:mod:`truevar.io.tables.meta`).
"""

from __future__ import annotations

import csv
import re
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
from truevar.io.tables.number_text import check_positions, frames_from, read_numbers
from truevar.io.tables.parts import TableParts

_PLAIN = {
    "z": "z",
    "sigma": "psf_sigma",
    "intensity": "photons",
    "offset": "bg",
    "uncertainty_x": "sigma_x",
    "uncertainty_y": "sigma_y",
    "uncertainty_z": "sigma_z",
    "intensity_sd": "sigma_photons",
    "prob": "prob",
    "molecule": "id",
}
"""Columns that only change their names."""

_KNOWN = {"frame", "x", "y", "id", "sigma1", "sigma2", "uncertainty", "uncertainty_xy"}
_KNOWN |= {"pixel_size", *_PLAIN}

_UNITS = {"": 1.0, "nm": 1.0, "um": 1e3, "µm": 1e3, "photon": 1.0, "photons": 1.0}


def is_thunderstorm(head: str) -> bool:
    """Whether a file's first line is a ThunderSTORM header."""
    names = [name for _, name, _ in header_fields(head)]
    return {"frame", "x", "y"} <= set(names) and "[" in head


def read_thunderstorm(path: Path, head: str, pixel_size: float | None = None) -> Emitters:
    """Read a ThunderSTORM CSV.

    Args:
        path: the file.
        head: its first line.
        pixel_size: nm; needed unless the table or its side file tells it, for the
            half pixel between corner and centre.

    Raises:
        UserError: no pixel size, or a field that is no number.
    """
    header = header_fields(head)
    values = read_numbers(path, len(header))
    own = _own_pixels(header, values)
    meta = meta_of_csv(path, own, pixel_size)
    pixel = pixels_of_csv(path, own, meta)
    found: dict[str, NDArray[np.float64]] = {}
    others = []
    for (field, name, unit), column in zip(header, values.T, strict=True):
        scale = pixel if unit == "px" else _UNITS.get(unit)
        # ADU and the like are not photons.
        if name in _KNOWN and scale is not None and name not in found:
            found[name] = column * scale
        else:
            others.append((field, column))
    for name in ("frame", "x", "y"):
        if name not in found:
            raise UserError(f"{path} has {name} in a unit not known here; it must be nm, um or px")
    check_positions(path, [found["x"], found["y"]])
    first = 1
    if np.any(found["frame"] == 0) and not np.any(found["frame"] < 0):
        first = 0  # some programs that write this format count from 0
        meta["notes"] = [*meta.get("notes", ()), f"frames in {path.name} count from 0"]
    columns: dict[str, Any] = {
        "frame": frames_from(path, found["frame"], first),
        "x": found["x"] - 0.5 * pixel,
        "y": found["y"] - 0.5 * pixel,
    }
    columns.update({ours: found[name] for name, ours in _PLAIN.items() if name in found})
    if "id" in columns and not np.all(np.isfinite(columns["id"])):
        del columns["id"]
    if "psf_sigma" not in columns and {"sigma1", "sigma2"} <= set(found):
        columns["psf_sigma"] = np.sqrt(found["sigma1"] * found["sigma2"])
    both = found.get("uncertainty_xy", found.get("uncertainty"))
    if both is not None:
        columns.setdefault("sigma_x", both)
        columns.setdefault("sigma_y", both)
    columns |= take_further(others, meta)
    return Emitters(columns, meta)


def _own_pixels(
    header: list[tuple[str, str, str]], values: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """(rows,) the camera pixel in nm that stands in the table; None without the column."""
    for (_, name, unit), column in zip(header, values.T, strict=True):
        if name == "pixel_size" and unit in _UNITS:
            return column * _UNITS[unit]
    return None


def write_thunderstorm(parts: TableParts, path: Path) -> None:
    """Write a ThunderSTORM CSV and its ``NAME.csv.yaml``, part by part.

    Positions are written to 0.0001 nm, further columns exactly, all else to seven digits.

    Raises:
        UserError: no pixel size in ``meta``, a further column with a name that
            ThunderSTORM has for another, or the files cannot be written.
    """
    pixel = need_pixel_size("the table", parts.meta, 'meta["pixel_size"]')
    first = next(iter(parts))
    names = [name for name, _, _ in _all_columns(first, pixel, 0)]
    head = ",".join('"' + name.replace('"', '""') + '"' for name in names)
    _check_further(path, further_names(first), head)
    write_csv(parts, path, head, lambda table, before: _all_columns(table, pixel, before))


def _all_columns(table: Emitters, pixel: float, before: int) -> list[Column]:
    """Every column of a part; ``before`` rows are written already."""
    ids = ("id", "%d", np.arange(before + 1, before + len(table) + 1))
    size = pixel_column("pixel_size [nm]", table, pixel)
    return [ids, *_standard(table, pixel), *further(table), size]


def _standard(table: Emitters, pixel: float) -> list[Column]:
    """The columns that have a meaning here."""
    columns: list[Column] = [
        ("frame", "%d", table.frame + 1),
        ("x [nm]", "%.4f", table.x + 0.5 * pixel),
        ("y [nm]", "%.4f", table.y + 0.5 * pixel),
    ]

    def add(header: str, values: NDArray[Any], form: str = "%.7g") -> None:
        columns.append((header, form, values))

    if "z" in table:
        add("z [nm]", table.z, "%.4f")
    if "psf_sigma" in table:
        for header in ("sigma1 [nm]", "sigma2 [nm]") if "z" in table else ("sigma [nm]",):
            add(header, table.psf_sigma)
    if "photons" in table:
        add("intensity [photon]", table.photons)
    if "bg" in table:
        add("offset [photon]", table.bg)
    if "sigma_x" in table and "sigma_y" in table:
        add("uncertainty_xy [nm]", np.sqrt((table.sigma_x**2 + table.sigma_y**2) / 2))
    if "sigma_z" in table:
        add("uncertainty_z [nm]", table.sigma_z)
    for name, header in (
        ("sigma_x", "uncertainty_x [nm]"),
        ("sigma_y", "uncertainty_y [nm]"),
        ("sigma_photons", "intensity_sd [photon]"),
        ("prob", "prob"),
    ):
        if name in table:
            add(header, table[name])
    if "id" in table:
        add("molecule", table["id"], "%d")
    return columns


def _check_further(path: Path, names: list[str], head: str) -> None:
    """Make sure that reading finds the further columns as what they are."""
    read = header_fields(head)
    units = {"px", *_UNITS}
    free = [field for field, name, unit in read if name not in _KNOWN or unit not in units]
    refuse_names(path, (name for name in names if name not in free))


def header_fields(head: str) -> list[tuple[str, str, str]]:
    """(field, name, unit) of every column; quotes may be doubled by spreadsheets."""
    try:
        fields = next(csv.reader([head]), [])
    except csv.Error:  # a quote that never closes
        fields = []
    if len(fields) < 2:  # all of the line within one more pair of quotes
        fields = head.replace('"', "").split(",")
    found = []
    for field in fields:
        text = field.strip()
        if len(text) > 2 and text[0] == text[-1] == '"':
            text = text[1:-1]
        match = re.fullmatch(r"([^\[\]]*?)\s*(?:\[([^\]]*)\])?", text)
        name, unit = (match[1], match[2] or "") if match else (text, "?")
        found.append((text, name.strip().lower(), unit.strip().lower()))
    return found


def check_header(path: Path, head: str) -> None:
    """Say which column a ThunderSTORM-like header lacks.

    Raises:
        UserError: always.
    """
    names = [name for _, name, _ in header_fields(head)]
    missing = [name for name in ("frame", "x", "y") if name not in names]
    raise UserError(
        f"{path} is not a table of ThunderSTORM, SMAP or Nanoimager: its first line lacks "
        f"{'the column ' + missing[0] if missing else 'units such as x [nm]'}"
    )
