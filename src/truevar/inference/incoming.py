"""Frames that come one after the other, localised as they do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truevar.inference.chunks import frames_around, localize_frames_of
from truevar.inference.decode import Candidates
from truevar.inference.engine import Engine, frames_per_batch
from truevar.io.movies.movie import check_values

Found = Iterator[tuple[Candidates, tuple[int, int]]]
"""Candidates and the movie's frames that they come from, half-open, in order."""


class Incoming:
    """Frames as they come, of which those that are still wanted are kept.

    Args:
        blocks: gives (n, H, W) frames, in order; asked for more only when they are wanted.

    Attributes:
        come: how many frames have come.
        ended: there will be no more.
    """

    def __init__(self, blocks: Iterator[NDArray[Any]]):
        self._blocks = blocks
        self._kept: dict[int, NDArray[Any]] = {}
        self._part: tuple[slice, slice] = (slice(None), slice(None))
        self.come = 0
        self.ended = False

    def crop(self, rows: slice, cols: slice) -> None:
        """Give this part of the frames only."""
        self._part = (rows, cols)

    def wait_for(self, stop: int) -> None:
        """Wait until frames up to ``stop`` have come, or there are no more.

        Raises:
            UserError: a pixel that no camera gives.
        """
        while self.come < stop and not self.ended:
            block = next(self._blocks, None)
            if block is None:
                self.ended = True
                return
            check_values(block, self.come)
            # A copy: a camera may write its next frame where this one is.
            self._kept.update(enumerate(block.copy(), self.come))
            self.come += len(block)

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """(n, H, W) frames [start, stop), waited for; fewer where there are no more."""
        self.wait_for(stop)
        if found := [self._kept[k] for k in range(start, min(stop, self.come))]:
            return np.stack([frame[self._part] for frame in found])
        some = next(iter(self._kept.values()))[self._part]
        return np.empty((0, *some.shape), some.dtype)

    def pass_by(self, stop: int, beside: int) -> None:
        """Wait for frames up to ``stop`` and forget them, but for as many before it."""
        while self.come < stop and not self.ended:
            self.wait_for(self.come + 1)
            self.let_go(min(self.come, stop) - beside)

    def let_go(self, before: int) -> None:
        """Forget frames before this one; the last that has come is kept as a pattern."""
        for k in [k for k in self._kept if k < min(before, self.come - 1)]:
            del self._kept[k]


def localize_incoming(
    engine: Engine, incoming: Incoming, first: int, stop: int, refine_to: float | None
) -> Found:
    """What :func:`truevar.inference.chunks.localize_chunk` does, of frames that are still to come.

    Args:
        engine: the model at work.
        incoming: the frames; those before the chunk are let go of.
        first, stop: of the chunk; if there are no more it ends before.
        refine_to: as there.
    """
    beside, step = frames_around(engine, refine_to is not None), frames_per_batch(*engine.size)
    at = first

    def batches() -> Iterator[NDArray[Any]]:
        nonlocal at
        while at < stop and len(block := incoming.read(at, min(at + step, stop))):
            at += len(block)
            yield block
            incoming.let_go(at - beside)

    before = incoming.read(max(first - beside, 0), first)
    yield from localize_frames_of(
        engine, batches(), before, lambda: incoming.read(at, at + beside), first, refine_to
    )


def localize_at_once(
    engine: Engine, incoming: Incoming, refine_to: float | None, together: int
) -> Found:
    """All frames that come, not cut into chunks, with as little delay as may be.

    Args:
        engine, incoming, refine_to: as for :func:`localize_incoming`.
        together: frames that are decided on, refined and given together.
    """
    beside = frames_around(engine, refine_to is not None)

    def batches() -> Iterator[NDArray[Any]]:
        # The first batch is longer, so that with every later one that is there frames can be given.
        at, step = 0, together + beside
        while len(block := incoming.read(at, at + step)):
            at, step = at + len(block), together
            yield block
            incoming.let_go(at - beside)

    none = incoming.read(0, 0)
    yield from localize_frames_of(engine, batches(), none, lambda: none, 0, refine_to, together)
