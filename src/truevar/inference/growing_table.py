"""From the engine's batches, in pixels of a region, to the table of a movie, in nm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.inference.decode import Candidates
from truevar.inference.draws import Drawn
from truevar.inference.journal import Journal
from truevar.inference.refined import Refined
from truevar.io.tables.parts import TableParts
from truevar.refinement.evidence import p_value
from truevar.wording import argument


class GrowingTable:
    """A table that grows by batches, its errors in single precision to save memory.

    Args:
        first_frame: index in the file of the first frame that is localised.
        x0, y0: column and row in the file of the first pixel that is localised.
        pixel_size: nm.
    """

    _NAMES = ("photons", "bg", "sigma_x", "sigma_y", "sigma_photons", "prob")

    def __init__(self, first_frame: int, x0: int, y0: int, pixel_size: float):
        self.first_frame, self.x0, self.y0, self.pixel_size = first_frame, x0, y0, pixel_size
        self.parts: list[dict[str, NDArray[Any]]] = []
        self.rows = 0

    def __len__(self) -> int:
        return self.rows

    def add(self, found: Candidates, first: int) -> None:
        """Take up a batch whose first frame is ``first`` of the movie's part."""
        drawn = found.sample if isinstance(found, Drawn) else np.zeros_like(found.image)
        order = np.lexsort((drawn, found.image))
        px = self.pixel_size
        self.parts.append(
            {
                "frame": (found.image[order] + first + self.first_frame).astype(np.int32),
                "x": found.x[order] + self.x0,
                "y": found.y[order] + self.y0,
                **{name: getattr(found, name)[order].astype(np.float32) for name in self._NAMES},
            }
        )
        for name in ("x", "y", "sigma_x", "sigma_y"):
            self.parts[-1][name] = self.parts[-1][name] * px
        if isinstance(found, Drawn):
            self.parts[-1]["sample"] = drawn[order].astype(np.int32)
        if isinstance(found, Refined):
            # Rounded, or tables of text hold digits that say nothing.
            self.parts[-1]["llr"] = np.round(found.llr[order], 2)
            self.parts[-1]["p_value"] = np.round(p_value(found.llr[order]), 9)
        self.rows += len(order)

    def columns(self, part: int) -> dict[str, NDArray[Any]]:
        """All rows from a part on."""
        names = self.parts[part]
        return {name: np.concatenate([one[name] for one in self.parts[part:]]) for name in names}

    def add_columns(self, columns: dict[str, NDArray[Any]]) -> None:
        """Take up rows as :meth:`columns` gave them."""
        self.parts.append(columns)
        self.rows += len(columns["frame"])

    def finished(self) -> None:
        """The rows so far are in the journal, if there is one."""

    def emitters(self, meta: Mapping[str, Any]) -> Emitters:
        """The whole table."""
        return Emitters(self.columns(0), dict(meta))

    def in_parts(self, meta: Mapping[str, Any]) -> TableParts:
        """The whole table, as what may come in parts."""
        return TableParts.whole(self.emitters(meta))


class TableOnDisk(GrowingTable):
    """A table of which memory holds only what its journal does not.

    Args:
        journal: keeps every chunk that is finished.
        first_frame, x0, y0, pixel_size: as for :class:`GrowingTable`.
    """

    def __init__(self, journal: Journal, first_frame: int, x0: int, y0: int, pixel_size: float):
        super().__init__(first_frame, x0, y0, pixel_size)
        self.journal = journal

    def add_columns(self, columns: dict[str, NDArray[Any]]) -> None:
        """Count rows that are in the journal."""
        self.rows += len(columns["frame"])

    def finished(self) -> None:
        """Forget rows that are in the journal now."""
        self.parts.clear()

    def emitters(self, meta: Mapping[str, Any]) -> Emitters:
        """The whole table, read from the disk."""
        return self.in_parts(meta).joined()

    def in_parts(self, meta: Mapping[str, Any]) -> TableParts:
        """The table chunk by chunk, and then what is not in the journal yet."""

        def read() -> Iterator[Emitters]:
            empty = True
            for first, stop in sorted(self.journal.done):
                kept = self.journal.read(first, stop)
                if kept is None:
                    raise UserError(
                        f"cannot read what was found in frames {first} to {stop - 1} any more "
                        f"({self.journal.folder}); localise them again with "
                        f"{argument('resume', True)}"
                    )
                empty = False
                yield Emitters(kept.columns, dict(meta))
            if self.parts or empty:
                yield Emitters(self.columns(0), dict(meta))

        return TableParts(read, self.rows, meta)
