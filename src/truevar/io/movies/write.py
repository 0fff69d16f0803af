"""Writing a movie as a TIFF, with pixel size and camera in its tags."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST_IMAGEJ = 3_500_000_000
"""Bytes of pixels; a larger movie becomes a BigTIFF, for classic TIFF ends at 4 GiB."""

_CAMERA_TAGS = ("baseline", "e_per_adu", "em_gain", "read_sigma")


def write_tiff(
    path: str | PathLike[str],
    frames: Iterable[NDArray[np.uint16]],
    shape: tuple[int, int, int],
    pixel_size: float,
    camera: Mapping[str, Any],
) -> None:
    """Write frames one after the other.

    Args:
        path: the TIFF, written where it is to be: see :func:`truevar.io.atomic.replacing`.
        frames: (H, W) each.
        shape: (frames, H, W).
        pixel_size: nm.
        camera: numbers as ``Camera.describe`` gives them.

    Raises:
        OSError: the file cannot be written.
    """
    import tifffile

    per_um = 1000 / pixel_size
    metadata: dict[str, Any] = {
        "axes": "TYX",
        "pixel_size": pixel_size,
        **{name: camera[name] for name in _CAMERA_TAGS},
    }
    large = 2 * int(np.prod(shape)) > LARGEST_IMAGEJ
    if not large:
        metadata["unit"] = "um"
    try:
        # Opened here: tifffile leaves its file open where a full disk stops it early.
        with (
            open(path, "wb") as handle,
            tifffile.TiffWriter(handle, bigtiff=large, imagej=not large) as file,
        ):
            file.write(
                iter(frames),
                shape=shape,
                dtype=np.uint16,
                photometric="minisblack",
                resolution=(1e4 * per_um, 1e4 * per_um) if large else (per_um, per_um),
                resolutionunit="CENTIMETER" if large else "NONE",
                metadata=metadata,
            )
    except OSError as error:
        if error.errno is None and "written" in str(error):  # NumPy's way to say it
            raise OSError(errno.ENOSPC, str(error)) from error
        raise
