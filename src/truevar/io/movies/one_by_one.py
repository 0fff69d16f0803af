"""Frames that another package decodes, one at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truevar.errors import UserError
from truevar.io.movies.stored import damaged_frames


class FramesOneByOne:
    """Frames of a file that is open in another package's reader.

    Safe to read from several threads, though the reader may not be.

    Args:
        path: the file.
        shape: (frames, H, W).
        dtype: of the pixels.
        frame: gives frame number n, with as many pixels as (H, W); axes of length one are no
            matter.
        close: closes the reader.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, int, int],
        dtype: np.dtype[Any],
        frame: Callable[[int], NDArray[Any]],
        close: Callable[[], Any],
    ):
        self.shape = shape
        self.dtype = dtype.newbyteorder("=")
        self.files = [path]
        self.meta: dict[str, Any] = {}
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self._frame = frame
        self._close: Callable[[], Any] | None = close
        self._lock = threading.Lock()

    def read(self, start: int, stop: int, rows: slice) -> NDArray[Any]:
        """Frames [start, stop) of the given rows.

        Raises:
            UserError: a frame cannot be decoded.
        """
        first, last, _ = rows.indices(self.shape[1])
        block = np.empty((stop - start, last - first, self.shape[2]), self.dtype)
        with self._lock:
            for number in range(start, stop):
                try:
                    whole = np.asarray(self._frame(number)).reshape(self.shape[1:])
                except Exception as error:  # damaged bytes can upset a decoder in any way
                    raise damaged_frames(self.files[0], number, number + 1, error) from error
                block[number - start] = whole[first:last]
        return block

    def close(self) -> None:
        """Close the reader."""
        close, self._close = self._close, None
        if close is not None:
            close()


def no_movie(path: Path, kind: str, error: BaseException) -> UserError:
    """What is raised for a file or store that its package cannot open."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return UserError(
        f"{path} cannot be read as {kind} ({reason[:120]}); if it is one, it is damaged or "
        "truncated: copy it again"
    )
