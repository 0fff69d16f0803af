"""Reading and writing tables of emitters.

Which format a file has is told by its content where that can be: by its first bytes, and then
by what is in an HDF5 file or stands in a text's first line. Which one it is written in is told
by its ending, or by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path

import h5py
import numpy as np

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.io.atomic import check_folder, check_new
from truevar.io.tables.decode import is_decode, read_decode, write_decode
from truevar.io.tables.elyra import is_elyra, read_elyra
from truevar.io.tables.formats import READ, TABLE_ENDINGS, TableFormat, format_to_write
from truevar.io.tables.insight3 import INSIGHT3_MAGIC, read_insight3
from truevar.io.tables.meta import check_side_file, side_path
from truevar.io.tables.nanoimager import is_nanoimager, read_nanoimager
from truevar.io.tables.number_text import check_positions, frames_from, read_head
from truevar.io.tables.parquet import PARQUET_MAGIC, need_pyarrow, read_parquet, write_parquet
from truevar.io.tables.parts import TableParts
from truevar.io.tables.picasso import is_picasso, read_picasso, write_picasso
from truevar.io.tables.rapidstorm import is_rapidstorm, read_rapidstorm
from truevar.io.tables.smap import is_smap, read_smap, write_smap
from truevar.io.tables.smap_mat import MAT5_MAGIC, holds_saveloc, read_smap_mat
from truevar.io.tables.smappy import is_smappy, read_smappy
from truevar.io.tables.smlm import ZIP_MAGIC, read_smlm, write_smlm
from truevar.io.tables.storm_analysis import is_storm_analysis, read_storm_analysis
from truevar.io.tables.thunderstorm import (
    check_header,
    is_thunderstorm,
    read_thunderstorm,
    write_thunderstorm,
)
from truevar.numbers import above_zero

_WRITERS: dict[str, Callable[[TableParts, Path], None]] = {
    "thunderstorm": write_thunderstorm,
    "picasso": write_picasso,
    "decode": write_decode,
    "smlm": write_smlm,
    "parquet": write_parquet,
    "smap": write_smap,
}

_IN_TEXT = (
    (is_rapidstorm, read_rapidstorm),
    (is_elyra, read_elyra),
    (is_thunderstorm, read_thunderstorm),
    (is_smap, read_smap),
    (is_nanoimager, read_nanoimager),
)
"""What tells a first line, and what reads the file."""

_IN_HDF5 = (
    (is_picasso, read_picasso),
    (is_decode, read_decode),
    (is_smappy, read_smappy),
    (is_storm_analysis, read_storm_analysis),
    (lambda file: "saveloc" in file, read_smap_mat),
)

_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"

_BINARY = {
    ".hdf5": "an HDF5 file",
    ".h5": "an HDF5 file",
    ".smlm": "a zip, as SMLM files are,",
    ".parquet": "a Parquet file",
    ".mat": "a MATLAB file",
    ".bin": "a list of Insight3",
}
"""What a file with this ending must be, whose first bytes are of no such kind."""


def read_emitters(path: str | PathLike[str], pixel_size: float | None = None) -> Emitters:
    """Read a table, in this project's conventions whatever the file's are.

    Args:
        path: a file of one of the formats in ``docs/formats.md``. The content decides
            between formats of one ending.
        pixel_size: nm; goes before what the file says, and is needed where
            positions are in pixels or counted from a pixel's corner and the
            file does not tell.

    Returns:
        The rows in the file's order; ``meta`` holds what the file tells beside.

    Raises:
        UserError: no such file, no format known here, damaged, or no pixel size.
    """
    if not isinstance(path, (str, PathLike)):
        raise UserError(f"a table is read from a file; give its path, not {type(path).__name__}")
    path = Path(path)
    if pixel_size is not None:
        pixel_size = above_zero("pixel_size", pixel_size)
    try:
        if path.is_dir():
            raise UserError(f"{path} is a folder; give a table ({READ})")
        if not path.exists():
            raise UserError(f"there is no file {path}")
        with open(path, "rb") as file:
            head = file.read(8)
        if not head:
            raise UserError(f"{path} is empty")
        # MATLAB puts 512 bytes of its own before the HDF5.
        if head == _HDF5_MAGIC or (head == b"MATLAB 7" and h5py.is_hdf5(path)):
            return _read_hdf5(path, pixel_size)
        return _read_other(path, head, pixel_size)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error


def is_table(path: str | PathLike[str]) -> bool:
    """Whether a file begins as a table of one of the formats does; only its head is read.

    Args:
        path: a file; one that cannot be read is no table.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            head = file.read(8)
        if path.suffix.lower() == ".mat":
            return holds_saveloc(path)
        if head == _HDF5_MAGIC:
            with h5py.File(path, "r") as hdf5:
                return any(is_it(hdf5) for is_it, _ in _IN_HDF5)
        if head.startswith((*INSIGHT3_MAGIC, PARQUET_MAGIC)):
            return True
        if head.startswith(ZIP_MAGIC):
            return path.suffix.lower() == ".smlm"
        line = read_head(path)
        return any(is_it(line) for is_it, _ in _IN_TEXT)
    except Exception:  # damaged bytes can upset a parser in any way
        return False


