"""A folder of TIFFs as one movie: which of its files, in which order."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import tifffile

from truevar.errors import UserError

TIFF_ENDINGS = (".tif", ".tiff", ".stk", ".btf", ".tf8", ".lsm")

NDTIFF_INDEX = "NDTiff.index"

_MICROMANAGER_1 = re.compile(r"img_\d{9}_(?P<channel>.*)_(?P<z>\d{3})\.tif{1,2}", re.DOTALL)
_MICROMANAGER_2 = re.compile(
    r"img_channel(?P<channel>\d+)_position(?P<position>\d+)_time\d+_z(?P<z>\d+)\.tif{1,2}"
)
"""Names of Micro-Manager's separate image files, of version 1 and 2."""


def tiffs_in(folder: Path) -> list[Path]:
    """The TIFFs of a folder, in the order of the numbers in their names.

    None is opened. What is no TIFF by its name, such as a text of settings, is passed over, and
    so are hidden files.

    Args:
        folder: a folder.

    Returns:
        the files; of NDTiff only the first, for its index knows the others.

    Raises:
        UserError: there is none, or the names tell of several channels, slices or positions.
        OSError: the folder cannot be read.
    """
    with os.scandir(folder) as entries:
        names = [
            one.name
            for one in entries
            if one.name.lower().endswith(TIFF_ENDINGS) and not one.name.startswith(".")
        ]
    if (folder / NDTIFF_INDEX).is_file():
        return [_first_of_ndtiff(folder, names)]
    if not names:
        raise UserError(
            f"the folder {folder} holds no TIFF; give a movie file, or the folder that the TIFFs "
            "of one movie lie in"
        )
    names.sort(key=by_number)
    _check_micromanager(folder, names)
    return [folder / name for name in names]


def by_number(name: str) -> tuple[list[tuple[int, int | str]], str]:
    """A key that sorts ``img_2`` before ``img_10``, and ``m.tif`` before ``m_1.tif``."""
    stem = re.sub(r"(\.ome)?\.[^.]*$", "", name, flags=re.IGNORECASE)
    parts = re.split(r"([0-9]+)", stem.lower())
    # A number before a text in the same place, so that the two are never compared.
    return [(0, int(one)) if one.isdigit() else (1, one) for one in parts if one], name


def _first_of_ndtiff(folder: Path, names: Sequence[str]) -> Path:
    """The file with the first frame of an NDTiff; all that the index names are there."""
    # Of millions of frames most are in the same file: only its name is kept.
    named = list(dict.fromkeys(entry[1] for entry in tifffile.read_ndtiff_index(_index(folder))))
    if not named:
        raise UserError(f"{_index(folder)} is damaged or names no frames; copy the folder again")
    for name in named:
        if name not in names:
            raise UserError(
                f"{folder} lacks {name}, which {NDTIFF_INDEX} names; copy the whole folder again"
            )
    return folder / named[0]


def _index(folder: Path) -> Path:
    return folder / NDTIFF_INDEX


def _check_micromanager(folder: Path, names: Sequence[str]) -> None:
    """Refuse Micro-Manager's separate images of more than one channel, slice or position."""
    for pattern in (_MICROMANAGER_1, _MICROMANAGER_2):
        found = [pattern.fullmatch(name) for name in names]
        if not all(found):
            continue
        for axis in pattern.groupindex:
            several = sorted({match[axis] for match in found if match})
            if len(several) > 1:
                what = {"channel": "channels", "position": "positions", "z": "slices"}[axis]
                raise UserError(
                    f"the folder {folder} holds {len(several)} {what} (such as {several[0]} and "
                    f"{several[1]}), not one run of frames; put the files of one into a folder of "
                    "its own, or give them as a list"
                )
