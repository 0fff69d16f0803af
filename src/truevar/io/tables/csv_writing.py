"""Tables as text with commas, written part by part, with their ``NAME.csv.yaml``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truevar.emitters import Emitters
from truevar.io.atomic import replacing_all
from truevar.io.side_file import documents, to_yaml
from truevar.io.tables.further_columns import further_names
from truevar.io.tables.meta import check_side_file, side_path
from truevar.io.tables.parts import TableParts

Column = tuple[str, str, NDArray[Any]]
"""Name in the file, format of a number in it, and values, (rows,)."""

_CHUNK = 50_000
"""Rows made into text at a time."""


def further(table: Emitters) -> list[Column]:
    """The columns that have no meaning here, under their own names, written exactly."""
    return [
        (name, "%d" if table[name].dtype.kind == "i" else "%r", table[name])
        for name in further_names(table)
    ]


def pixel_column(name: str, table: Emitters, pixel: float) -> Column:
    """The camera pixel, nm, in every row: the origin of the positions hangs on it."""
    return name, "%.12g", np.full(len(table), pixel)


def write_csv(
    parts: TableParts,
    path: Path,
    head: str,
    columns: Callable[[Emitters, int], list[Column]],
) -> None:
    """Write a table and its side file.

    Args:
        parts: the table.
        path: the file.
        head: its first line.
        columns: the columns of a part, of which so many rows are written before.

    Raises:
        UserError: a side file is somebody else's, or the files cannot be written.
    """
    check_side_file(path)
    first = next(iter(parts))
    side = to_yaml(documents(Emitters(first.columns, parts.meta), path))
    line = ",".join(form for _, form, _ in columns(first, 0)) + "\n"
    with replacing_all(path, side_path(path)) as (rows_file, side_file):
        side_file.write_text(side, encoding="utf-8", newline="\n")
        with open(rows_file, "w", encoding="utf-8", newline="\n") as file:
            file.write(head + "\n")
            written = 0
            for table in parts:
                arrays = [values for _, _, values in columns(table, written)]
                for start in range(0, len(table), _CHUNK):
                    part = [values[start : start + _CHUNK].tolist() for values in arrays]
                    text = "".join([line % row for row in zip(*part, strict=True)])
                    # Java reads "NaN" and "Infinity" only; MATLAB reads them too.
                    file.write(text.replace("nan", "NaN").replace("inf", "Infinity"))
                written += len(table)
