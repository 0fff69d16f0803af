"""The engine's answers, refined by the likelihood of the frames around them as they come.

An emitter is on in several frames, and all of them say where it is
(:mod:`truevar.refinement.refine`). So answers wait until those of a few frames behind them are
known. Frames beside the ones that are asked for serve as evidence only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from truevar.inference.decode import SURE, Candidates, no_echoes
from truevar.inference.engine import LEAST_PROB, Engine
from truevar.refinement.error_scale import ErrorScale
from truevar.refinement.refine import refine
from truevar.refinement.stack import Answers

BESIDE = 2
"""Frames to each side whose emitters are evidence."""

EVIDENCE = 40.0
"""Nats that an emitter within one PSF width of a more probable one must add to stay beside it,
where the network is not sure of it. (A rule by probability before the fit, as without refinement,
leaves light unexplained, and costs E 1.1 / 0.6 / 0.9 at 1 / 2 / 4 per µm².)"""

CERTAIN = 210.0
"""Nats that make an emitter as probable as :data:`SURE` whatever the network says, fewer in
proportion, one PSF width or more from the border of the frame. So those of 150 are reported at a
threshold of 0.7. (Were it 60, false ones would cost more than true ones bring.)"""

_BLOCK_PIXELS = 1 << 20
_TILE, _MARGIN = 512, 24
"""Side of the squares, px, that larger frames are refined in, and what is seen around each."""


@dataclass
class Refined(Candidates):
    """Emitters with what the frames say for each.

    Attributes:
        llr: by how much an emitter makes its frame more likely, nats.
        of_pair: which are two where the network said one.
    """

    llr: NDArray[np.float64]
    of_pair: NDArray[np.bool_]


def frames_beside(engine: Engine) -> int:
    """How many frames to each side can tell something about a frame's emitters."""
    return engine.network.around + BESIDE


def run_refined(
    engine: Engine,
    blocks: Iterable[NDArray[np.generic]],
    before: NDArray[np.generic],
    after: NDArray[np.generic] | Callable[[], NDArray[np.generic]],
    min_prob: float,
    together: int | None = None,
) -> Iterator[tuple[Refined, int]]:
    """What :meth:`Engine.run` finds, at better places.

    Args:
        engine: one that keeps echoes.
        blocks: the frames, in order, (n, H, W) each, in ADU.
        before, after: (n, H, W) the frames just before the first and behind the last, in order;
            up to :func:`frames_beside` of them are looked at. The latter may be what gives them
            when all blocks have passed.
        min_prob: less probable emitters are left out.
        together: frames that are refined together; by their size if None.

    Yields:
        candidates and the number of frames they come from, in order; ``image`` counts from the
        first of these.
    """
    behind = cache(after if callable(after) else lambda: after)
    lead = before[-BESIDE:]
    waiting = _Waiting(engine)
    start, length = len(lead), together or _block_length(*engine.size)

    def seen() -> Iterator[NDArray[np.generic]]:
        yield lead
        yield from blocks
        yield behind()[:BESIDE]

    outer = before[: len(before) - len(lead)], lambda: behind()[BESIDE:]
    for found, n in engine.run(waiting.seeing(seen()), *outer):
        waiting.decided(found, n)
        while waiting.end >= start + length + BESIDE:
            yield waiting.refined(start, start + length, min_prob), length
            start += length
    end = waiting.end - len(behind()[:BESIDE])
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
        self.error_scale = ErrorScale.from_dict(engine.errors)
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
            replace(found, image=found.image - first),
            counts_THW,
            self.read_HW,
            self.engine,
            self.error_scale,
        )
        kept = stop - BESIDE
        self.answers = [known.select(known.image >= kept)]
        for k in [k for k in self.frames if k < kept]:
            del self.frames[k]
        better = replace(better, prob=self._probability(better))
        stands = (better.prob >= SURE) | (better.llr >= EVIDENCE) | better.of_pair
        better = better.select(no_echoes(better, self.engine.psf_sigma, stands))
        own = (better.image >= start - first) & (better.image < stop - first)
        own &= better.prob >= min_prob
        better = better.select(own)
        return replace(better, image=better.image - (start - first))

    def _probability(self, found: Refined) -> NDArray[np.float64]:
        """The network's, or what the evidence makes of it if that is more.

        Not of what may shine into the frame from beside it.
        """
        height, width = self.engine.size
        edge = self.engine.psf_sigma - 0.5
        inside = (found.x > edge) & (found.x < width - 1 - edge)
        inside &= (found.y > edge) & (found.y < height - 1 - edge)
        told = np.minimum(SURE, SURE / CERTAIN * found.llr)
        return np.where(inside, np.maximum(found.prob, told), found.prob)


def _in_tiles(
    found: Candidates,
    counts_THW: NDArray[np.float32],
    read_HW: NDArray[np.float32],
    engine: Engine,
    error_scale: ErrorScale | None,
) -> Refined:
    """Refine; large frames a square at a time, with what lies around it, to bound the memory.

    Answers keep their order; those that were one with another stand behind them.
    """
    height, width = engine.size
    n = len(found.x)
    alone = Refined(**vars(found), llr=np.zeros(n), of_pair=np.zeros(n, dtype=bool))
    better = alone.select(np.arange(n))
    further = []
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            y0, y1 = max(top - _MARGIN, 0), min(top + _TILE + _MARGIN, height)
            x0, x1 = max(left - _MARGIN, 0), min(left + _TILE + _MARGIN, width)
            seen = (found.prob >= LEAST_PROB) & (found.x >= x0 - 0.5) & (found.x < x1 - 0.5)
            seen &= (found.y >= y0 - 0.5) & (found.y < y1 - 0.5)
            part = alone.select(seen)
            refined = refine(
                Answers(
                    part.image,
                    part.x - x0,
                    part.y - y0,
                    part.sigma_x,
                    part.sigma_y,
                    part.photons / engine.excess,
                    part.sigma_photons / engine.excess,
                ),
                np.ascontiguousarray(counts_THW[:, y0:y1, x0:x1]),
                np.ascontiguousarray(read_HW[y0:y1, x0:x1]),
                engine.psf_sigma,
                error_scale,
            )
            moved = replace(
                part.select(refined.answer_R),
                x=refined.x_R + x0,
                y=refined.y_R + y0,
                sigma_x=refined.sigma_x_R,
                sigma_y=refined.sigma_y_R,
                photons=refined.photons_R * engine.excess,
                sigma_photons=refined.sigma_photons_R * engine.excess,
                llr=refined.llr_R,
                of_pair=refined.of_pair_R,
            )
            # An answer, and what it was one with, belong to the tile that the answer is in.
            inside = (part.x >= left - 0.5) & (part.x < left + _TILE - 0.5)
            inside &= (part.y >= top - 0.5) & (part.y < top + _TILE - 0.5)
            first = np.arange(len(refined.answer_R)) < len(part.x)
            own = inside[refined.answer_R]
            for name, values in vars(moved.select(own & first)).items():
                getattr(better, name)[np.flatnonzero(seen)[inside]] = values
            further.append(moved.select(own & ~first))
    return Refined.concat([better, *further])
