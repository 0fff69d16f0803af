"""How far a long job has come, on stderr: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from types import TracebackType

from tqdm import tqdm

_EVERY = 30.0
"""Seconds between lines where stderr is no terminal."""


class Progress:
    """Shows frames done, the time they took and that is left, and emitters so far.

    Use as a context manager; calling it takes frames done, frames in all (0 where nobody knows
    yet), emitters so far (None where they are not counted).

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
        self._first: tuple[int, float] | None = None

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
            self._draw(done, total, emitters)
        else:
            self._print(done, total, emitters)

    def _draw(self, done: int, total: int, emitters: int | None) -> None:
        if self._bar is None:
            self._bar = tqdm(total=total or None, desc=self.what, unit=" frames", file=sys.stderr)
            # What came before the first report counts as well. The bar has a clock of its
            # own, so only differences can be given to it.
            self._bar.start_t -= time.monotonic() - self._began
            self._bar.last_print_t = self._bar.start_t
        if emitters is not None:
            self._bar.set_postfix_str(f"{emitters:,} emitters", refresh=False)
        self._bar.update(done - self._bar.n)

    def _print(self, done: int, total: int, emitters: int | None) -> None:
        now = time.monotonic()
        if now - self._last >= _EVERY and done > 0 and (done < total or not total):
            # Before the first report the movie is opened and measured, which takes no
            # longer for a long movie.
            frames, since = (0, self._began) if self._first is None else self._first
            speed = (done - frames) / max(now - since, 1e-3)
            of = f" of {total}" if total else ""
            line = f"{self.what}: {done}{of} frames, {_clock(now - self._began)} elapsed"
            if speed > 0 and total:
                line += f", {_clock((total - done) / speed)} left ({speed:.3g} frames/s)"
            if emitters is not None:
                line += f", {emitters} emitters"
            print(line, file=sys.stderr, flush=True)
            self._last = now
        if self._first is None:
            self._first = (done, now)


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
