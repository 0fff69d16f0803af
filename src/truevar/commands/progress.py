"""How far a long job has come, on stderr: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from tqdm import tqdm

_EVERY = 30.0
"""Seconds between lines where stderr is no terminal."""


class Progress:
    """Shows frames done, frames per second and emitters so far.

    Use as a context manager; calling it takes frames done, frames in all, emitters so far
    (None where they are not counted).

    Args:
        what: one word before the bar.
        quiet: show nothing.
    """

    def __init__(self, what: str, quiet: bool = False):
        self.what = what
        self.quiet = quiet
        self._bar: tqdm | None = None
        self._terminal = sys.stderr is not None and sys.stderr.isatty()
        self._began = self._last = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, done: int, total: int, emitters: int | None = None) -> None:
        """Report."""
        if self.quiet:
            return
        if self._terminal:
            if self._bar is None:
                self._bar = tqdm(total=total, desc=self.what, unit=" frames", file=sys.stderr)
                self._bar.start_t = self._began  # the first batch counts as well
            if emitters is not None:
                self._bar.set_postfix_str(f"{emitters:,} emitters", refresh=False)
            self._bar.update(done - self._bar.n)
            return
        now = time.monotonic()
        if now - self._last >= _EVERY and done < total:
            speed = done / (now - self._began)
            line = f"{self.what}: {done} of {total} frames, {speed:.3g} frames/s"
            if emitters is not None:
                line += f", {emitters} emitters"
            print(line, file=sys.stderr, flush=True)
            self._last = now
