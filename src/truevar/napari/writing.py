"""Points layers as tables of localisations."""

from __future__ import annotations

from typing import Any

from truevar.io.tables.table import write_emitters
from truevar.napari.points import table_of


def write_table(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a Points layer that holds a table; the ending decides the format.

    napari has asked already whether an older file is to be replaced.

    Args:
        path: the file.
        data: (N, 3) frame, y and x in nm.
        attributes: of the layer.

    Returns:
        the file.

    Raises:
        UserError: the layer is none of ours, or the table cannot be written.
    """
    table = table_of(data, attributes.get("features"), attributes.get("metadata", {}))
    write_emitters(table, path, overwrite=True)
    return [path]
