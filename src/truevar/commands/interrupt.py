"""Ctrl-C that ends a job that would otherwise wait for more, in good order."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any


class FirstInterrupt:
    """Told by the first Ctrl-C; the second one stops the program as ever. Use as a context manager.

    Args:
        quiet: print nothing.
    """

    def __init__(self, quiet: bool = False):
        self.quiet = quiet
        self._told = False
        self._before: Any = None

    def __call__(self) -> bool:
        """Whether there was one."""
        return self._told

    def __enter__(self) -> FirstInterrupt:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._tell)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()

    def _tell(self, number: int, frame: FrameType | None) -> None:
        self._told = True
        self._restore()
        if not self.quiet:
            print(
                "what has come is localised and written; Ctrl-C again to stop at once",
                file=sys.stderr,
                flush=True,
            )

    def _restore(self) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None
