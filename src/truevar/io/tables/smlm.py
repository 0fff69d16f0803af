"""Tables in the SMLM file format, version 0.2: a zip with ``manifest.json`` and binary tables.

The format's specification gives headers (only ``x`` and ``y`` are required) and lengths in nm,
but neither an origin nor a first frame: a file counts as the program did that made it. Those of
other programs are read as they stand, the centre of the first pixel at the origin and frames
from 0, and a note in the table says so. Those written here do count so, and say so in the
manifest, under ``TrueVAR``, which holds the metadata as well.

A table is written in one binary file, row by row and part by part: whole numbers as ``uint32``
with an offset, as the specification has no signed ones (as ``int64`` where their range is too
wide for that), positions and further columns as ``float64``, all else as ``float32``.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truevar.emitters import UNITS, Emitters
from truevar.errors import UserError
from truevar.io.atomic import replacing
from truevar.io.side_file import OURS, document, from_json, meta_of, need_pixel_size
from truevar.io.tables.further_columns import further_names, refuse_names, take_further
from truevar.io.tables.number_text import check_positions, frames_from
from truevar.io.tables.parts import TableParts

ZIP_MAGIC = b"PK"

NOTE = (
    "files of this kind do not tell where positions and frames count from; they are taken as "
    "counted from the centre of the first pixel and from frame 0"
)

_MANIFEST = "manifest.json"
_FORMAT = "smlm-table(binary)"
_BINARY = "table.bin"

_HEADERS = {
    "frame": "frame",
    "x": "x",
    "y": "y",
    "z": "z",
    "photons": "intensity",
    "bg": "background",
    "sigma_x": "x_precision",
    "sigma_y": "y_precision",
    "sigma_z": "z_precision",
    "sigma_photons": "sigma_photons",
    "psf_sigma": "psf_sigma",
    "prob": "prob",
    "id": "id",
}
_ALIASES = {
    "x": ("x_position", "position_x"),
    "y": ("y_position", "position_y"),
    "z": ("z_position", "position_z"),
    "bg": ("local_background",),
}
_SHORT = {
    "frame": "frame",
    "photons": "photon",
    "sigma_photons": "photon",
    "bg": "photon",
    "prob": "",
    "id": "",
}
"""Units in the manifest of what is no length."""

_NM = {"": 1.0, "1": 1.0, "nm": 1.0, "um": 1e3, "mm": 1e6, "m": 1e9, "angstrom": 0.1}
_TYPES = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
_TYPES |= {"float32", "float64"}


def read_smlm(path: Path, pixel_size: float | None = None) -> Emitters:
    """Read an SMLM file; the rows of several tables follow each other, told apart by ``table``.

    Args:
        path: the file.
        pixel_size: nm; goes before what the file tells. Needed where lengths are in px.

    Raises:
        UserError: no such zip, another version, no binary table in it, a table that is too
            short, or units that are not known here.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = json.loads(archive.read(_MANIFEST))
            version = str(manifest["format_version"])
            if not version.startswith("0.2"):
                raise UserError(f"{path} is SMLM {version}; only version 0.2 can be read")
            infos = [one for one in manifest["files"] if one.get("type") == "table"]
            forms = [manifest["formats"][one["format"]] for one in infos]
            tables = [
                _columns(path, archive.read(info["name"]), form, info)
                for info, form in zip(infos, forms, strict=True)
                if form.get("mode") == "binary"
            ]
    except UserError:
        raise
    except Exception as error:  # damaged bytes can upset a parser in any way
        raise UserError(
            f"{path} is no SMLM file, or a damaged one: a zip with {_MANIFEST} and the tables "
            "that it names; copy or write it again"
        ) from error
    if not tables:
        raise UserError(f"{path} holds no binary table; export one as SMLM 0.2")
    meta: dict[str, Any] = {"format": "SMLM", "notes": [NOTE]}
    if OURS in manifest:
        meta = meta_of(from_json(json.dumps(manifest[OURS])))
    if pixel_size is not None:
        meta["pixel_size"] = float(pixel_size)
    found = [_emitters(path, one, meta) for one in tables]
    if len(found) > 1:
        found = [
            one if "table" in one else one.with_columns(table=np.full(len(one), number))
            for number, one in enumerate(found)
        ]
    return Emitters.concat(found, meta)


def _columns(
    path: Path, content: bytes, form: Mapping[str, Any], info: Mapping[str, Any]
) -> list[tuple[str, str, NDArray[Any]]]:
    """(header, unit, values) of every column of a table, (rows,) or (rows, n) each."""
    headers, types = [str(one) for one in form["headers"]], form["dtype"]
    shapes, units = form["shape"], form.get("units") or [""] * len(headers)
    fields: list[Any] = []
    for number, (kind, shape) in enumerate(zip(types, shapes, strict=True)):
        if kind not in _TYPES:
            raise UserError(f"{path} has columns of the type {kind!r}, which is not known here")
        size = int(np.prod([int(n) for n in np.atleast_1d(shape)]))
        fields.append((str(number), np.dtype(kind).newbyteorder("<"), (size,)))
    rows, row = int(info["rows"]), np.dtype(fields)
    if rows < 0 or len(content) < rows * row.itemsize:
        raise UserError(
            f"{path} is truncated: it announces {rows} rows and holds "
            f"{len(content) // row.itemsize}; copy or write it again"
        )
    values = np.frombuffer(content, row, rows)
    offsets = info.get("offset") or {}
    found: list[tuple[str, str, NDArray[Any]]] = []
    for number, (header, unit) in enumerate(zip(headers, units, strict=True)):
        column = values[str(number)]
        offset = offsets.get(header, 0)
        if offset:
            whole = column.dtype.kind in "iu" and float(offset).is_integer()
            column = column.astype(np.int64 if whole else np.float64) + offset
        found.append((header, str(unit), column[:, 0] if column.shape[1] == 1 else column))
    return found


