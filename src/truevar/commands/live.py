"""A picture that is drawn anew while a movie is localised."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from truevar.errors import UserError

if TYPE_CHECKING:
    from truevar.emitters import Emitters

EVERY = 3.0
"""Seconds between two pictures at least."""

SHARE = 0.05
"""Drawing takes this share of the time at most."""


class LivePicture:
    """Called with a way to get the emitters so far, draws them when it is time.

    A picture that cannot be written is told once and no reason to stop.

    Args:
        path: of the PNG.
        draw: puts emitters into a file.
    """

    def __init__(self, path: Path, draw: Callable[[Emitters, Path], None]):
        self.path, self.draw = path, draw
        self._due = time.monotonic() + EVERY
        self._failed = False

    def __call__(self, so_far: Callable[[], Emitters]) -> None:
        """Draw, if it is time."""
        began = time.monotonic()
        if self._failed or began < self._due:
            return
        self._draw(so_far())
        ended = time.monotonic()
        self._due = ended + max(EVERY, (ended - began) / SHARE)

    def finish(self, emitters: Emitters) -> None:
        """Draw all of them."""
        if not self._failed:
            self._draw(emitters)

    def _draw(self, emitters: Emitters) -> None:
        try:
            self.draw(emitters, self.path)
        except UserError as error:
            self._failed = True
            print(f"warning: no more pictures: {error.for_command_line()}", file=sys.stderr)