def write_emitters(
    table: Emitters,
    path: str | PathLike[str],
    overwrite: bool = False,
    format: str | None = None,
) -> None:
    """Write a table.

    The ending decides the format: ``.csv`` is ThunderSTORM's, ``.hdf5`` Picasso's, ``.h5``
    DECODE's, ``.smlm`` and ``.parquet`` are their own. Those of ThunderSTORM, SMAP and Picasso
    have a side file, ``NAME.csv.yaml`` or ``NAME.yaml`` (:mod:`truevar.io.tables.meta`); the
    others hold everything. Files appear complete or not at all.

    Args:
        table: its ``meta`` needs ``pixel_size`` (nm).
        path: the file.
        overwrite: replace an old one, and its side file.
        format: ``"thunderstorm"``, ``"picasso"``, ``"decode"``, ``"smlm"``, ``"parquet"`` or
            ``"smap"``, where the ending alone would mean another.

    Raises:
        UserError: the file or its side file exists and is not to be replaced, an ending or a
            format not known here, no pixel size, a folder that is missing, a full disk,
            somebody else's ``NAME.yaml`` in the way, a position or a frame that no reader
            would take, a further column whose name the format has for another, or pyarrow is
            needed and not installed.
    """
    write_parts(TableParts.whole(table), path, overwrite, format)


def write_parts(
    table: TableParts,
    path: str | PathLike[str],
    overwrite: bool = False,
    format: str | None = None,
) -> None:
    """:func:`write_emitters` for a table that comes in parts.

    HDF5 files are made in memory; all others are written part by part, so that memory does not
    grow with them.

    Raises:
        UserError: as there.
    """
    chosen = check_writable(path, overwrite, format)
    _WRITERS[chosen.name](_checked(table, Path(path)), Path(path))


def _checked(table: TableParts, path: Path) -> TableParts:
    """The same table, refused part by part, as it is written, where no reader would take it."""

    def read() -> Iterator[Emitters]:
        for part in table:
            check_positions(path, [part.x, part.y])
            frames_from(path, part.frame.astype(np.float64), 0)
            yield part

    return TableParts(read, table.rows, table.meta)


def check_writable(
    path: str | PathLike[str], overwrite: bool = False, format: str | None = None
) -> TableFormat:
    """Make sure that a table could be written, before the work that makes it.

    Returns:
        The format that it would be written in.

    Raises:
        UserError: as :func:`write_emitters`.
    """
    target = Path(path)
    chosen = format_to_write(target, format)
    if chosen.name == "parquet":
        need_pyarrow()
    check_folder(target)
    if chosen.side_file:
        check_folder(side_path(target))
        check_side_file(target)
    check_new(target, overwrite)
    if chosen.side_file:
        check_new(side_path(target), overwrite)
    return chosen


def _read_hdf5(path: Path, pixel_size: float | None) -> Emitters:
    try:
        with h5py.File(path, "r") as file:
            for is_it, read in _IN_HDF5:
                if is_it(file):
                    return read(path, file, pixel_size)
    except UserError:
        raise
    except Exception as error:  # damaged bytes can upset a parser in any way
        raise UserError(f"{path} is a damaged HDF5 file; copy or write it again") from error
    raise UserError(
        f"{path} holds neither a table of Picasso ('locs') nor one of DECODE ('data'), SMAPpy, "
        "SMAP ('saveloc') or storm-analysis ('fr_0')"
    )


def _read_other(path: Path, magic: bytes, pixel_size: float | None) -> Emitters:
    ending = path.suffix.lower()
    if magic.startswith(INSIGHT3_MAGIC):
        return read_insight3(path, pixel_size)
    if magic.startswith(ZIP_MAGIC) and ending == ".smlm":
        return read_smlm(path, pixel_size)
    if magic.startswith(PARQUET_MAGIC):
        return read_parquet(path, pixel_size)
    if magic.startswith(MAT5_MAGIC):
        return _read_mat5(path, pixel_size)
    if ending in _BINARY:
        raise UserError(f"{path} is not {_BINARY[ending]} whatever its name says; check the file")
    if ending not in TABLE_ENDINGS:
        raise UserError(f"{path} is not a table that can be read; known are {READ}")
    head = read_head(path)
    for is_it, read in _IN_TEXT:
        if is_it(head):
            return read(path, head, pixel_size)
    check_header(path, head)
    raise AssertionError("check_header always raises")


def _read_mat5(path: Path, pixel_size: float | None) -> Emitters:
    try:
        return read_smap_mat(path, None, pixel_size)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{path} is a damaged MATLAB file; copy or write it again") from error
