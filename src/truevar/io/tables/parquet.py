"""Parquet tables: our columns, under our names and in our conventions, with the metadata inside.

nm, frames from 0, the centre of the first pixel at the origin; numbers in full precision, the
unit of a column in its field's metadata. ``TrueVAR`` among the file's key-value metadata holds
the document of :mod:`truevar.io.side_file` as JSON. Tables of others are read if they have our
columns, such as one that pandas wrote of :meth:`truevar.Emitters.to_pandas`: it keeps ``attrs``,
and so the metadata, under a key of its own.

Needs pyarrow, which comes with ``pip install "truevar[parquet]"``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from truevar.emitters import UNITS, Emitters
from truevar.errors import UserError
from truevar.io.atomic import replacing
from truevar.io.extras import need_package
from truevar.io.side_file import OURS, document, from_json, meta_of, need_pixel_size
from truevar.io.tables.further_columns import take_further
from truevar.io.tables.number_text import check_positions, frames_from
from truevar.io.tables.parts import TableParts

PARQUET_MAGIC = b"PAR1"

NOTE = "the file does not tell where positions count from; they are taken as ours, in nm"

_PANDAS = b"PANDAS_ATTRS"


def need_pyarrow() -> tuple[Any, Any]:
    """pyarrow and its part for Parquet.

    Raises:
        UserError: it is not installed.
    """
    modules = [need_package(one, "a .parquet", "parquet") for one in ("pyarrow", "pyarrow.parquet")]
    return modules[0], modules[1]


def read_parquet(path: Path, pixel_size: float | None = None) -> Emitters:
    """Read a Parquet table with columns named as here.

    Args:
        path: the file.
        pixel_size: nm; goes before the file's own, into the table's ``meta``.

    Raises:
        UserError: pyarrow is not installed, the file is damaged, a column is missing, or a
            number cannot be.
    """
    _, parquet = need_pyarrow()
    try:
        read = parquet.read_table(path)
        said = dict(read.schema.metadata or {})
        values = {
            name: np.asarray(column.to_numpy())  # what is missing becomes NaN
            for name, column in zip(read.column_names, read.columns, strict=True)
        }
    except Exception as error:  # damaged bytes can upset a parser in any way
        raise UserError(f"{path} is a damaged Parquet file; copy or write it again") from error
    for name in ("frame", "x", "y"):
        if name not in values or values[name].dtype.kind not in "iuf":
            raise UserError(
                f"{path} lacks the column {name!r}, in numbers; name the columns as TrueVAR does "
                "(docs/formats.md)"
            )
    meta = _meta(said)
    if pixel_size is not None:
        meta["pixel_size"] = float(pixel_size)
    columns: dict[str, Any] = {
        "frame": frames_from(path, np.asarray(values.pop("frame"), np.float64), 0)
    }
    ids = values.get("id")
    if ids is not None and ids.dtype.kind == "f" and not np.all(np.isfinite(ids)):
        del values["id"]
    ours = [name for name in values if name in UNITS and values[name].dtype.kind in "biuf"]
    columns |= {name: values.pop(name) for name in ours}
    check_positions(path, [columns["x"], columns["y"]])
    columns |= take_further(values.items(), meta)
    return Emitters(columns, meta)


def _meta(said: Mapping[bytes, bytes]) -> dict[str, Any]:
    if OURS.encode() in said:
        return meta_of(from_json(said[OURS.encode()]))
    try:
        attrs = json.loads(said.get(_PANDAS, b"null"))
    except ValueError:
        attrs = None
    if isinstance(attrs, dict):
        return meta_of([{OURS: attrs}])
    return {"format": "Parquet", "notes": [NOTE]}


def write_parquet(parts: TableParts, path: Path) -> None:
    """Write a Parquet table, part by part.

    Raises:
        UserError: pyarrow is not installed, no pixel size in ``meta``, or the file cannot be
            written.
    """
    arrow, parquet = need_pyarrow()
    need_pixel_size("the table", parts.meta, 'meta["pixel_size"]')
    first = next(iter(parts))
    docs = json.dumps([document(parts.meta, path)])
    fields = [
        arrow.field(name, arrow.from_numpy_dtype(values.dtype), metadata=_unit(name))
        for name, values in first.items()
    ]
    schema = arrow.schema(fields, metadata={OURS: docs})
    with (
        replacing(path) as temporary,
        parquet.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for table in parts:
            writer.write_table(arrow.table([*table.values()], schema=schema))


def _unit(name: str) -> dict[str, str]:
    return {"unit": UNITS[name]} if name in UNITS else {}
