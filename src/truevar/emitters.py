"""The table of emitters: what is simulated, predicted, compared, read and written.

One convention everywhere inside the project (``docs/conventions.md``): lengths
in nanometres, photons as detected photo-electrons, frames counted from 0, ``x``
to the right along columns and ``y`` down along rows, and the *centre* of pixel
(0, 0) at the origin. Only the readers and writers of ``truevar.io`` convert.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

UNITS: dict[str, str] = {
    "frame": "index, from 0",
    "x": "nm",
    "y": "nm",
    "z": "nm",
    "photons": "photo-electrons",
    "bg": "photo-electrons per pixel",
    "sigma_x": "nm, standard error of x",
    "sigma_y": "nm, standard error of y",
    "sigma_z": "nm, standard error of z",
    "sigma_photons": "photo-electrons, standard error of photons",
    "psf_sigma": "nm, width of the PSF",
    "prob": "probability that the emitter exists",
    "id": "identity of a molecule over frames",
}
"""The columns a table may have, with their units. ``frame``, ``x``, ``y`` are required."""

LOCALISATION_COLUMNS = ("frame", "x", "y", "photons", "bg", "sigma_x", "sigma_y", "prob")
"""What every table made by localising has."""

_INTEGER = ("frame", "id")


class Emitters:
    """A table of emitters, one row per emitter and frame.

    Args:
        columns: columns by name (see :data:`UNITS`), all of one length.
            ``frame`` and ``id`` become int64, all others float64.
        meta: what is known beside the rows: ``pixel_size`` (nm), ``width``,
            ``height`` (px), ``frames``, camera, provenance, notes. Plain values
            only (it is written into YAML and JSON).

    Raises:
        ValueError: a required column is missing, a name is unknown, or lengths differ.
    """

    def __init__(self, columns: Mapping[str, ArrayLike], meta: Mapping[str, Any] | None = None):
        unknown = [name for name in columns if name not in UNITS]
        if unknown:
            raise ValueError(f"unknown column {unknown[0]!r}; known: {', '.join(UNITS)}")
        missing = [name for name in ("frame", "x", "y") if name not in columns]
        if missing:
            raise ValueError(f"a table of emitters needs the column {missing[0]!r}")
        self.columns: dict[str, NDArray[Any]] = {
            name: np.atleast_1d(
                np.asarray(values, dtype=np.int64 if name in _INTEGER else np.float64)
            )
            for name, values in columns.items()
        }
        lengths = {len(values) for values in self.columns.values()}
        if len(lengths) != 1:
            raise ValueError(f"columns of different lengths: {sorted(lengths)}")
        self.meta: dict[str, Any] = dict(meta or {})

    @classmethod
    def empty(
        cls, names: Iterable[str] = LOCALISATION_COLUMNS, meta: Mapping[str, Any] | None = None
    ) -> Emitters:
        """A table with these columns and no rows."""
        return cls({name: np.empty(0) for name in names}, meta)

    @classmethod
    def concat(cls, tables: Iterable[Emitters], meta: Mapping[str, Any] | None = None) -> Emitters:
        """Rows of all tables, in order, with the columns that all of them have.

        ``meta`` defaults to that of the first table.
        """
        parts = list(tables)
        if not parts:
            return cls.empty(meta=meta)
        shared = [name for name in parts[0].columns if all(name in part for part in parts)]
        joined = {name: np.concatenate([part[name] for part in parts]) for name in shared}
        return cls(joined, parts[0].meta if meta is None else meta)

    def __len__(self) -> int:
        return len(self.columns["frame"])

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.columns[name]

    def __getattr__(self, name: str) -> NDArray[Any]:
        columns = self.__dict__.get("columns", {})
        if name in columns:
            return columns[name]
        raise AttributeError(f"this table has no {name!r}; it has {', '.join(columns)}")

    def __repr__(self) -> str:
        return f"Emitters({len(self)} rows: {', '.join(self.columns)})"

    def select(self, rows: ArrayLike) -> Emitters:
        """The rows of a boolean mask or an index array, with the same columns and meta."""
        index = np.asarray(rows)
        if not index.size:
            index = index.astype(np.int64)  # an empty list says nothing of its type
        return Emitters({name: values[index] for name, values in self.columns.items()}, self.meta)

    def with_columns(self, **columns: ArrayLike) -> Emitters:
        """The same rows with columns added or replaced."""
        return Emitters({**self.columns, **columns}, self.meta)

    def by_frame(self) -> dict[int, NDArray[np.int64]]:
        """Row indices of every frame that has rows."""
        if not len(self):
            return {}
        order = np.argsort(self.columns["frame"], kind="stable")
        frames, starts = np.unique(self.columns["frame"][order], return_index=True)
        return dict(zip(frames.tolist(), np.split(order, starts[1:]), strict=True))

    def write(self, path: str | PathLike[str]) -> None:
        """Write the table; the ending decides the format (``truevar.io.tables``)."""
        from truevar.io.tables import write_emitters

        write_emitters(self, path)
