"""The table of emitters: what is simulated, predicted, compared, read and written.

One convention everywhere inside the project (``docs/conventions.md``): lengths
in nanometres, photons as detected photo-electrons, frames counted from 0, ``x``
to the right along columns and ``y`` down along rows, and the *centre* of pixel
(0, 0) at the origin. Only the readers and writers of ``truevar.io`` convert.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from os import PathLike
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from truevar.errors import UserError
from truevar.wording import words_of

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
"""The columns with a meaning here, and their units. ``frame``, ``x``, ``y`` are required."""

LOCALISATION_COLUMNS = ("frame", "x", "y", "photons", "bg", "sigma_x", "sigma_y", "prob")
"""What every table made by localising has."""

_INTEGER = ("frame", "id")


class Emitters(dict[str, NDArray[Any]]):
    """A table of emitters, one row per emitter and frame.

    A dictionary of columns whose length is the number of rows, so that
    ``pandas.DataFrame(emitters)`` and its like make a table of it. It is not
    changed in place: see :meth:`select` and :meth:`with_columns`.

    Args:
        columns: columns by name, all (rows,). ``frame`` and ``id`` become int64, the
            others of :data:`UNITS` float64. Further columns may have any name; they
            are kept by all that is done with the table, whole numbers as int64 and
            other numbers as float64.
        meta: what is known beside the rows: ``pixel_size`` (nm), ``width``,
            ``height`` (px), ``frames``, camera, provenance, notes. Plain values
            only (it is written into YAML and JSON).

    Raises:
        UserError: a required column is missing, a name cannot be one (blank, or with
            line breaks or blanks around it), a column holds no numbers, or lengths differ.
    """

    def __init__(self, columns: Mapping[str, ArrayLike], meta: Mapping[str, Any] | None = None):
        missing = [name for name in ("frame", "x", "y") if name not in columns]
        if missing:
            raise UserError(f"a table of emitters needs the column {missing[0]!r}")
        super().__init__({name: _column(name, values) for name, values in columns.items()})
        lengths = {len(values) for values in self.values()}
        if len(lengths) != 1:
            raise UserError(f"columns of different lengths: {sorted(lengths)}")
        self.meta: dict[str, Any] = dict(meta or {})

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """The columns by name, (rows,) each."""
        return dict(self)

    @classmethod
    def empty(
        cls, names: Iterable[str] = LOCALISATION_COLUMNS, meta: Mapping[str, Any] | None = None
    ) -> Emitters:
        """A table with these columns and no rows."""
        return cls({name: np.empty(0) for name in names}, meta)

    @classmethod
    def concat(cls, tables: Iterable[Emitters], meta: Mapping[str, Any] | None = None) -> Emitters:
        """Rows of all tables, in order, with the columns that all of them have.

        A table without rows takes no column away from the others. ``meta``
        defaults to that of the first table.
        """
        tables = list(tables)
        if not tables:
            return cls.empty(meta=meta)
        parts = [table for table in tables if len(table)] or tables[:1]
        shared = [name for name in parts[0] if all(name in part for part in parts)]
        joined = {name: np.concatenate([part[name] for part in parts]) for name in shared}
        return cls(joined, tables[0].meta if meta is None else meta)

    @classmethod
    def from_pandas(cls, frame: Any, meta: Mapping[str, Any] | None = None) -> Emitters:
        """The table in a ``pandas.DataFrame``; its index is left aside.

        Args:
            frame: columns as in :meth:`to_pandas`, missing values become NaN.
            meta: by default ``frame.attrs``, where :meth:`to_pandas` puts it.

        Raises:
            UserError: pandas is not installed, ``frame`` is no data frame, or its
                columns do not make a table of emitters.
        """
        pandas = _pandas()
        if not isinstance(frame, pandas.DataFrame):
            raise UserError(f"{type(frame).__name__} is no pandas.DataFrame; give one")
        try:
            if not frame.columns.is_unique:
                raise UserError("two columns have one name")
            columns = {name: _from_series(name, frame[name]) for name in frame.columns}
            return cls(columns, frame.attrs if meta is None else meta)
        except ValueError as error:
            raise UserError(
                f"the data frame cannot be used: {words_of(error)}; correct it"
            ) from error

    def to_pandas(self) -> Any:
        """A ``pandas.DataFrame`` with these columns (copied), and ``meta`` in its ``attrs``.

        Raises:
            UserError: pandas is not installed.
        """
        frame = _pandas().DataFrame(self)
        frame.attrs = dict(self.meta)
        return frame

    def __len__(self) -> int:
        return len(self["frame"])

    def __getattr__(self, name: str) -> NDArray[Any]:
        if name in self:
            return self[name]
        raise AttributeError(f"this table has no {name!r}; it has {', '.join(self)}")

    def __repr__(self) -> str:
        return f"Emitters({len(self)} rows: {', '.join(self)})"

    # A table is equal to itself only: arrays have no single answer to "equal".
    __eq__ = object.__eq__
    __ne__ = object.__ne__
    __hash__ = object.__hash__  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.columns, self.meta)

    def _fixed(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("a table is not changed in place; use with_columns or select")

    # Anything put in past the constructor would not have been checked.
    __setitem__ = __delitem__ = __ior__ = _fixed
    update = setdefault = pop = popitem = clear = _fixed

    def need_one_answer(self) -> None:
        """Refuse a table of several draws (``sample``) where one of localisations is needed.

        Raises:
            UserError: it holds more than one.
        """
        if "sample" in self and len(np.unique(self["sample"])) > 1:
            raise UserError(
                "the table holds several samples of the same frames, of which one at most can be "
                "true; take one of them (filter by sample == 0)"
            )

    def select(self, rows: ArrayLike) -> Emitters:
        """The rows of a boolean mask or an index array, with the same columns and meta."""
        index = np.asarray(rows)
        if not index.size:
            index = index.astype(np.int64)  # an empty list says nothing of its type
        return Emitters({name: values[index] for name, values in self.items()}, self.meta)

    def with_columns(self, **columns: ArrayLike) -> Emitters:
        """The same rows with columns added or replaced."""
        return Emitters({**self, **columns}, self.meta)

    def by_frame(self) -> dict[int, NDArray[np.int64]]:
        """Row indices of every frame that has rows."""
        if not len(self):
            return {}
        order = np.argsort(self["frame"], kind="stable")
        frames, starts = np.unique(self["frame"][order], return_index=True)
        return dict(zip(frames.tolist(), np.split(order, starts[1:]), strict=True))

    def write(
        self, path: str | PathLike[str], overwrite: bool = False, format: str | None = None
    ) -> None:
        """Write the table; the ending decides the format, or ``format`` where it is given.

        Args:
            path: the file.
            overwrite: replace an old one, and its side file.
            format: a name, as :func:`truevar.write` takes it.

        Raises:
            UserError: there is a file already and ``overwrite`` is false, no ``pixel_size``
                in ``meta``, another ending or format, or no place to write.
        """
        from truevar.io.tables.table import write_emitters

        write_emitters(self, path, overwrite, format)


def is_column_name(name: Any) -> bool:
    """Whether a column may be called so: text of one line, without blanks around it."""
    return isinstance(name, str) and name != "" and name == name.strip() and name.isprintable()


def _column(name: str, values: ArrayLike) -> NDArray[Any]:
    """A column as the table keeps it."""
    if name in UNITS:
        array = _numbers(name, values)
    if name in _INTEGER:
        whole = array
        sound = (np.abs(whole) < 2.0**63) & (whole == np.trunc(whole))  # False for NaN
        if whole.dtype.kind == "f" and not sound.all():
            raise UserError(f"the column {name!r} holds numbers that are not whole")
        return whole.astype(np.int64, copy=False)
    if name in UNITS:
        return array.astype(np.float64, copy=False)
    if not is_column_name(name):
        raise UserError(f"{name!r} cannot be the name of a column")
    array = _numbers(name, values)
    if array.dtype.kind == "u" and array.size and array.max() > np.iinfo(np.int64).max:
        raise UserError(f"the column {name!r} holds numbers that are too large")
    return array.astype(np.float64 if array.dtype.kind == "f" else np.int64, copy=False)


def _numbers(name: str, values: ArrayLike) -> NDArray[Any]:
    """(rows,) whatever the numbers are."""
    try:
        array = np.atleast_1d(np.asarray(values))
        if array.dtype.kind == "O" and name in UNITS:  # None where it is not known, say
            whole = all(isinstance(one, int) for one in array.flat)
            array = array.astype(np.int64 if whole else np.float64)
    except (TypeError, ValueError, OverflowError):
        array = np.empty((0, 0))
    if array.ndim != 1 or array.dtype.kind not in "biuf":
        raise UserError(f"the column {name!r} does not hold one number in every row")
    return array


def _from_series(name: Any, series: Any) -> NDArray[Any]:
    """A column of a data frame; what pandas calls missing is NaN."""
    if series.dtype.kind not in "biuf":
        raise UserError(f"the column {name!r} holds no numbers")
    return series.to_numpy(np.float64, na_value=np.nan) if series.hasnans else series.to_numpy()


def _pandas() -> Any:
    try:
        return import_module("pandas")
    except ImportError as error:
        raise UserError("pandas is not installed; install it with: pip install pandas") from error