def _emitters(
    path: Path, found: list[tuple[str, str, NDArray[Any]]], meta: dict[str, Any]
) -> Emitters:
    by_header = {header: (unit, values) for header, unit, values in found}
    columns: dict[str, Any] = {}
    taken = set()
    for ours, header in _HEADERS.items():
        names = (header, *_ALIASES.get(ours, ()))
        name = next((one for one in names if one in by_header), None)
        if name is None or by_header[name][1].ndim > 1:
            continue
        unit, values = by_header[name]
        columns[ours] = values.astype(np.float64) * _scale(path, ours, unit, meta)
        taken.add(name)
    for name in ("x", "y"):
        if name not in columns:
            raise UserError(f"{path} lacks the column {name!r}; it is no table of emitters")
    rows = len(columns["x"])
    if "frame" not in columns:
        columns["frame"] = np.zeros(rows)
        _note(meta, f"{path.name} has no frames; all rows are put into frame 0")
    if "photons" in columns and not by_header["intensity"][0].startswith("photon"):
        _note(meta, "the unit of the intensity is not told; it is taken for photons")
    columns["frame"] = frames_from(path, columns["frame"], 0)
    check_positions(path, [columns["x"], columns["y"]])
    if "id" in columns and not np.all(np.isfinite(columns["id"])):
        del columns["id"]
    others = ((header, values) for header, _, values in found if header not in taken)
    columns |= take_further(others, meta)
    return Emitters(columns, meta)


def _note(meta: dict[str, Any], text: str) -> None:
    if text not in meta.get("notes", ()):
        meta["notes"] = [*meta.get("notes", ()), text]


def _scale(path: Path, ours: str, unit: str, meta: Mapping[str, Any]) -> float:
    """From the file's unit to ours."""
    if not UNITS[ours].startswith("nm"):
        return 1.0
    unit = unit.strip().lower()
    if unit in ("px", "pixel", "pixels"):
        return need_pixel_size(path, meta)
    if unit not in _NM:
        raise UserError(f"{path} has {ours} in {unit!r}; lengths must be in nm, um, mm, m or px")
    return _NM[unit]


def write_smlm(parts: TableParts, path: Path) -> None:
    """Write an SMLM file, part by part.

    Raises:
        UserError: no pixel size in ``meta``, a further column with a header that the format has
            for another, or the file cannot be written.
    """
    need_pixel_size("the table", parts.meta, 'meta["pixel_size"]')
    first = next(iter(parts))
    known = {*_HEADERS.values(), *(name for names in _ALIASES.values() for name in names)}
    refuse_names(path, (name for name in further_names(first) if name in known))
    stored = {name: (np.dtype(_real_type(name)), 0) for name in first}
    for name, (least, most) in _ranges(parts).items():
        offset = min(least, 0)
        fits = most - offset < 2**32
        stored[name] = (np.dtype(np.uint32), offset) if fits else (np.dtype(np.int64), 0)
    row = np.dtype([(name, kind.newbyteorder("<")) for name, (kind, _) in stored.items()])
    with (
        replacing(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        archive.writestr(_MANIFEST, _manifest(parts, first, path, stored))
        with archive.open(_BINARY, "w", force_zip64=True) as file:
            for table in parts:
                rows = np.empty(len(table), row)
                for name, (_, offset) in stored.items():
                    rows[name] = table[name] - offset
                file.write(rows.tobytes())


def _real_type(name: str) -> type[np.floating[Any]]:
    return np.float32 if name in UNITS and name not in ("x", "y", "z") else np.float64


def _ranges(parts: TableParts) -> dict[str, tuple[int, int]]:
    """Least and most of every column of whole numbers."""
    found: dict[str, tuple[int, int]] = {}
    for table in parts:
        for name, values in table.items():
            if values.dtype.kind == "i":
                one = (int(values.min()), int(values.max())) if len(values) else (0, 0)
                least, most = found.get(name, one)
                found[name] = (min(least, one[0]), max(most, one[1]))
    return found


def _manifest(
    parts: TableParts, first: Emitters, path: Path, stored: Mapping[str, tuple[np.dtype[Any], int]]
) -> str:
    headers = [_HEADERS.get(name, name) for name in stored]
    form = {
        "name": _FORMAT,
        "type": "table",
        "mode": "binary",
        "extension": ".bin",
        "columns": len(headers),
        "headers": headers,
        "dtype": [kind.name for kind, _ in stored.values()],
        "shape": [1] * len(headers),
        "units": [_SHORT.get(name, "nm" if name in UNITS else "") for name in stored],
        "description": "positions count from the centre of the first pixel, frames from 0",
    }
    offsets = {header: offset for header, (_, offset) in zip(headers, stored.values(), strict=True)}
    info = {
        "name": _BINARY,
        "type": "table",
        "format": _FORMAT,
        "channel": "default",
        "rows": len(parts),
        "offset": {header: offset for header, offset in offsets.items() if offset},
    }
    return json.dumps(
        {
            "format_version": "0.2",
            "formats": {_FORMAT: form},
            "files": [info],
            "name": path.stem,
            "description": "localisations written by TrueVAR",
            "tags": [],
            OURS: [document(parts.meta, path)],
        },
        indent=1,
    )
