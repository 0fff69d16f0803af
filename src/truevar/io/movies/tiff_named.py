"""Files that a TIFF names as further parts of its movie, and that are not beside it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import tifffile

_LISTED = 3


def told_of_parts(tif: tifffile.TiffFile, path: Path, frames: int) -> list[str]:
    """Lines on parts of the movie that are missing; none where all is there.

    Args:
        tif: an open file.
        path: where it is.
        frames: that were found, in all files that are there.
    """
    try:
        return _ome(tif, path) or _micromanager(tif, path, frames)
    except Exception:  # odd tags are no reason not to read the pixels
        return []


def _ome(tif: tifffile.TiffFile, path: Path) -> list[str]:
    if not tif.ome_metadata:
        return []
    named: dict[str, str | None] = {}
    root = ElementTree.fromstring(tif.ome_metadata)
    for element in root.iter():
        tag = element.tag.rpartition("}")[2]
        if tag == "BinaryOnly" and element.get("MetadataFile"):
            return [
                f"{path.name} is one part of the movie that {element.get('MetadataFile')} "
                "describes, and read alone; give that file, or the folder"
            ]
        if tag == "UUID" and element.get("FileName"):
            named[str(element.get("FileName"))] = element.text
    # A file that was renamed still has its old name in it, and its own number.
    missing = [
        name
        for name, uuid in named.items()
        if not (path.parent / name).is_file() and uuid != root.get("UUID")
    ]
    if not missing or len(named) < 2:
        return []
    more = f" and {len(missing) - _LISTED} more" if len(missing) > _LISTED else ""
    return [
        f"{path.name} names {', '.join(missing[:_LISTED])}{more} as parts of the movie, which "
        "are not beside it: read without them; copy them there for the whole movie"
    ]


def _micromanager(tif: tifffile.TiffFile, path: Path, frames: int) -> list[str]:
    summary = (tif.micromanager_metadata or {}).get("Summary", {}) if tif.is_mmstack else {}
    planned = int(summary.get("Frames", 0))
    if planned <= frames:
        return []
    return [
        f"{path.name} announces {planned} frames and {frames} were found: the recording was ended "
        "early, or files of it are not in this folder"
    ]
