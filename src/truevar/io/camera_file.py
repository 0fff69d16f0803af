"""Camera profiles (YAML) and per-pixel calibration maps (NumPy)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from truevar.errors import UserError

ALIASES = {
    "baseline": "baseline",
    "e_per_adu": "e_per_adu",
    "sensitivity": "e_per_adu",
    "em_gain": "em_gain",
    "gain": "em_gain",
    "read_sigma": "read_sigma",
    "read_noise": "read_sigma",
    "qe": "qe",
    "px_size": "pixel_size",
    "pixel_size": "pixel_size",
    "pixelsize": "pixel_size",
    "psf_sigma": "psf_sigma",
    "cic": "cic",
    "spur_noise": "cic",
}
"""Accepted names, in lower case, and what they are called here (docs/formats.md)."""

_RANGES = {
    "e_per_adu": "above 0",
    "pixel_size": "above 0",
    "psf_sigma": "above 0",
    "em_gain": "at least 1",
    "read_sigma": "0 or more",
    "cic": "0 or more",
    "baseline": "a number",
    "qe": "above 0",
}


_SMALLEST, _LARGEST = 1e-6, 1e9
"""What is beyond is a slip, and its squares would not fit single precision."""


def check_number(name: str, value: Any, shown: str | None = None) -> float:
    """A camera's number as a float, within what it can be.

    Raises:
        UserError: not a finite number, or out of range.
    """
    wanted = _RANGES[name]
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    low = {"above 0": 0.0, "at least 1": 1.0, "0 or more": 0.0}.get(wanted, -math.inf)
    bad = not math.isfinite(number) or number < low or (wanted == "above 0" and number == 0)
    if bad:
        raise UserError(f"{shown or name} is {value}; it must be {wanted}")
    if abs(number) > _LARGEST or (wanted == "above 0" and number < _SMALLEST):
        raise UserError(f"{shown or name} is {value}, which cannot be; is the unit right?")
    return number


def read_camera_profile(path: str | PathLike[str]) -> dict[str, float]:
    """Numbers of a YAML camera profile, under this project's names.

    Unknown keys are ignored: a profile may be part of another program's file.

    Raises:
        UserError: no such file, not YAML, no known key, or a number out of range.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        documents = list(yaml.safe_load_all(text))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the camera file {path}; is the path right?") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a 32nd of May
        raise UserError(f"the camera file {path} is not YAML; see docs/formats.md") from error
    found: dict[str, float] = {}
    for values in documents:  # Picasso's files are of several
        found |= _flatten(values) if isinstance(values, Mapping) else {}
    if not found:
        raise UserError(
            f"the camera file {path} has none of baseline, e_per_adu, em_gain, read_sigma"
        )
    return found


def _flatten(values: Mapping[str, Any]) -> dict[str, float]:
    """Known numbers of a mapping, those in groups (DECODE's ``Camera:``) included."""
    found: dict[str, float] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found.update(_flatten(value))
        elif str(key).lower() in ALIASES and value is not None:
            name = ALIASES[str(key).lower()]
            if name == "pixel_size" and isinstance(value, list) and value:  # DECODE: both sides
                if any(side != value[0] for side in value):
                    raise UserError(
                        f"{key} in the camera file is {value}; pixels that are not square cannot "
                        "be used: give one length"
                    )
                value = value[0]
            found[name] = check_number(name, value, f"{key} in the camera file")
    return found


def read_camera_maps(path: str | PathLike[str]) -> NDArray[np.float32]:
    """Per-pixel maps (3, H, W): offset in ADU, variance in ADU², gain in ADU per electron.

    Raises:
        UserError: no such file, not a NumPy array, or not of that shape.
    """
    try:
        maps = np.load(path, allow_pickle=False)
    except OSError as error:
        raise UserError(f"cannot read the camera maps {path}; is the path right?") from error
    except ValueError as error:
        raise UserError(f"{path} is not a NumPy .npy file of camera maps") from error
    except EOFError as error:
        raise UserError(f"{path} is empty") from error
    return check_maps(maps, str(path))


def check_maps(maps: Any, name: str = "camera_maps") -> NDArray[np.float32]:
    """Per-pixel maps as :func:`read_camera_maps` gives them, from an array.

    Raises:
        UserError: not of the shape (3, H, W), or values that no camera has.
    """
    if not isinstance(maps, np.ndarray) or maps.ndim != 3 or maps.shape[0] != 3:
        shape = getattr(maps, "shape", "several arrays")
        raise UserError(
            f"{name} holds {shape}; camera maps have the shape (3, H, W): offset, variance, gain"
        )
    if maps.dtype.kind not in "iuf":
        raise UserError(f"{name} holds {maps.dtype} values; camera maps are real numbers")
    with np.errstate(over="ignore"):  # infinite then, and refused
        values = maps.astype(np.float32)
    if not np.isfinite(values).all() or (values[2] <= 0).any() or (values[1] < 0).any():
        raise UserError(f"{name}: variances must be 0 or more, gains above 0, all finite")
    return values


def fit_maps(
    maps: NDArray[np.float32],
    field: tuple[int, int],
    rows: slice,
    cols: slice,
    frames: NDArray[Any],
    name: str = "the camera maps",
) -> list[str]:
    """Check that maps belong to a movie.

    Args:
        maps: (3, H, W).
        field: (H, W) of the movie's whole frames.
        rows, cols: the part of the field that ``frames`` show.
        frames: (n, h, w) some successive frames in ADU.
        name: for messages.

    Returns:
        warnings, one line each: that the noisy pixels line up only transposed.

    Raises:
        UserError: the shape fits only transposed, or not at all.
    """
    H, W = field
    if maps.shape[1:] != (H, W):
        if maps.shape[1:] == (W, H):
            raise UserError(
                f"{name} fit the movie only transposed; save them as maps.transpose(0, 2, 1)"
            )
        raise UserError(
            f"{name} are {maps.shape[2]} x {maps.shape[1]} px and the movie {W} x {H} px; "
            "give the maps of this camera region"
        )
    if H != W or len(frames) < 3:
        return []
    # Noisy pixels change most from frame to frame: does the variance map know which?
    change = np.median(np.abs(np.diff(frames.astype(np.float32), axis=0)), axis=0)
    straight, turned = (
        _agreement(change, variance[rows, cols]) for variance in (maps[1], maps[1].T)
    )
    if turned > 0.3 and turned > 2 * max(straight, 0.0):
        return [
            f"the noisy pixels of {name} line up with the movie only when transposed; if so, "
            "save them as maps.transpose(0, 2, 1)"
        ]
    return []


def _agreement(change_HW: NDArray[np.float32], variance_HW: NDArray[np.float32]) -> float:
    """Rank-like correlation of frame-to-frame change with the map, over its noisy pixels."""
    noisy_HW = variance_HW > np.quantile(variance_HW, 0.99)
    if not noisy_HW.any():  # all alike, or nearly
        return 0.0
    spread = float(change_HW.std()) or 1.0
    return float((change_HW[noisy_HW].mean() - change_HW[~noisy_HW].mean()) / spread)
