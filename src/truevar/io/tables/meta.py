"""Which metadata belong to a table, where tables and side files lie beside each other.

* ``NAME.hdf5`` has them inside, and these go first. ``NAME.yaml`` is for Picasso, which
  before 0.11 reads nothing else, and for tables that such a Picasso has written.
* ``NAME.csv`` has its camera pixel in a column, for the origin of ThunderSTORM's
  positions hangs on it, and all else in ``NAME.csv.yaml``. (Comments within the text
  would keep other programs from reading it; a further column they pass over.)
  A side file that tells another pixel size is another table's and is not used.
* The first version wrote ``NAME.yaml`` for both kinds. Such a file counts for a
  ``NAME.csv`` that has neither the column nor a side file of its own.

What is put aside or doubtful is said with :func:`warnings.warn` and noted in the table.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truevar.errors import TrueVARWarning, UserError
from truevar.io.side_file import OURS, TABLE, meta_of, need_pixel_size, read_documents
from truevar.wording import argument

_HDF5 = (".hdf5", ".h5")


def side_path(path: str | PathLike[str]) -> Path:
    """``NAME.yaml`` for ``NAME.hdf5``, as Picasso has it; ``NAME.csv.yaml`` for ``NAME.csv``."""
    path = Path(path)
    if path.suffix.lower() in _HDF5:
        return path.with_suffix(".yaml")
    return path.with_name(f"{path.name}.yaml")


def check_side_file(path: str | PathLike[str]) -> None:
    """Make sure that writing a table would take no side file from anything else.

    A Picasso movie ``NAME.raw`` has its dimensions in ``NAME.yaml``, a
    configuration may be named so too, and so may a table of the first version.

    Raises:
        UserError: there is a side file, and it is not this table's.
    """
    path = Path(path)
    side = side_path(path)
    if not side.exists():
        return
    docs = read_documents(side)
    owner: str | None = None if any(OURS in one for one in docs) else "something else"
    table = next((str(one[TABLE]) for one in docs if TABLE in one), None)
    if owner is None and table is None:
        csv = path.with_suffix(".csv")
        if path.suffix.lower() in _HDF5 and csv.exists() and not side_path(csv).exists():
            owner = csv.name
    elif owner is None and table is not None and table != path.name:
        other = path.with_name(Path(table).name)
        if other.exists() and side_path(other) == side:
            owner = other.name
    if owner:
        raise UserError(
            f"cannot write {path}: its metadata go into {side.name}, which belongs to {owner}; "
            "choose another name"
        )


def meta_of_hdf5(
    path: Path, inside: list[dict[str, Any]], pixel_size: float | None
) -> dict[str, Any]:
    """The metadata of a Picasso table.

    Args:
        path: the table.
        inside: the documents in the file.
        pixel_size: nm, what the caller says.
    """
    beside = read_documents(side_path(path))
    meta = meta_of(inside or beside)
    said = meta_of(beside).get("pixel_size")
    if "pixel_size" not in meta and said is not None:
        meta["pixel_size"] = said
    elif said is not None and pixel_size is None and not _same(said, meta["pixel_size"]):
        _say(
            meta,
            f"{side_path(path).name} tells a pixel size of {said:g} nm, but {path.name} itself "
            f"{meta['pixel_size']:g} nm, which is used; give {argument('pixel_size', 'NM')} if "
            "that is wrong",
            depth=6,
        )
    if pixel_size is not None:
        meta["pixel_size"] = float(pixel_size)
    return meta


def meta_of_csv(
    path: Path, own: NDArray[np.float64] | None, pixel_size: float | None
) -> dict[str, Any]:
    """The metadata of a ``.csv`` of ThunderSTORM or SMAP.

    Args:
        path: the table.
        own: (rows,) pixel size in nm out of the table, None if it has no such column.
        pixel_size: nm, what the caller says.

    Raises:
        UserError: the pixel size is in a side file that was written with another table.
    """
    side = side_path(path)
    docs = read_documents(side)
    sizes = np.unique(own) if own is not None else np.empty(0)
    meta: dict[str, Any] = {}
    if any(OURS in one for one in docs):
        meta = _of_its_own_side_file(path, meta_of(docs), own is not None, sizes, pixel_size)
    elif own is None:
        meta = _of_the_first_version(path, pixel_size)
    if pixel_size is not None:
        meta["pixel_size"] = float(pixel_size)
    elif len(sizes) == 1:
        meta.setdefault("pixel_size", float(sizes[0]))
    elif len(sizes) > 1:
        note = f"rows of several pixel sizes, {sizes.min():g} to {sizes.max():g} nm"
        meta["notes"] = [*meta.get("notes", ()), note]
    return meta


def pixels_of_csv(path: Path, own: NDArray[np.float64] | None, meta: Mapping[str, Any]) -> Any:
    """The camera pixel in nm, one for all rows, or (rows,) where they have different ones.

    Args:
        path: the table.
        own: (rows,) pixel size in nm out of the table, None if it has no such column.
        meta: of :func:`meta_of_csv`.

    Raises:
        UserError: nothing tells it, or it cannot be.
    """
    # Rows out of several tables, joined by hand, have a pixel size each.
    pixel: Any = need_pixel_size(path, meta) if "pixel_size" in meta or own is None else own
    bad = ~(np.isfinite(pixel) & (np.asarray(pixel) > 0))
    if bad.any():
        raise UserError(
            f"{path}, row {int(np.argmax(bad)) + 1}: the pixel size is not above 0; correct it, "
            f"or give {argument('pixel_size', 'NM')}"
        )
    return pixel


def _of_its_own_side_file(
    path: Path,
    meta: dict[str, Any],
    has_column: bool,
    sizes: NDArray[np.float64],
    given: float | None,
) -> dict[str, Any]:
    side, said = side_path(path).name, meta.get("pixel_size")
    if has_column:
        if said is None or all(_same(said, size) for size in sizes):
            return meta
        found = " and ".join(f"{size:g}" for size in sizes)
    else:
        # We write the column with every side file, so somebody else wrote this table.
        if given is None:
            tells = "" if said is None else f" ({said:g} nm)"
            raise UserError(
                f"{path} is no longer the table that {side} was written with, whose pixel size"
                f"{tells} need not be its own; give it with {argument('pixel_size', 'NM')}"
            )
        if said is None or _same(said, given):
            return meta
        found = f"{given:g}"
    fresh: dict[str, Any] = {}
    _say(
        fresh,
        f"{side} is not used: it tells a pixel size of {said:g} nm, but the pixels of "
        f"{path.name} are of {found} nm",
    )
    return fresh


def _of_the_first_version(path: Path, given: float | None) -> dict[str, Any]:
    shared = path.with_suffix(".yaml")
    docs = read_documents(shared)
    if not any(OURS in one for one in docs) or any(TABLE in one for one in docs):
        return {}
    meta = meta_of(docs)
    others = [path.with_suffix(ending) for ending in _HDF5]
    other = next((one for one in others if one.exists()), None)
    if other is not None and given is None and "pixel_size" in meta:
        _say(
            meta,
            f"the pixel size of {meta['pixel_size']:g} nm is from {shared.name}, which may have "
            f"been written with {other.name} instead of {path.name}; give "
            f"{argument('pixel_size', 'NM')} if it is wrong",
        )
    return meta


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-6)


def _say(meta: dict[str, Any], text: str, depth: int = 7) -> None:
    """Warn, ``depth`` calls above (where ``read_emitters`` was called), and note."""
    warning = TrueVARWarning(text)
    warnings.warn(warning, stacklevel=depth)
    meta["notes"] = [*meta.get("notes", ()), str(warning)]
