"""Zeiss' ``.czi``, read by Zeiss' own package pylibCZIrw (``pip install "truevar[czi]"``).

It reads every compression that ZEN writes, and plane by plane; czifile, which is older, was last
changed in 2019.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from truevar.errors import UserError
from truevar.io.camera_tags import believable_pixel_size, to_nanometres
from truevar.io.extras import need_package
from truevar.io.movies.axes import EXPORT, run_of_frames
from truevar.io.movies.one_by_one import FramesOneByOne, no_movie

CZI_MAGIC = b"ZISRAWFILE"

_TYPES = {"Gray8": "u1", "Gray16": "u2", "Gray32Float": "f4"}


def open_czi(path: Path) -> FramesOneByOne:
    """A time series; its frames are read one by one.

    The pixel size comes from the file's scaling. Electrons and offsets are not in it.

    Args:
        path: the file.

    Raises:
        UserError: the package is absent, the file is damaged, in colour, or has several channels,
            slices, scenes or views.
    """
    czi = need_package("pylibCZIrw.czi", "a .czi", "czi")
    try:
        reader = czi.CziReader(str(path))
    except Exception as error:  # damaged bytes can upset a parser in any way
        raise no_movie(path, "a .czi", error) from error
    try:
        return _source(reader, path)
    except UserError:
        reader.close()
        raise
    except Exception as error:
        reader.close()
        raise no_movie(path, "a .czi", error) from error


def _source(reader: Any, path: Path) -> FramesOneByOne:
    box = {axis: (int(start), int(stop)) for axis, (start, stop) in _box(reader).items()}
    kinds = set(reader.pixel_types.values())
    if not kinds <= set(_TYPES):
        said = ", ".join(sorted(kinds - set(_TYPES)))
        raise UserError(f"{path} has pixels of the kind {said}, not grey values; {EXPORT}")
    scenes = len(reader.scenes_bounding_rectangle)
    axes = {axis: stop - start for axis, (start, stop) in box.items() if axis not in "XYT"}
    time = box.get("T", (0, 1))
    # Scenes are positions; under the letter S other formats have colours.
    axes["P"] = max(scenes, axes.pop("S", 1))
    _, frames = run_of_frames({"T": time[1] - time[0], **axes}.items(), path, EXPORT)
    if len(kinds) != 1:
        raise UserError(f"{path} holds no image")
    (x0, x1), (y0, y1) = box["X"], box["Y"]
    plane = {axis: box[axis][0] for axis in axes if axis in "CZ"}

    def frame(number: int) -> NDArray[Any]:
        """Frame ``number`` as (H, W, 1)."""
        values: NDArray[Any] = reader.read(plane={**plane, "T": time[0] + number})
        return values

    source = FramesOneByOne(
        path, (frames, y1 - y0, x1 - x0), np.dtype(_TYPES[kinds.pop()]), frame, reader.close
    )
    size = _pixel_size(reader.raw_metadata, source.notes)
    if size is not None:
        source.meta["pixel_size"] = size
    return source


def _box(reader: Any) -> dict[str, tuple[int, int]]:
    """First and end of every axis; smaller copies of the image, for a quick look, left out."""
    box: dict[str, tuple[int, int]] = reader.total_bounding_box_no_pyramid
    return box


def _pixel_size(text: str, notes: list[str]) -> float | None:
    """nm, from ``Scaling/Items/Distance``, which is in metres."""
    try:
        root = ElementTree.fromstring(text)
        said = {
            item.attrib.get("Id"): item.findtext("Value")
            for item in root.findall("./Metadata/Scaling/Items/Distance")
        }
        x, y = (to_nanometres(float(said[axis] or 0), "m") for axis in "XY")
    except (ElementTree.ParseError, KeyError, ValueError):  # no reason not to read the pixels
        return None
    return believable_pixel_size(x, y, notes) if x and y else None
