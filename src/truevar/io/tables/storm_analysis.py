"""HDF5 tables of storm-analysis, which are read.

One group ``fr_N`` for every frame N, from 0, with a data set a property: px with the centre of
the first pixel at the origin (checked: ``test_ref.hdf5`` lies on the spots of storm-analysis'
own movie, and on its list of true positions), ``z`` in µm, ``sum`` and ``background`` in
electrons. Properties without a meaning here are kept. A drift that storm-analysis has found
stands beside each frame, and is not taken off: positions are those in the movie.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.io.side_file import need_pixel_size
from truevar.io.tables.further_columns import take_further
from truevar.io.tables.number_text import check_positions

_FRAME = re.compile(r"fr_(\d{1,10})")
_NAMES = {"sum": "photons", "background": "bg"}
_SIZE = {"width": "movie_x", "height": "movie_y", "frames": "movie_l"}


def is_storm_analysis(file: h5py.File) -> bool:
    """Whether an HDF5 file is storm-analysis'."""
    return "sa_type" in file.attrs or any(_FRAME.fullmatch(name) for name in file)


def read_storm_analysis(path: Path, file: h5py.File, pixel_size: float | None = None) -> Emitters:
    """Read an HDF5 table of storm-analysis.

    Args:
        path: for messages.
        file: the same, open.
        pixel_size: nm; goes before the file's own.

    Raises:
        UserError: no pixel size, or frames with different columns.
    """
    meta: dict[str, Any] = {"format": "storm-analysis"}
    said = {**file.attrs}
    if pixel_size is not None:
        said["pixel_size"] = pixel_size
    for ours, theirs in {"pixel_size": "pixel_size", **_SIZE}.items():
        value = said.get(theirs)
        if isinstance(value, (int, float, np.number)) and value > 0:
            meta[ours] = float(value) if ours == "pixel_size" else int(value)
    pixel = need_pixel_size(path, meta)
    found = sorted((int(match[1]), match[0]) for match in map(_FRAME.fullmatch, file) if match)
    groups = [(frame, file[name]) for frame, name in found]
    if any(group.attrs.get(name, 0) for _, group in groups for name in ("dx", "dy", "dz")):
        meta["notes"] = ["the drift that storm-analysis found is not taken off the positions"]
    full = [(frame, group) for frame, group in groups if "x" in group and len(group["x"])]
    if not full:
        return Emitters.empty(("frame", "x", "y"), meta)
    names = [name for name in full[0][1] if all(name in group for _, group in full)]
    if "y" not in names:
        raise UserError(f"{path} lacks the column 'y'; it is no table of storm-analysis")
    values = {name: np.concatenate([group[name][()] for _, group in full]) for name in names}
    frames = np.repeat([frame for frame, _ in full], [len(group["x"]) for _, group in full])
    x, y = (values.pop(axis).astype(np.float64) for axis in "xy")
    check_positions(path, [x, y])
    columns: dict[str, Any] = {"frame": frames, "x": x * pixel, "y": y * pixel}
    columns |= {ours: values.pop(theirs) for theirs, ours in _NAMES.items() if theirs in values}
    if "z" in values:
        columns["z"] = 1e3 * values.pop("z").astype(np.float64)
    if "xsigma" in values:
        width = np.abs(values.pop("xsigma").astype(np.float64))
        columns["psf_sigma"] = pixel * np.sqrt(width * np.abs(values.pop("ysigma", width)))
    columns |= take_further(values.items(), meta)
    return Emitters(columns, meta)
