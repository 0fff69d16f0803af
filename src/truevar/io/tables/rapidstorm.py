"""rapidSTORM's text files, which are read.

nm, frames from 0, the centre of the first pixel is the origin (checked: its spots in the dSTORM
movie of locan are met within 0.03 px). The first line is XML and names the columns; those that
have no meaning here are kept under their names.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.io.tables.further_columns import take_further
from truevar.io.tables.number_text import check_positions, frames_from, read_numbers

_RAPIDSTORM = {
    "Position-0-0": "x",
    "Position-1-0": "y",
    "Position-2-0": "z",
    "Position-0-0-uncertainty": "sigma_x",
    "Position-1-0-uncertainty": "sigma_y",
    "Position-2-0-uncertainty": "sigma_z",
}


def is_rapidstorm(head: str) -> bool:
    """Whether a text's first line is rapidSTORM's."""
    return "<localizations" in head and "Position-0-0" in head


def read_rapidstorm(path: Path, head: str, pixel_size: float | None = None) -> Emitters:
    """Read a text of rapidSTORM; amplitudes are in camera counts and no photons.

    Args:
        path: the file.
        head: its first line.
        pixel_size: nm, only put into the table's ``meta``.

    Raises:
        UserError: a column is missing, or a field is no number.
    """
    names = re.findall(r'identifier="([^"]+)"', head)
    values = dict(zip(names, read_numbers(path, len(names), delimiter=None).T, strict=True))
    missing = [n for n in ("Position-0-0", "Position-1-0", "ImageNumber-0-0") if n not in values]
    if missing:
        raise UserError(f"{path} lacks the column {missing[0]}; it is no table of rapidSTORM")
    columns: dict[str, Any] = {"frame": frames_from(path, values["ImageNumber-0-0"], 0)}
    columns |= {ours: values[name] for name, ours in _RAPIDSTORM.items() if name in values}
    widths = [values[name] for name in ("PSFWidth-0-0", "PSFWidth-1-0") if name in values]
    if len(widths) == 2:  # given as full widths at half maximum
        columns["psf_sigma"] = np.sqrt(np.abs(widths[0] * widths[1])) / np.sqrt(8 * np.log(2))
    check_positions(path, [columns["x"], columns["y"]])
    meta: dict[str, Any] = {"format": "rapidSTORM"}
    if pixel_size is not None:
        meta["pixel_size"] = float(pixel_size)
    known = {"ImageNumber-0-0", "PSFWidth-0-0", "PSFWidth-1-0", *_RAPIDSTORM}
    columns |= take_further(((name, values[name]) for name in names if name not in known), meta)
    return Emitters(columns, meta)
