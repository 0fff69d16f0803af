"""The formats of tables: names, endings, and which of them are written.

Nothing heavy is imported here, so that a command can name them in its help. What reads and
writes them is chosen in :mod:`truevar.io.tables.table`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from truevar.errors import UserError
from truevar.wording import argument


class TableFormat(NamedTuple):
    """A format.

    Attributes:
        name: what ``format`` takes.
        title: what people call it.
        read: endings of files that are read, with the dot.
        written: endings that are written, the one it has by default first; none if it is
            only read.
        side_file: whether what is known beside the rows goes into a file beside the table.
    """

    name: str
    title: str
    read: tuple[str, ...]
    written: tuple[str, ...] = ()
    side_file: bool = False


FORMATS = (
    TableFormat("thunderstorm", "ThunderSTORM", (".csv",), (".csv",), True),
    TableFormat("picasso", "Picasso", (".hdf5", ".h5"), (".hdf5", ".h5"), True),
    TableFormat("decode", "DECODE", (".h5", ".hdf5"), (".h5", ".hdf5")),
    TableFormat("smlm", "SMLM", (".smlm",), (".smlm",)),
    TableFormat("parquet", "Parquet", (".parquet",), (".parquet",)),
    TableFormat("smap", "SMAP", (".csv", ".mat"), (".csv",), True),
    TableFormat("smappy", "SMAPpy", (".hdf5", ".h5")),
    TableFormat("storm-analysis", "storm-analysis", (".hdf5",)),
    TableFormat("nanoimager", "Nanoimager", (".csv",)),
    TableFormat("rapidstorm", "rapidSTORM", (".txt",)),
    TableFormat("elyra", "Elyra", (".txt",)),
    TableFormat("insight3", "Insight3", (".bin",)),
)
"""The first that has an ending as its first one is what the ending stands for on writing."""

WRITTEN_NAMES = tuple(one.name for one in FORMATS if one.written)
"""What ``format`` takes."""

TABLE_ENDINGS = tuple(dict.fromkeys(ending for one in FORMATS for ending in one.read))
"""Endings of all tables that are read. A ``.mat`` may be a movie as well."""

WRITTEN_ENDINGS = tuple(dict.fromkeys(ending for one in FORMATS for ending in one.written))


def _listed(endings: Sequence[tuple[str, Sequence[str]]]) -> str:
    """``.csv (ThunderSTORM, SMAP), .hdf5 (Picasso)``: titles by ending."""
    titles: dict[str, list[str]] = {}
    for title, ones in endings:
        for ending in ones:
            titles.setdefault(ending, []).append(title)
    return ", ".join(f"{ending} ({', '.join(names)})" for ending, names in titles.items())


READ = _listed([(one.title, one.read) for one in FORMATS])
READ_IN_LINES = "\n      ".join(textwrap.wrap(READ, 84, break_on_hyphens=False))
"""The same for a command's help."""

_STANDS_FOR: dict[str, TableFormat] = {}
for _one in FORMATS:
    if _one.written:
        _STANDS_FOR.setdefault(_one.written[0], _one)
WRITTEN = _listed([(one.title, (ending,)) for ending, one in _STANDS_FOR.items()])


def format_to_write(path: Path, name: str | None) -> TableFormat:
    """The format that a file is to be written in.

    Args:
        path: the file.
        name: one of :data:`WRITTEN_NAMES`; by default what the file's ending stands for.

    Raises:
        UserError: no such format, one that is only read, or an ending that is not its own.
    """
    ending = path.suffix.lower()
    if name is None:
        if ending in _STANDS_FOR:
            return _STANDS_FOR[ending]
        raise UserError(f"cannot write {path}: its ending must be one of {WRITTEN}")
    for one in FORMATS:
        if one.name == str(name).lower() and one.written:
            if ending not in one.written:
                raise UserError(
                    f"cannot write {path}: the ending of {one.title}'s files is "
                    f"{' or '.join(one.written)}; name it so, or leave out "
                    f"{argument('format', one.name)}"
                )
            return one
    raise UserError(
        f"no format {name!r} can be written; {argument('format', 'NAME')} takes one of "
        f"{', '.join(WRITTEN_NAMES)}"
    )
