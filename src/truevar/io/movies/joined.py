"""A movie that lies in several files, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truevar.errors import UserError
from truevar.io.movies.stored import Source


class JoinedFrames:
    """The frames of several sources, in the order given.

    Args:
        sources: at least one; they are closed with this one.
        paths: where each comes from, for messages.

    Raises:
        UserError: frames of another size or type, or another pixel size or camera in the tags.
    """

    def __init__(self, sources: Sequence[Source], paths: Sequence[Path]):
        first = sources[0]
        for source, path in zip(sources[1:], paths[1:], strict=True):
            _check_alike(first, source, paths[0], path)
        self._sources = list(sources)
        self._ends = np.cumsum([source.shape[0] for source in sources])
        self.shape = (int(self._ends[-1]), *first.shape[1:])
        self.dtype = first.dtype
        self.files = [file for source in sources for file in source.files]
        # A part may lack a tag that another one has.
        self.meta: dict[str, Any] = {}
        for source in reversed(sources):
            self.meta.update(source.meta)
        self.notes = list(dict.fromkeys(note for source in sources for note in source.notes))
        self.warnings = list(dict.fromkeys(line for source in sources for line in source.warnings))

    def read(self, start: int, stop: int, rows: slice) -> NDArray[Any]:
        """Frames [start, stop) of the given rows."""
        first, last, _ = rows.indices(self.shape[1])
        block = np.empty((stop - start, last - first, self.shape[2]), self.dtype)
        for source, end in zip(self._sources, self._ends.tolist(), strict=True):
            begin = end - source.shape[0]
            one, other = max(start, begin), min(stop, end)
            if one < other:
                block[one - start : other - start] = source.read(one - begin, other - begin, rows)
        return block

    def close(self) -> None:
        """Close every source."""
        for source in self._sources:
            source.close()


def _check_alike(first: Source, other: Source, first_path: Path, path: Path) -> None:
    if first.shape[1:] != other.shape[1:] or first.dtype != other.dtype:
        said = [f"{one.shape[2]} x {one.shape[1]} px, {one.dtype}" for one in (first, other)]
        raise UserError(
            f"{first_path} and {path} are no parts of one movie: the frames are {said[0]}, "
            f"and {said[1]}"
        )
    for name in first.meta.keys() & other.meta.keys():
        if first.meta[name] != other.meta[name]:
            raise UserError(
                f"{first_path} and {path} are no parts of one movie: the {name} is "
                f"{first.meta[name]}, and {other.meta[name]}; correct the tags of one"
            )
