"""Columns that have no meaning here: kept, under the names that they have in the file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truevar.emitters import UNITS, Emitters, is_column_name
from truevar.errors import UserError


def further_names(table: Emitters) -> list[str]:
    """Names of the columns that are not of :data:`truevar.emitters.UNITS`."""
    return [name for name in table if name not in UNITS]


def take_further(
    found: Iterable[tuple[str, NDArray[Any]]], meta: dict[str, Any]
) -> dict[str, NDArray[Any]]:
    """The columns of a file that a table can keep; ``meta["notes"]`` names the others.

    Args:
        found: name and values, (rows,), of every column that has no meaning here.
        meta: the table's.
    """
    kept: dict[str, NDArray[Any]] = {}
    lost = []
    for name, values in found:
        numbers = values.ndim == 1 and values.dtype.kind in "biuf"
        if values.dtype.kind == "u" and values.size and values.max() > np.iinfo(np.int64).max:
            numbers = False
        if numbers and is_column_name(name) and name not in UNITS and name not in kept:
            kept[name] = values
        else:
            lost.append(repr(name))
    if lost:
        note = f"columns left out, for a name or contents that cannot be kept: {', '.join(lost)}"
        meta["notes"] = [*meta.get("notes", ()), note]
    return kept


def refuse_names(path: Path, names: Iterable[str]) -> None:
    """Refuse to write columns that would be taken for something else on reading.

    Raises:
        UserError: there is a name.
    """
    for name in names:
        raise UserError(
            f"cannot write {path}: the column {name!r} has a name that means something else in "
            "files of this kind; rename it"
        )
