"""A table of which only a part is in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from os import PathLike
from typing import Any

import numpy as np

from truevar.emitters import Emitters


class TableParts:
    """Rows that come part by part, each part with the same columns.

    Args:
        read: gives the parts in their order, at least one, and again when called again.
        rows: in all parts.
        meta: of the whole table.
    """

    def __init__(self, read: Callable[[], Iterable[Emitters]], rows: int, meta: Mapping[str, Any]):
        self._read, self.rows, self.meta = read, rows, dict(meta)

    @classmethod
    def whole(cls, table: Emitters) -> TableParts:
        """A table in one part."""
        return cls(lambda: [table], len(table), table.meta)

    def __len__(self) -> int:
        return self.rows

    def __iter__(self) -> Iterator[Emitters]:
        return iter(self._read())

    def joined(self) -> Emitters:
        """All of it, in memory."""
        parts = list(self)
        if len(parts) == 1 and parts[0].meta == self.meta:
            return parts[0]
        names = list(parts[0])
        columns = {name: np.concatenate([part[name] for part in parts]) for name in names}
        return Emitters(columns, self.meta)

    def write(
        self, path: str | PathLike[str], overwrite: bool = False, format: str | None = None
    ) -> None:
        """Write the table as :func:`truevar.io.tables.table.write_emitters` does.

        Raises:
            UserError: as there.
        """
        from truevar.io.tables.table import write_parts

        write_parts(self, path, overwrite, format)
