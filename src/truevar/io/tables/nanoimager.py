"""CSV tables of ONI's Nanoimager (NimOS), which are read.

nm, frames from 0 (locan's sample begins with frame 0). ONI does not publish where positions
count from; they are taken as they are, the centre of the first pixel at the origin, and a note
in the table says so. NimOS can write positions in px beside those in nm (``X (pix)``), which
tell the camera pixel, and widths of the PSF in px. ``Z (nm)`` is written in 2D too, with
nothing but zeros, and is left out then. ``Background`` is per pixel.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truevar.emitters import Emitters
from truevar.io.tables.further_columns import take_further
from truevar.io.tables.number_text import check_positions, frames_from, names_in, read_numbers

NOTE = (
    "positions are taken as counted from the centre of the first pixel, which ONI does not "
    "publish; they are half a pixel off if they count from its corner"
)

_NAMES = {
    "x (nm)": "x",
    "y (nm)": "y",
    "z (nm)": "z",
    "photons": "photons",
    "background": "bg",
    "x precision (nm)": "sigma_x",
    "y precision (nm)": "sigma_y",
    "z precision (nm)": "sigma_z",
}

_WIDTHS = ("psf sigma x (pix)", "psf sigma y (pix)")


def is_nanoimager(head: str) -> bool:
    """Whether a CSV's first line is NimOS'."""
    return {"frame", "x (nm)", "y (nm)"} <= {name.lower() for name in names_in(head)}


def read_nanoimager(path: Path, head: str, pixel_size: float | None = None) -> Emitters:
    """Read a CSV of the Nanoimager.

    Args:
        path: the file.
        head: its first line.
        pixel_size: nm; goes before what the file tells, into the table's ``meta``.

    Raises:
        UserError: a field is no number.
    """
    fields = names_in(head)
    pairs = list(zip(fields, read_numbers(path, len(fields)).T, strict=True))
    values = {name.lower(): one for name, one in reversed(pairs)}
    meta: dict[str, Any] = {"format": "Nanoimager", "notes": [NOTE]}
    pixel = _pixel(values) if pixel_size is None else pixel_size
    columns: dict[str, Any] = {"frame": frames_from(path, values["frame"], 0)}
    columns |= {ours: values[theirs] for theirs, ours in _NAMES.items() if theirs in values}
    if "z" in columns and not columns["z"].any():
        del columns["z"]
    check_positions(path, [columns["x"], columns["y"]])
    known = {"frame", *_NAMES}
    if pixel is not None:
        meta["pixel_size"] = float(pixel)
        if all(name in values for name in _WIDTHS):
            widths = [values[name] for name in _WIDTHS]
            columns["psf_sigma"] = pixel * np.sqrt(np.abs(widths[0] * widths[1]))
            known |= set(_WIDTHS)
    others = ((name, one) for name, one in pairs if name.lower() not in known)
    columns |= take_further(others, meta)
    return Emitters(columns, meta)


def _pixel(values: dict[str, NDArray[np.float64]]) -> float | None:
    """nm, from positions that are given in nm and in px."""
    if "x (pix)" not in values or not len(values["x (pix)"]):
        return None
    far = int(np.argmax(np.abs(values["x (pix)"])))
    nm, px = values["x (nm)"][far], values["x (pix)"][far]
    size = round(float(nm / px), 3) if px else 0.0
    return size if np.isfinite(size) and size > 0 else None
