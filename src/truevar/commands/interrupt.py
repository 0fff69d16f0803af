"""Ctrl-C that ends a job that would otherwise wait for more, in good order."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def first_interrupt(quiet: bool = False) -> Iterator[Callable[[], bool]]:
    """Told by the first Ctrl-C; the second one stops the program as ever.

    Args:
        quiet: print nothing.

    Yields:
        says whether there was one.
    """
    told = False
    before: Any = None

    def tell(number: int, frame: FrameType | None) -> None:
        nonlocal told
        told = True
        restore()
        if not quiet:
            print(
                "what has come is localised and written; Ctrl-C again to stop at once",
                file=sys.stderr,
                flush=True,
            )

    def restore() -> None:
        if before is not None:
            signal.signal(signal.SIGINT, before)

    if threading.current_thread() is threading.main_thread():
        before = signal.signal(signal.SIGINT, tell)
    try:
        yield lambda: told
    finally:
        restore()
