"""Per-pixel calibration maps of a camera: reading them, and where on them a movie lies."""

from __future__ import annotations

from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truevar.errors import UserError
from truevar.wording import argument


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


def place_on_maps(
    maps: tuple[int, int],
    field: tuple[int, int],
    offset: tuple[int, int] | None = None,
    name: str = "the camera maps",
) -> tuple[slice, slice]:
    """Rows and columns of maps that belong to a movie's whole frames.

    Args:
        maps: (H, W) of the maps.
        field: (H, W) of the movie's whole frames.
        offset: (x, y) in px of the movie's first pixel on the maps, where only a part of the
            camera was read out. Without it the maps must be as large as the frames: the
            camera's upper left corner would be no better a guess than any other.
        name: for messages.

    Raises:
        UserError: the maps are of another size and it was not said where the movie lies on
            them, or it does not lie on them.
    """
    (maps_h, maps_w), (height, width) = maps, field
    sizes = f"{name} are {maps_w} x {maps_h} px and the movie {width} x {height} px"
    if offset is None:
        if maps == field:
            return slice(0, height), slice(0, width)
        if maps == (width, height):
            raise UserError(
                f"{name} fit the movie only transposed; save them as maps.transpose(0, 2, 1)"
            )
        if maps_h < height or maps_w < width:
            raise UserError(f"{sizes}; give the maps of this camera region")
        raise UserError(
            f"{sizes}; say where on them the movie's first pixel lies with "
            f"{argument('camera_offset', ('X', 'Y'))}, or give the maps of this camera region"
        )
    x, y = offset
    if not (0 <= x <= maps_w - width and 0 <= y <= maps_h - height):
        raise UserError(
            f"{sizes}; with {argument('camera_offset', (x, y))} the movie does not lie on them: X "
            f"must be 0 to {max(maps_w - width, 0)} and Y 0 to {max(maps_h - height, 0)}"
        )
    return slice(y, y + height), slice(x, x + width)


def turned_maps(
    variance_HW: NDArray[np.float32],
    rows: slice,
    cols: slice,
    frames: NDArray[Any],
    name: str = "the camera maps",
) -> list[str]:
    """Warn of maps whose noisy pixels line up with the movie only transposed.

    Args:
        variance_HW: the map of the movie's whole frames.
        rows, cols: the part of it that ``frames`` show.
        frames: (n, h, w) some successive frames in ADU.
        name: for messages.

    Returns:
        warnings, one line each.
    """
    height, width = variance_HW.shape
    if height != width or len(frames) < 3:
        return []
    # Noisy pixels change most from frame to frame: does the variance map know which?
    change = np.median(np.abs(np.diff(frames.astype(np.float32), axis=0)), axis=0)
    straight, turned = (
        _agreement(change, variance[rows, cols]) for variance in (variance_HW, variance_HW.T)
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
