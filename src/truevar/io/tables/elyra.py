"""Tables of Zeiss' ELYRA (ZEN's ``.txt``), which are read.

Tab-separated, nm, frames from 1, in Latin-1; below the table, after a NUL, stand settings. Of
these ``VoxelSizeX`` is taken for the camera pixel: in locan's sample 97.09 nm, of which
``SizeX`` · ``ResolutionX`` = 320 make 31.07 µm, and the positions reach to 30.48 µm.

Zeiss does not publish where positions count from. Here it is the *corner* of the first pixel:
users describe them as running from 0 to the width of the field (0 to 51200 nm, which is 512 px
of 100 nm). No movie with its table was at hand to make sure; a note in the table says so.

``PSF half width [nm]`` and the background's variance are kept under their names: whether the
one is a standard deviation is not published, and the other is no background.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from truevar.emitters import Emitters
from truevar.io.side_file import need_pixel_size
from truevar.io.tables.further_columns import take_further
from truevar.io.tables.number_text import check_positions, frames_from, names_in, read_numbers

NOTE = (
    "positions are taken as counted from the corner of the first pixel, which Zeiss does not "
    "publish; they are half a pixel off if that is wrong"
)

_NAMES = {
    "Position X [nm]": ("x",),
    "Position Y [nm]": ("y",),
    "Position Z [nm]": ("z",),
    "Number Photons": ("photons",),
    "Precision [nm]": ("sigma_x", "sigma_y"),
    "Precision Z [nm]": ("sigma_z",),
}

_TAIL = 1 << 16
"""Bytes at the end of the file within which the settings stand."""


def is_elyra(head: str) -> bool:
    """Whether a text's first line is ELYRA's."""
    return {"First Frame", "Position X [nm]", "Position Y [nm]"} <= set(names_in(head, "\t"))


def read_elyra(path: Path, head: str, pixel_size: float | None = None) -> Emitters:
    """Read a text of ELYRA.

    Args:
        path: the file.
        head: its first line.
        pixel_size: nm; needed where the settings are missing, to move the origin.

    Raises:
        UserError: no pixel size, or a field that is no number.
    """
    fields = names_in(head, "\t")
    values = dict(zip(fields, read_numbers(path, len(fields), "\t", True).T, strict=True))
    meta: dict[str, Any] = {"format": "Elyra", "notes": [NOTE]}
    size = _voxel_size(path) if pixel_size is None else pixel_size
    if size is not None:
        meta["pixel_size"] = float(size)
    pixel = need_pixel_size(path, meta)
    columns: dict[str, Any] = {"frame": frames_from(path, values["First Frame"], 1)}
    for theirs, names in _NAMES.items():
        columns |= {ours: values[theirs] for ours in names if theirs in values}
    check_positions(path, [columns["x"], columns["y"]])
    for axis in "xy":
        columns[axis] = columns[axis] - 0.5 * pixel
    known = {"First Frame", *_NAMES}
    others = ((name, one) for name, one in values.items() if name not in known)
    columns |= take_further(others, meta)
    return Emitters(columns, meta)


def _voxel_size(path: Path) -> float | None:
    """nm, None if the settings do not tell."""
    with open(path, "rb") as file:
        file.seek(max(path.stat().st_size - _TAIL, 0))
        tail = file.read().decode("latin-1")
    found = re.search(r"VoxelSizeX\s*:\s*([0-9.]+)\s*\S?m\b", tail)
    try:
        size = 1e3 * float(found[1]) if found else np.nan
    except ValueError:
        size = np.nan
    return size if size > 0 else None
