"""Nikon's ``.nd2``, read by the package nd2 (``pip install "truevar[nd2]"``)."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from truevar.errors import UserError
from truevar.io.camera_tags import believable_pixel_size
from truevar.io.extras import need_package
from truevar.io.movies.axes import EXPORT, run_of_frames
from truevar.io.movies.one_by_one import FramesOneByOne, no_movie

ND2_MAGIC = b"\xda\xce\xbe\x0a"
"""How an .nd2 begins, but for those before 2010, which are JPEG 2000."""


def open_nd2(path: Path) -> FramesOneByOne:
    """A time series; its frames are read one by one.

    The pixel size comes from the file's calibration. What Nikon notes about the camera says
    nothing of electrons, and is not used.

    Args:
        path: the file.

    Raises:
        UserError: the package is absent, the file is damaged, in colour, or has several channels,
            slices or positions.
    """
    nd2 = need_package("nd2", "a .nd2", "nd2")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd metadata, which are judged here
            file = nd2.ND2File(path)
    except OSError as error:
        if error.strerror:  # no permission, say
            raise
        raise no_movie(path, "an .nd2", error) from error
    except Exception as error:  # damaged bytes can upset a parser in any way
        raise no_movie(path, "an .nd2", error) from error
    try:
        return _source(file, path)
    except UserError:
        file.close()
        raise
    except Exception as error:
        file.close()
        raise no_movie(path, "an .nd2", error) from error


def _source(file: Any, path: Path) -> FramesOneByOne:
    sizes = dict(file.sizes)
    if file.is_rgb or "S" in sizes:
        raise UserError(f"{path} is in colour; {EXPORT}, in grey values")
    height, width = (int(sizes.pop(axis, 1)) for axis in "YX")
    axis, announced = run_of_frames(sizes.items(), path, EXPORT)
    # The sequence is what was recorded; the loop what was planned, or nothing where it is unknown.
    held = int(file.attributes.sequenceCount)
    frames = held if axis is None else min(held, announced)
    source = FramesOneByOne(
        path, (frames, height, width), np.dtype(file.dtype), file.read_frame, file.close
    )
    if held < announced:
        source.notes.append(f"the file announces {announced} frames and holds {held}")
    try:
        voxel = file.voxel_size()
    except Exception:  # odd metadata are no reason not to read the pixels
        return source
    # Where nothing was calibrated it is 0 or 1 micrometre.
    if voxel.x and voxel.y:
        size = believable_pixel_size(1e3 * voxel.x, 1e3 * voxel.y, source.notes)
        if size is not None:
            source.meta["pixel_size"] = size
    return source
