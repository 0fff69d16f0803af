"""The engine's answers, refined by the likelihood of the frames around them as they come.

An emitter is on in several frames, and all of them say where it is
(:mod:`truevar.refinement.refine`). So answers wait until those of a few frames behind them are
known. Frames beside the ones that are asked for serve as evidence only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from truevar.inference.decode import SURE, Candidates, without_echoes
from truevar.inference.engine import Engine
from truevar.refinement.refine import Answers, refine

BESIDE = 2
"""Frames to each side whose emitters are evidence."""

LEAST_PROB = 0.15
"""Less probable answers explain no light, and stay as they are."""

EVIDENCE = 40.0
"""Nats that an emitter within one PSF width of a more probable one must add to stay beside it,
where the network is not sure of it. (A rule by probability before the fit, as without refinement,
leaves light unexplained, and costs E 1.1 / 0.6 / 0.9 at 1 / 2 / 4 per µm².)"""

_BLOCK_PIXELS = 1 << 20
_TILE, _MARGIN = 512, 24
"""Side of the squares, px, that larger frames are refined in, and what is seen around each."""


@dataclass
class Refined(Candidates):
    """Emitters with what the frames say for each.

    Attributes:
        llr: by how much an emitter makes its frame more likely, nats.
    """

    llr: NDArray[np.float64]


def frames_beside(engine: Engine) -> int:
    """How many frames to each side can tell something about a frame's emitters."""
    return engine.network.around + BESIDE


def run_refined(
    engine: Engine,
    blocks: Iterable[NDArray[np.generic]],
    before: NDArray[np.generic],
    after: NDArray[np.generic],
    min_prob: float,
) -> Iterator[tuple[Refined, int]]:
    """What :meth:`Engine.run` finds, at better places.

    Args:
        engine: one that reports whatever is as probable as :data:`LEAST_PROB`, echoes too.
        blocks: the frames, in order, (n, H, W) each, in ADU.
        before, after: (n, H, W) the frames just before the first and behind the last, in order;
            up to :func:`frames_beside` of them are looked at.
        min_prob: less probable emitters are left out.

    Yields:
        candidates and the number of frames they come from, in order; ``image`` counts from the
        first of these.
    """
    lead, trail = before[-BESIDE:], after[:BESIDE]
    waiting = _Waiting(engine)
    start, length = len(lead), _block_length(*engine.size)
    outer = before[: len(before) - len(lead)], after[len(trail) :]
    for found, n in engine.run(waiting.seeing(chain([lead], blocks, [trail])), *outer):
        waiting.decided(found, n)
        while waiting.end >= start + length + BESIDE:
            yield waiting.refined(start, start + length, min_prob), length
            start += length
    end = waiting.end - len(trail)
    while start < end:
        stop = min(start + length, end)
        yield waiting.refined(start, stop, min_prob), stop - start
        start = stop


def _block_length(height: int, width: int) -> int:
    """Frames that are refined together: those beside them are worked on twice."""
    return int(np.clip(_BLOCK_PIXELS // (height * width), 8, 64))


class _Waiting:
    """Frames and answers whose neighbours are not known yet; frames count from the first seen."""

    def __init__(self, engine: Engine):
        self.engine = engine
        self.read_HW = engine.read_1HW[0].cpu().numpy()
        self.frames: dict[int, NDArray[np.float32]] = {}
        self.seen = 0
        self.answers: list[Candidates] = []
        self.end = 0

    def seeing(self, blocks: Iterable[NDArray[np.generic]]) -> Iterator[NDArray[np.generic]]:
        """Keep what passes by, as effective counts."""
        for block in blocks:
            if len(block):
                self.frames.update(enumerate(self.engine.effective(block), self.seen))
                self.seen += len(block)
                yield block

    def decided(self, found: Candidates, n: int) -> None:
        """Take up the engine's answers for the next n frames."""
        self.answers.append(replace(found, image=found.image + self.end))
        self.end += n

    def refined(self, start: int, stop: int, min_prob: float) -> Refined:
        """Answers for these frames, which count from 0 in them; what is before is let go."""
        first, last = max(start - BESIDE, 0), min(stop + BESIDE, self.end)
        known = Candidates.concat(self.answers)  # frames behind the last may be among them
        found = known.select((known.image >= first) & (known.image < last))
        found = found.select(np.argsort(found.image, kind="stable"))
        counts_THW = np.stack([self.frames[k] for k in range(first, last)])
        better = _in_tiles(
            replace(found, image=found.image - first), counts_THW, self.read_HW, self.engine
        )
        kept = stop - BESIDE
        self.answers = [known.select(known.image >= kept)]
        for k in [k for k in self.frames if k < kept]:
            del self.frames[k]
        stands = (better.prob >= SURE) | (better.llr >= EVIDENCE)
        better = without_echoes(better, self.engine.psf_sigma, stands)
        own = (better.image >= start - first) & (better.image < stop - first)
        own &= better.prob >= min_prob
        better = better.select(own)
        return replace(better, image=better.image - (start - first))


def _in_tiles(
    found: Candidates, counts_THW: NDArray[np.float32], read_HW: NDArray[np.float32], engine: Engine
) -> Refined:
    """Refine; large frames a square at a time, with what lies around it, to bound the memory."""
    height, width = engine.size
    own = {name: values.copy() for name, values in vars(found).items()}
    better = Refined(**own, llr=np.zeros(len(found.x)))
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            y0, y1 = max(top - _MARGIN, 0), min(top + _TILE + _MARGIN, height)
            x0, x1 = max(left - _MARGIN, 0), min(left + _TILE + _MARGIN, width)
            seen = (found.prob >= LEAST_PROB) & (found.x >= x0 - 0.5) & (found.x < x1 - 0.5)
            seen &= (found.y >= y0 - 0.5) & (found.y < y1 - 0.5)
            part = found.select(seen)
            refined = refine(
                Answers(
                    part.image,
                    part.x - x0,
                    part.y - y0,
                    part.sigma_x,
                    part.sigma_y,
                    part.photons / engine.excess,
                ),
                np.ascontiguousarray(counts_THW[:, y0:y1, x0:x1]),
                np.ascontiguousarray(read_HW[y0:y1, x0:x1]),
                engine.psf_sigma,
            )
            inside = (part.x >= left - 0.5) & (part.x < left + _TILE - 0.5)
            inside &= (part.y >= top - 0.5) & (part.y < top + _TILE - 0.5)
            row = np.flatnonzero(seen)[inside]
            better.x[row] = refined.x_D[inside] + x0
            better.y[row] = refined.y_D[inside] + y0
            better.sigma_x[row] = refined.sigma_x_D[inside]
            better.sigma_y[row] = refined.sigma_y_D[inside]
            better.llr[row] = refined.llr_D[inside]
    return better
