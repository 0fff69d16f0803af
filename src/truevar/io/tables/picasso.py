"""Picasso's HDF5 tables, as Picasso 0.11 reads and writes them.

One compound data set ``locs``: lengths in camera pixels whose centres are whole
numbers, ``z`` and ``lpz`` in nm, frames from 0. The metadata are written twice,
as JSON in the data set ``metadata``, for us and Picasso 0.11, and as ``NAME.yaml``
for older ones (:mod:`truevar.io.tables.meta`).

Picasso's reader drops a row with NaN or infinity in *any* column, with a
negative x, y, photons, lpx, lpy, lpz, sx or sy, or with x >= Width or
y >= Height. Therefore:

* a column with a NaN anywhere is left out, with a warning, and the metadata say so;
  Picasso needs none but frame, x, y;
* an emitter in the outer half of the first row or column of pixels (x from
  -0.5 to 0 px) is moved to 0, by half a pixel at most, rather than lost. If
  there is one, the extra columns ``x_exact`` and ``y_exact`` keep the
  positions. Our reader takes those for every row that still lies where that move
  had put it: Picasso corrects drift in ``x`` and ``y`` and passes other columns on.

Columns that Picasso does not know (``prob``, ``id``, ``sigma_photons``, further
ones) it keeps as they are.
"""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from truevar.emitters import Emitters
from truevar.errors import TrueVARWarning, UserError
from truevar.io.atomic import replacing_all
from truevar.io.side_file import documents, from_json, need_pixel_size, to_yaml
from truevar.io.tables.further_columns import further_names, refuse_names, take_further
from truevar.io.tables.meta import check_side_file, meta_of_hdf5, side_path
from truevar.io.tables.number_text import check_positions, frames_from
from truevar.io.tables.parts import TableParts

_PIXELS = {"lpx": "sigma_x", "lpy": "sigma_y"}
_AS_THEY_ARE = {"photons": "photons", "bg": "bg", "z": "z", "lpz": "sigma_z", "prob": "prob"}
_AS_THEY_ARE |= {"sigma_photons": "sigma_photons"}
_KNOWN = {"frame", "x", "y", "x_exact", "y_exact", "sx", "sy", "id", *_PIXELS, *_AS_THEY_ARE}

_LOST = (
    "another program moved {} emitters that lay in the outer half of the first pixels; they are "
    "where it left them, up to half a pixel off"
)


def is_picasso(file: h5py.File) -> bool:
    """Whether an HDF5 file is Picasso's."""
    locs = file.get("locs")
    return isinstance(locs, h5py.Dataset) and bool(locs.dtype.names)


def read_picasso(path: Path, file: h5py.File, pixel_size: float | None = None) -> Emitters:
    """Read a Picasso table.

    Args:
        path: the file, beside which ``NAME.yaml`` is looked for.
        file: the same, open.
        pixel_size: nm; where None it comes from the metadata in the file, or else
            from ``NAME.yaml``.

    Raises:
        UserError: no pixel size, or a column that is missing or no numbers.
    """
    said = file["metadata"][()] if isinstance(file.get("metadata"), h5py.Dataset) else None
    inside = from_json(said) if isinstance(said, (str, bytes)) else []
    meta = meta_of_hdf5(path, inside, pixel_size)
    pixel = need_pixel_size(path, meta)
    rows = file["locs"][()]
    names = rows.dtype.names or ()
    missing = [name for name in ("frame", "x", "y") if name not in names]
    if missing:
        raise UserError(f"{path} lacks the column {missing[0]!r}; it is no Picasso table")

    def column(name: str) -> NDArray[np.float64]:
        return np.asarray(rows[name], np.float64).reshape(len(rows))

    x, y = column("x"), column("y")
    if "x_exact" in names and "y_exact" in names:
        x, y, lost = _exact((x, y), (column("x_exact"), column("y_exact")))
        if lost:
            meta["notes"] = [*meta.get("notes", ()), _LOST.format(lost)]
    check_positions(path, [x, y])
    columns: dict[str, Any] = {
        "frame": frames_from(path, column("frame"), 0),
        "x": x * pixel,
        "y": y * pixel,
    }
    columns |= {ours: column(name) * pixel for name, ours in _PIXELS.items() if name in names}
    columns |= {ours: column(name) for name, ours in _AS_THEY_ARE.items() if name in names}
    if "sx" in names and "sy" in names:
        columns["psf_sigma"] = pixel * np.sqrt(np.abs(column("sx") * column("sy")))
    if "id" in names and np.all(np.isfinite(column("id"))):
        columns["id"] = rows["id"]
    others = ((name, rows[name]) for name in names if name not in _KNOWN)
    columns |= take_further(others, meta)
    return Emitters(columns, meta)


