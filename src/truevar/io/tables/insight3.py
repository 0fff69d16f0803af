"""Insight3's lists (``.bin``), as older versions of storm-analysis write them, which are read.

px counted from 1, frames from 1 (checked on storm-analysis' movie).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.io.side_file import need_pixel_size
from truevar.io.tables.number_text import check_positions, frames_from

INSIGHT3_MAGIC = (b"M425", b"M408")
"""How an Insight3 list begins."""

_INSIGHT3 = np.dtype(
    [(name, "<f4") for name in ("x", "y", "xc", "yc", "h", "a", "w", "phi", "ax", "bg", "i")]
    + [(name, "<i4") for name in ("c", "fi", "fr", "tl", "lk")]
    + [(name, "<f4") for name in ("z", "zc")]
)


def read_insight3(path: Path, pixel_size: float | None = None) -> Emitters:
    """Read an Insight3 list, as storm-analysis writes it (``.bin``).

    Args:
        path: the file.
        pixel_size: nm, needed as positions are in px.

    Raises:
        UserError: no pixel size, or a file that is too short.
    """
    pixel = need_pixel_size(path, {} if pixel_size is None else {"pixel_size": pixel_size})
    with open(path, "rb") as file:
        head = file.read(16)
        count = int.from_bytes(head[12:16], "little", signed=True)
        if count < 0 or path.stat().st_size < 16 + count * _INSIGHT3.itemsize:
            raise UserError(f"{path} is truncated: it announces {count} rows and holds fewer")
        rows = np.fromfile(file, _INSIGHT3, count)
    x, y = (pixel * (rows[axis].astype(np.float64) - 1) for axis in "xy")
    check_positions(path, [x, y])
    columns = {
        "frame": frames_from(path, rows["fr"].astype(np.float64), 1),
        "x": x,
        "y": y,
        "z": rows["z"],
        "photons": rows["a"],
        "bg": rows["bg"],
        "psf_sigma": rows["w"] / 2,  # w is twice the standard deviation, in nm
    }
    return Emitters(columns, {"pixel_size": pixel, "format": "Insight3"})
