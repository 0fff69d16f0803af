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

_MOST_PER_BYTE = 10_000
"""Pixels of a frame for each byte of its file: even zeros need more bytes than that."""

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
    kinds = set(reader.pixel_types.values())
    if not kinds <= set(_TYPES):
        said = ", ".join(sorted(kinds - set(_TYPES)))
        raise UserError(f"{path} has pixels of the kind {said}, not grey values; {EXPORT}")
    if len(kinds) != 1:
        raise UserError(f"{path} holds no image")
    # Smaller copies of the image, for a quick look, are left out.
    box = {
        axis: stop - start for axis, (start, stop) in reader.total_bounding_box_no_pyramid.items()
    }
    (x0, x1), (y0, y1) = (reader.total_bounding_box_no_pyramid[axis] for axis in "XY")
    axes = {axis: size for axis, size in box.items() if axis not in "XYS"}
    # Scenes are positions; under the letter S other formats have colours.
    axes["P"] = max(len(reader.scenes_bounding_rectangle), box.get("S", 1))
    run_of_frames(axes.items(), path, EXPORT)
    times = _times(reader)
    if times[-1] - times[0] >= len(times):
        lost = next(n for n, time in enumerate(times) if time - times[0] != n)
        raise UserError(
            f"{path} lacks frame {lost} (counted from 0) and has later ones; if the movie is in "
            "several files, join them in ZEN"
        )
    if (y1 - y0) * (x1 - x0) > _MOST_PER_BYTE * path.stat().st_size:
        raise UserError(
            f"{path} is damaged: it announces frames of {x1 - x0} x {y1 - y0} px, more than a file "
            "of its length can hold; copy it again"
        )

    def frame(number: int) -> NDArray[Any]:
        """Frame ``number`` as (H, W, 1)."""
        values: NDArray[Any] = reader.read(plane={"T": times[number]})
        return values

    source = FramesOneByOne(
        path, (len(times), y1 - y0, x1 - x0), np.dtype(_TYPES[kinds.pop()]), frame, reader.close
    )
    size = _pixel_size(reader.raw_metadata, source.notes)
    if size is not None:
        source.meta["pixel_size"] = size
    return source


def _times(reader: Any) -> list[int]:
    """Where frames are along the time axis, which may begin anywhere."""
    found: set[int] = set()

    def at(_: int, block: Any) -> bool:
        found.add(int(block.coordinate.to_dict().get("T", 0)))
        return True  # go on

    reader.enumerate_subblocks(at)
    return sorted(found)


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
