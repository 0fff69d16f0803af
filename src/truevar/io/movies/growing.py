"""Movies that a microscope is still writing: their frames as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from truevar.errors import UserError
from truevar.io.movies.folder import NDTIFF_INDEX, TIFF_ENDINGS
from truevar.io.movies.growing_folder import GrowingFolder
from truevar.io.movies.growing_tiff import GrowingTiff
from truevar.io.movies.stored import Source
from truevar.io.movies.tiff import MAGIC
from truevar.wording import subject

POLL = 0.05
"""Seconds between two looks."""


class Growing(Protocol):
    """A movie that grows. What is followed by more is complete; of the last one nobody knows.

    Attributes:
        meta: what the file says, as :class:`truevar.io.movies.movie.Movie` has it; known when the
            first frame is.
    """

    meta: dict[str, Any]

    def look(self, ended: bool = False) -> NDArray[Any] | None:
        """(n, H, W) frames that have come since the last look; None if none has.

        Args:
            ended: nothing more will come, so that the last one is complete, too.

        Raises:
            UserError: what has come is no movie that can be followed.
        """

    def stamp(self) -> Hashable:
        """Something that is another one when anything was written; None before the first frame."""

    def source(self) -> Source:
        """All frames that :meth:`look` has given, to be read again."""


def open_growing(path: Path) -> Growing:
    """A TIFF or a folder of TIFFs, which need not be there yet.

    Raises:
        UserError: something else.
    """
    if path.is_dir():
        if (path / NDTIFF_INDEX).exists():
            raise _no_growing(path, "an NDTiff")
        return GrowingFolder(path)
    if path.suffix.lower() not in TIFF_ENDINGS:
        if not path.suffix and not path.exists():
            raise UserError(f"there is no folder {path}; make it before the microscope writes")
        raise _no_growing(path, "no TIFF")
    try:
        with open(path, "rb") as file:
            head = file.read(4)
    except FileNotFoundError:
        head = b""
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    # Some programs write the head last, over zeros.
    if head.strip(b"\0") and not head.startswith(MAGIC):
        raise _no_growing(path, "no TIFF")
    return GrowingTiff(path)


def _no_growing(path: Path, kind: str) -> UserError:
    return UserError(
        f"{path} is {kind}: only a TIFF or a folder of TIFFs is localised while it is written; "
        f"leave out {subject('follow')} and wait until it is complete"
    )


def arriving(
    growing: Growing,
    idle: float,
    stopped: Callable[[], bool],
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[NDArray[Any]]:
    """Frames (n, H, W) as they come, until nothing has been written for a while.

    The first one is waited for however long it takes.

    Args:
        growing: the movie.
        idle: seconds.
        stopped: whether to end at once.
        now, sleep: the clock.
    """
    stamp, changed = growing.stamp(), now()
    while not stopped():
        began = now()
        block = growing.look()
        if block is not None:
            yield block
            changed = now()
            continue
        if (latest := growing.stamp()) != stamp:
            stamp, changed = latest, now()
        if stamp is not None and now() - changed >= idle:
            while (block := growing.look(ended=True)) is not None:
                yield block
            return
        # A folder of a hundred thousand files takes a while to look through.
        sleep(max(POLL, 2 * (now() - began)))