def _clipped(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions in px, those in the outer half of the first pixel moved to its centre."""
    return np.where((values < 0) & (values >= -0.5), 0.0, values)


def _exact(
    shown: tuple[NDArray[np.float64], NDArray[np.float64]],
    exact: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """x and y in px, exact where nobody has moved the row since it was written.

    Also how many rows were moved for which that costs the part below 0.
    """
    clipped = [_clipped(values) for values in exact]
    untouched = (shown[0] == clipped[0]) & (shown[1] == clipped[1])
    was_clipped = (clipped[0] != exact[0]) | (clipped[1] != exact[1])
    x, y = (np.where(untouched, *pair) for pair in zip(exact, shown, strict=True))
    return x, y, int(np.sum(was_clipped & ~untouched))


def write_picasso(parts: TableParts, path: Path) -> None:
    """Write a Picasso table and its ``NAME.yaml``.

    Raises:
        UserError: no pixel size in ``meta``, a further column with a name of Picasso's, or the
            files cannot be written.
    """
    table = parts.joined()
    pixel = need_pixel_size("the table", table.meta, 'meta["pixel_size"]')
    check_side_file(path)
    refuse_names(path, (name for name in further_names(table) if name in _KNOWN))
    columns, left_out = _columns(table, pixel)
    rows = np.empty(len(table), [(name, values.dtype) for name, values in columns.items()])
    for name, values in columns.items():
        rows[name] = values
    docs = documents(table, path, left_out)
    if left_out:
        warnings.warn(
            f"{path.name} is written without {', '.join(left_out)}: Picasso would drop the rows "
            "where that is not a number; a .csv keeps it",
            TrueVARWarning,
            stacklevel=3,
        )
    # Made in memory first: HDF5's own errors on a full disk are many and unclear.
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        file.create_dataset("locs", data=rows)
        file.create_dataset("metadata", data=json.dumps(docs))
    with replacing_all(path, side_path(path)) as (rows_file, side_file):
        side_file.write_text(to_yaml(docs), encoding="utf-8", newline="\n")
        rows_file.write_bytes(image.getbuffer())


def _columns(table: Emitters, pixel: float) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """Picasso's columns, and the names of ours that have a NaN."""
    exact = {axis: table[axis] / pixel for axis in "xy"}
    shown = {axis: _clipped(values) for axis, values in exact.items()}
    wanted: dict[str, NDArray[Any]] = {"x": shown["x"], "y": shown["y"]}
    left_out = []

    def add(name: str, ours: str, scale: float = 1.0) -> None:
        if ours not in table:
            return
        if np.all(np.isfinite(table[ours])):
            wanted[name] = table[ours] * scale
        elif ours not in left_out:
            left_out.append(ours)

    add("photons", "photons")
    for name in ("sx", "sy"):
        add(name, "psf_sigma", 1 / pixel)
    add("bg", "bg")
    for name, ours in _PIXELS.items():
        add(name, ours, 1 / pixel)
    for name in ("z", "lpz", "prob", "sigma_photons"):
        add(name, _AS_THEY_ARE[name])
    if any(np.any(shown[axis] != exact[axis]) for axis in "xy"):
        wanted |= {f"{axis}_exact": values for axis, values in exact.items()}
    columns: dict[str, NDArray[Any]] = {"frame": table.frame.astype(np.uint32)}
    columns |= {name: values.astype(np.float32) for name, values in wanted.items()}
    if "id" in table:
        columns["id"] = table["id"]
    for name in further_names(table):
        if np.all(np.isfinite(table[name])):
            columns[name] = table[name]
        else:
            left_out.append(name)
    return columns, left_out
