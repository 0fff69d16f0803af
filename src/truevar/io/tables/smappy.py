"""HDF5 tables of SMAPpy, which are read.

One data set a column in the group ``locs`` (``x_nm``, ``photons``, …), and one attribute
``metadata`` of the file, as JSON. nm, or px (``x_pix``) where no pixel size was known; frames
from 0. Its fitter puts the centre of the first pixel at the origin (its documentation's model
of a pixel, and the drawn truth of its simulations). A table that SMAPpy took over from SMAP,
told by the entry ``smap``, keeps SMAP's origin, in which that centre is at one pixel.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.io.side_file import need_pixel_size
from truevar.io.tables.further_columns import take_further
from truevar.io.tables.number_text import check_positions, frames_from

_NAMES = {
    "z_nm": ("z",),
    "photons": ("photons",),
    "background": ("bg",),
    "photons_err": ("sigma_photons",),
    "z_err_nm": ("sigma_z",),
    "xy_err_nm": ("sigma_x", "sigma_y"),
    "x_err_nm": ("sigma_x",),
    "y_err_nm": ("sigma_y",),
}
"""Later ones go before earlier ones."""

_PIXELS = {"pixelsize_um": 1e3, "cam_pixelsize_um": 1e3, "pixelsize_nm": 1.0}


def is_smappy(file: h5py.File) -> bool:
    """Whether an HDF5 file is SMAPpy's."""
    locs = file.get("locs")
    return isinstance(locs, h5py.Group) and ("x_nm" in locs or "x_pix" in locs)


def read_smappy(path: Path, file: h5py.File, pixel_size: float | None = None) -> Emitters:
    """Read an HDF5 table of SMAPpy.

    Args:
        path: for messages.
        file: the same, open.
        pixel_size: nm; goes before the file's own. Needed where positions are in px, or in
            SMAP's origin, and the file does not tell.

    Raises:
        UserError: no pixel size where one is needed, or a column is missing or no numbers.
    """
    said = _metadata(file)
    meta: dict[str, Any] = {"format": "SMAPpy"}
    pixel = _pixel(said) if pixel_size is None else pixel_size
    if pixel is not None:
        meta["pixel_size"] = float(pixel)
    values = {name: np.asarray(one[()]) for name, one in file["locs"].items()}
    unit, scale = ("nm", 1.0) if "x_nm" in values else ("pix", 0.0)
    if unit == "pix":
        scale = need_pixel_size(path, meta)
    for name in (f"x_{unit}", f"y_{unit}", "frame"):
        if name not in values:
            raise UserError(f"{path} lacks the column {name!r}; it is no table of SMAPpy")
    first = need_pixel_size(path, meta) if "smap" in said else 0.0
    columns: dict[str, Any] = {"frame": frames_from(path, _real(values["frame"]), 0)}
    known = {"frame"}
    for axis in "xy":
        columns[axis] = _real(values[f"{axis}_{unit}"]) * scale - first
        known.add(f"{axis}_{unit}")
    check_positions(path, [columns["x"], columns["y"]])
    for theirs, names in _NAMES.items():
        name = (
            theirs if unit == "nm" or theirs[:2] not in ("x_", "y_", "xy") else theirs[:-2] + unit
        )
        if name in values:
            factor = scale if name.endswith("pix") else 1.0
            columns |= {ours: _real(values[name]) * factor for ours in names}
            known.add(name)
    if "sigma_nm" in values:
        widths = [_real(values[n]) for n in ("sigma_nm", "sigma_y_nm") if n in values]
        columns["psf_sigma"] = np.sqrt(np.abs(widths[0] * widths[-1]))
        known |= {"sigma_nm", "sigma_y_nm"}
    columns |= take_further(((n, one) for n, one in values.items() if n not in known), meta)
    return Emitters(columns, meta)


def _real(values: Any) -> Any:
    return np.asarray(values, np.float64)


def _metadata(file: h5py.File) -> Mapping[str, Any]:
    try:
        said = json.loads(file.attrs.get("metadata", "{}"))
    except (ValueError, TypeError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _pixel(said: Mapping[str, Any]) -> float | None:
    """nm, from the camera of a fit, of a simulation, or of SMAP."""
    for one in said.values():
        if not isinstance(one, Mapping):
            continue
        for name, factor in _PIXELS.items():
            size = np.asarray(one.get(name, np.nan), dtype=object).ravel()
            if size.size and isinstance(size[0], (int, float)) and size[0] > 0:
                return float(size[0]) * factor
        inner = _pixel(one)
        if inner is not None:
            return inner
    return None
