"""A movie that a camera's program split over NAME.tif, NAME_1.tif, NAME_2.tif, …

Programs begin a new file when one is full: a classic TIFF ends at 4 GiB, and some stop at 2.
Micro-Manager and ImageJ append _1, _2, …; Andor's Solis _X2, _X3, …. But separate movies are
named so by hand as well, and joining those would be worse than reading one: only files that
were full, or carry Solis' mark, are taken for one movie. Of others that might be, a warning
tells.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import tifffile

from truevar.errors import UserError
from truevar.io.movies.joined import JoinedFrames
from truevar.io.movies.stored import Source
from truevar.io.movies.tiff import open_tiff
from truevar.wording import Message, argument, words_of

_LIMITS = (2**31, 2**32)
"""Bytes at which programs begin a new file."""
_CLASSIC = (b"II*\0", b"MM\0*")
_NAME = re.compile(r"(?P<stem>.+?)(?P<ending>(\.ome)?\.[^.]+)", re.IGNORECASE | re.DOTALL)
_LATER = re.compile(r"(?P<stem>.+)_(X?)\d{1,4}", re.DOTALL)


def open_tiff_parts(path: Path) -> Source:
    """A TIFF, with the further files of the same movie if that is certain.

    Args:
        path: the first file.

    Raises:
        UserError: as :func:`truevar.io.movies.tiff.open_tiff`, for any of the files.
    """
    source = open_tiff(path)
    try:
        # Where the file itself names the others (OME, Micro-Manager), they are in already.
        if len(source.files) == 1:
            later = _later_parts(path)
            if later and _looks_like(later[0], source):
                return _join(source, path, later)
        _tell_of_first(source, path)
        return source
    except BaseException:
        source.close()
        raise


def _later_parts(path: Path) -> list[Path]:
    """NAME_1.tif, NAME_2.tif, … or NAME_X2.tif, NAME_X3.tif, … as far as there are any."""
    match = _NAME.fullmatch(path.name)
    if match is None:
        return []
    for mark, number in (("_X", 2), ("_", 1)):
        found: list[Path] = []
        while (one := path.with_name(f"{match['stem']}{mark}{number}{match['ending']}")).is_file():
            found.append(one)
            number += 1
        if found:
            return found
    return []


def _looks_like(path: Path, source: Source) -> bool:
    """Whether a file's first page is a frame like those of the source."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            with tifffile.TiffFile(path) as tif:
                page = tif.pages.first
                dtype = np.dtype(page.dtype).newbyteorder("=") if page.dtype else None
                return page.shape == source.shape[1:] and dtype == source.dtype
    except Exception:  # damaged bytes can upset a parser in any way
        return False


def _join(source: Source, path: Path, later: list[Path]) -> Source:
    solis = re.search(r"_X2\.", later[0].name) is not None
    # Before the last file, every one was full: nothing more went into it.
    if not solis and not all(_is_full(one, source) for one in [path, *later[:-1]]):
        source.warnings.append(_doubt(path, later, "all of them, in their order"))
        return source
    parts = [source]
    try:
        for one in later:
            parts.append(open_tiff(one))
        counts = [part.shape[0] for part in parts]
        joined = JoinedFrames(parts, [path, *later])
        if counts[-1] > counts[0] or (solis and len(set(counts[:-1])) > 1):
            raise UserError("the numbers of frames are not those of a movie that was split")
    except UserError as error:
        for part in parts[1:]:
            part.close()
        doubt = _doubt(path, later, "all of them")
        source.warnings.append(Message(f"{doubt} ({words_of(error)})"))
        return source
    joined.notes.append(
        Message(
            f"{path.name} is full, and the movie goes on in {_listed(later)}: read as one, "
            f"{joined.shape[0]} frames; {argument('frames', (0, counts[0]))} is the first file "
            "alone"
        )
    )
    return joined


def _is_full(path: Path, source: Source) -> bool:
    """Whether hardly one more frame would have gone into the file."""
    with open(path, "rb") as file:
        if file.read(4) not in _CLASSIC:
            return False
    size = path.stat().st_size
    frame = source.shape[1] * source.shape[2] * source.dtype.itemsize
    return any(0.99 * limit - 2 * frame <= size <= limit for limit in _LIMITS)


def _tell_of_first(source: Source, path: Path) -> None:
    """Warn if the file's name and frames are those of a later part."""
    match = _NAME.fullmatch(path.name)
    later = _LATER.fullmatch(match["stem"]) if match else None
    if match is None or later is None or len(source.files) > 1:
        return
    first = path.with_name(later["stem"] + match["ending"])
    if first.is_file() and path in _later_parts(first) and _looks_like(first, source):
        source.warnings.append(
            f"{path.name} may be a later part of the movie {first.name}: if so, give "
            f"{first.name} first and then every part in its order"
        )


def _doubt(path: Path, later: list[Path], what: str) -> str:
    return (
        f"{_listed(later)} beside {path.name} may be a part of this movie and is not read; if it "
        f"is, give {what}: {path.name} {' '.join(one.name for one in later[:3])}"
        f"{' …' if len(later) > 3 else ''}"
    )


def _listed(paths: list[Path]) -> str:
    names = [path.name for path in paths]
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
