"""The files of one movie, given as a list or by their folder.

Of a folder with a hundred thousand TIFFs only the first is opened before there is a frame: what
a file holds is told by its size, and made sure of when its frames are read.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from truevar.errors import UserError
from truevar.io.movies.files import cannot_read, open_file
from truevar.io.movies.folder import tiffs_in
from truevar.io.movies.joined import FileFrames, JoinedFrames
from truevar.io.movies.stored import Source, StoredFrames
from truevar.io.movies.tiff_index import EncodedFrames
from truevar.io.movies.zarr_store import is_zarr
from truevar.wording import subject

_FEW = 100
"""So many files are opened at once, for what is wrong with one to be said before anything else."""

_LISTED = 6
"""So many files are named in a note."""


def open_files(paths: Sequence[Path], axes: str | None = None) -> Source:
    """Open the files of one movie, in the order given; or those of a folder, by their numbers.

    Args:
        paths: the files, or one folder.
        axes: the order of the axes of array files, such as ``"yxt"``.

    Raises:
        UserError: one cannot be used, is given twice, or does not fit to the others.
    """
    if len(paths) > 1:
        return _open_list(paths, axes)
    try:
        folder = paths[0] if paths[0].is_dir() and not is_zarr(paths[0]) else None
        found = tiffs_in(folder) if folder else []
    except UserError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
        raise cannot_read(paths[0], error) from error
    if folder is None:
        return open_file(paths[0], axes)
    if axes is not None:
        raise UserError(f"{subject('axes')} is for arrays; leave it out for a folder of TIFFs")
    return _open_list(found, None) if len(found) > 1 else open_file(found[0], alone=True)


def _open_list(paths: Sequence[Path], axes: str | None) -> Source:
    sources: list[Source] = []
    read: list[Path] = []
    given: set[tuple[int, int]] = set()
    inside: set[tuple[int, int]] = set()
    like: _Like | None = None
    try:
        for path in paths:
            stat = _stat(path)
            file = (stat.st_dev, stat.st_ino)
            if file in given:
                raise UserError(f"{path} is given twice; give every part of the movie once")
            given.add(file)
            if file in inside:  # an earlier file names it as a part of its own
                continue
            if like is not None and like.fits(path, stat.st_size):
                sources.append(FileFrames(path, like.source, _open_again))
            else:
                source = open_file(path, axes, alone=True)
                sources.append(_closable(path, source))
                if len(source.files) > 1:
                    inside |= {(one.st_dev, one.st_ino) for one in map(_stat, source.files)}
                if not read and len(paths) > _FEW:
                    like = _Like(source, path, stat.st_size)
            read.append(path)
        if len(sources) == 1:
            return sources[0]
        joined = JoinedFrames(sources, read)
    except BaseException:
        for source in sources:
            source.close()
        raise
    joined.notes.append(_note(read, [source.shape[0] for source in sources]))
    return joined


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except (OSError, ValueError) as error:
        raise cannot_read(path, error) from error


def _open_again(path: Path) -> Source:
    return open_file(path, alone=True)


def _closable(path: Path, source: Source) -> Source:
    """A source that can be let go of while others are read, where it can be read again then."""
    if isinstance(source, (StoredFrames, EncodedFrames)):
        return FileFrames(path, source, _open_again, source)
    return source


@dataclass
class _Like:
    """What is known of files by the first of them.

    Args:
        source: its frames.
        path: of the first file.
        size: its bytes.
    """

    source: Source
    path: Path
    size: int

    def fits(self, path: Path, size: int) -> bool:
        """Whether a file of so many bytes may hold what the first one does, and nothing else."""
        plain = isinstance(self.source, StoredFrames)
        if len(self.source.files) != 1 or not (plain or isinstance(self.source, EncodedFrames)):
            return False
        if path.suffix.lower() != self.path.suffix.lower():
            return False
        frames, height, width = self.source.shape
        if frames > 1:
            return size == self.size
        one = height * width * self.source.dtype.itemsize
        # Tags differ in length, and so do frames that are compressed.
        return size < 2 * one and (size >= one or not plain)


def _note(paths: Sequence[Path], counts: Sequence[int]) -> str:
    if len(paths) <= _LISTED:
        said = ", ".join(f"{path.name} ({n})" for path, n in zip(paths, counts, strict=True))
        return f"read as one movie, with so many frames each: {said}"
    each = f"{counts[0]} each" if min(counts) == max(counts) else f"{sum(counts)} in all"
    return (
        f"read as one movie: {len(paths)} files, {paths[0].name}, {paths[1].name}, … to "
        f"{paths[-1].name}, with frames {each}"
    )
