"""Reading and writing tables of emitters; the file's ending decides the format."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import h5py

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.io.atomic import check_folder, check_new
from truevar.io.tables.foreign import (
    INSIGHT3_MAGIC,
    is_rapidstorm,
    is_smap,
    read_decode,
    read_insight3,
    read_rapidstorm,
    read_smap,
)
from truevar.io.tables.meta import check_side_file, side_path
from truevar.io.tables.number_text import read_head
from truevar.io.tables.parts import TableParts
from truevar.io.tables.picasso import read_picasso, write_picasso
from truevar.io.tables.thunderstorm import (
    check_header,
    is_thunderstorm,
    read_thunderstorm,
    write_thunderstorm,
)
from truevar.numbers import above_zero

_WRITERS = {".csv": write_thunderstorm, ".hdf5": write_picasso, ".h5": write_picasso}

WRITTEN = ".csv (ThunderSTORM), .hdf5 (Picasso)"
READ = f"{WRITTEN}, .csv (SMAP), .h5 (DECODE), .txt (rapidSTORM), .bin (Insight3)"

_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"


def read_emitters(path: str | PathLike[str], pixel_size: float | None = None) -> Emitters:
    """Read a table, in this project's conventions whatever the file's are.

    Args:
        path: ThunderSTORM or SMAP ``.csv``, Picasso ``.hdf5``, DECODE ``.h5``,
            rapidSTORM ``.txt``, Insight3 ``.bin``. The content decides between
            formats of one ending.
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
        if head == _HDF5_MAGIC:
            return _read_hdf5(path, pixel_size)
        return _read_other(path, head, pixel_size)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error


def write_emitters(table: Emitters, path: str | PathLike[str], overwrite: bool = False) -> None:
    """Write a table; ``.csv`` is ThunderSTORM's format, ``.hdf5`` Picasso's.

    Each has a side file of its own, ``NAME.csv.yaml`` or ``NAME.yaml``
    (:mod:`truevar.io.tables.meta`). Files appear complete or not at all.

    Args:
        table: its ``meta`` needs ``pixel_size`` (nm).
        path: the file.
        overwrite: replace an old one, and its side file.

    Raises:
        UserError: the file or its side file exists and is not to be replaced, an ending
            not known here, no pixel size, a folder that is missing, a full disk,
            somebody else's ``NAME.yaml`` in the way, or a further column whose name the
            format has for another.
    """
    write_parts(TableParts.whole(table), path, overwrite)


def write_parts(table: TableParts, path: str | PathLike[str], overwrite: bool = False) -> None:
    """:func:`write_emitters` for a table that comes in parts.

    A ``.csv`` is written part by part, so that memory does not grow with it; an ``.hdf5`` is
    made in memory.

    Raises:
        UserError: as there.
    """
    check_writable(path, overwrite)
    target = Path(path)
    _WRITERS[target.suffix.lower()](table, target)


def check_writable(path: str | PathLike[str], overwrite: bool = False) -> None:
    """Make sure that a table could be written, before the work that makes it.

    Raises:
        UserError: as :func:`write_emitters`.
    """
    target = Path(path)
    if target.suffix.lower() not in _WRITERS:
        raise UserError(f"cannot write {target}: its ending must be one of {WRITTEN}")
    check_folder(target)
    check_folder(side_path(target))
    check_side_file(target)
    check_new(target, overwrite)
    check_new(side_path(target), overwrite)


def _read_hdf5(path: Path, pixel_size: float | None) -> Emitters:
    try:
        with h5py.File(path, "r") as file:
            locs = file.get("locs")
            if isinstance(locs, h5py.Dataset) and locs.dtype.names:
                return read_picasso(path, file, pixel_size)
            if "data/xyz" in file and "data/frame_ix" in file:
                return read_decode(path, file, pixel_size)
    except UserError:
        raise
    except Exception as error:  # damaged bytes can upset a parser in any way
        raise UserError(f"{path} is a damaged HDF5 file; copy or write it again") from error
    raise UserError(f"{path} holds neither a table of Picasso ('locs') nor one of DECODE ('data')")


def _read_other(path: Path, magic: bytes, pixel_size: float | None) -> Emitters:
    ending = path.suffix.lower()
    if ending in (".hdf5", ".h5"):
        raise UserError(f"{path} is not an HDF5 file, whatever its name says; check the file")
    if magic.startswith(INSIGHT3_MAGIC):
        return read_insight3(path, pixel_size)
    if ending not in (".csv", ".txt"):
        raise UserError(f"{path} is not a table that can be read; known are {READ}")
    head = read_head(path)
    if is_rapidstorm(head):
        return read_rapidstorm(path, head, pixel_size)
    if is_thunderstorm(head):
        return read_thunderstorm(path, head, pixel_size)
    if is_smap(head):
        return read_smap(path, head, pixel_size)
    check_header(path, head)
    raise AssertionError("check_header always raises")
