"""A folder that TIFFs arrive in, one after the other."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truevar.errors import UserError
from truevar.io.movies.files import open_file
from truevar.io.movies.folder import TIFF_ENDINGS, tiffs_in
from truevar.io.movies.joined import check_alike
from truevar.io.movies.listed import open_files
from truevar.io.movies.stored import Source

_AT_ONCE = 64
"""Files that one look reads at most."""


class GrowingFolder:
    """The frames of a folder's TIFFs as they come: :class:`truevar.io.movies.growing.Growing`.

    A file is read when there is one behind it, in the order of the numbers in the names.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path):
        self.path = path
        self.meta: dict[str, Any] = {}
        self._taken: list[Path] = []
        self._first: Source | None = None

    def stamp(self) -> Hashable:
        """How many files there are, and how large the last one is; None for no file."""
        files = self._files()
        try:
            stat = files[-1].stat() if files else None
        except OSError:
            return len(files)
        return stat and (len(files), stat.st_size, stat.st_mtime_ns)

    def look(self, ended: bool = False) -> NDArray[Any] | None:
        """As :class:`truevar.io.movies.growing.Growing` says."""
        files = self._files()
        known = len(self._taken)
        if files[:known] != self._taken:
            odd = next((one for one in files if one not in set(self._taken)), self.path)
            raise UserError(
                f"{odd.name} came into {self.path} after files that are behind it by their "
                "numbers; localise the folder again when it is complete"
            )
        new = files[known : None if ended else -1][:_AT_ONCE]
        blocks = []
        for path in new:
            try:
                source = open_file(path, alone=True)
            except UserError:
                if ended:
                    raise
                break  # it is not there as a whole yet
            try:
                if self._first is None:
                    self._first, self.meta = source, dict(source.meta)
                check_alike(self._first, source, files[0], path)
                blocks.append(source.read(0, source.shape[0], slice(None)))
            finally:
                source.close()
            self._taken.append(path)
        return np.concatenate(blocks) if blocks else None

    def source(self) -> Source:
        """As :class:`truevar.io.movies.growing.Growing` says."""
        if len(self._taken) == 1:
            return open_file(self._taken[0], alone=True)
        return open_files(self._taken)

    def _files(self) -> list[Path]:
        """All of them, in their order."""
        try:
            return tiffs_in(self.path)
        except UserError:
            if any(one.suffix.lower() in TIFF_ENDINGS for one in self.path.iterdir()):
                raise
            return []  # none has come yet
