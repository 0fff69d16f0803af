"""A movie cut into chunks that are localised each on its own, and what their result depends on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import truevar
from truevar.calibration.imaging_setup import Setup
from truevar.inference.decode import Candidates
from truevar.inference.engine import Engine, frames_per_batch
from truevar.inference.refined import frames_beside, run_refined
from truevar.io.movies.movie import Movie, check_values
from truevar.model.weights import TrainedModel

_CHUNK_PIXELS = 1 << 23
"""Pixels that are localised together: at most these are lost when a run is killed."""

_SEEDS = 20
"""Bits that a chunk has to itself for the seeds of its draws."""


def chunks(first_frame: int, n_frames: int, height: int, width: int) -> Iterator[tuple[int, int]]:
    """Frames of the file, half-open, that are localised together: cut at fixed frame numbers."""
    length = int(np.clip(_CHUNK_PIXELS // (height * width), 16, 1024))
    first, end = first_frame, first_frame + n_frames
    while first < end:
        stop = min((first // length + 1) * length, end)
        yield first, stop
        first = stop


@dataclass(frozen=True)
class ChunkFrames:
    """A chunk's frames, in memory, to be localised wherever.

    Attributes:
        first, stop: frames of the file, half-open.
        before, frames, after: (n, H, W) each, in ADU: those just before, its own, and those behind.
    """

    first: int
    stop: int
    before: NDArray[Any]
    frames: NDArray[Any]
    after: NDArray[Any]

    def batches(self) -> Iterator[NDArray[Any]]:
        """Its own frames, as many at a time as when they are read from the movie."""
        step = frames_per_batch(*self.frames.shape[1:])
        for start in range(0, len(self.frames), step):
            yield self.frames[start : start + step]


def frames_around(engine: Engine, refine: bool) -> int:
    """How many frames to each side of some tell something about their emitters."""
    return frames_beside(engine) if refine else engine.network.around


def read_chunk(part: Movie, first: int, stop: int, beside: int) -> ChunkFrames:
    """A chunk's frames, with ``beside`` to each side, checked.

    Raises:
        UserError: they cannot be read or used.
    """
    start, end = first - part.first_frame, stop - part.first_frame
    before, after = _beside(part, start, end, beside)
    return ChunkFrames(first, stop, before, np.concatenate(list(_blocks(part, start, end))), after)


def localize_chunk(
    engine: Engine, part: Movie, first: int, stop: int, refine_to: float | None = None
) -> Iterator[tuple[Candidates, tuple[int, int]]]:
    """Candidates and the file's frames that they come from, half-open, in order.

    Args:
        engine, part: the model at work, and its movie.
        first, stop: frames of the file.
        refine_to: refine, and leave out what is less probable; as the engine finds them if None.
    """
    start, end = first - part.first_frame, stop - part.first_frame
    before, after = _beside(part, start, end, frames_around(engine, refine_to is not None))
    return localize_frames_of(engine, _blocks(part, start, end), before, after, first, refine_to)


def localize_frames_of(
    engine: Engine,
    blocks: Iterable[NDArray[Any]],
    before: NDArray[Any],
    after: NDArray[Any] | Callable[[], NDArray[Any]],
    first: int,
    refine_to: float | None,
    together: int | None = None,
) -> Iterator[tuple[Candidates, tuple[int, int]]]:
    """What :func:`localize_chunk` does, of frames wherever they come from.

    Args:
        engine: the model at work.
        blocks: the frames, in order, (n, H, W) each, in ADU.
        before, after: (n, H, W) those beside them; the latter, or what gives them when all blocks
            have passed.
        first: frame of the file that the blocks begin with.
        refine_to: as there.
        together: frames that are refined together; by their size if None.
    """
    if refine_to is None:
        answers = engine.run(blocks, before, after, first << _SEEDS)
    else:
        answers = run_refined(engine, blocks, before, after, refine_to, together)
    for found, n in answers:
        yield found, (first, first + n)
        first += n


def _beside(part: Movie, start: int, end: int, count: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Up to ``count`` frames just before and just behind some of a movie's, in order."""
    before, after = part.read(max(start - count, 0), start), part.read(end, end + count)
    if len(after):
        check_values(after, part.first_frame + end)
    if len(before) < count or len(after) < count:  # the file may have more than the part
        outer = part.neighbours(count)
        before = np.concatenate([outer[0], before])[-count:]
        after = np.concatenate([after, outer[1]])[:count]
    return before, after


def determines(
    part: Movie,
    used: Setup,
    trained: TrainedModel,
    threshold: float,
    engine: Engine,
    refined: bool,
) -> dict[str, Any]:
    """All that a table depends on, as plain values."""
    camera = used.camera
    maps = [np.asarray(v) for v in (camera.baseline, camera.e_per_adu, camera.read_sigma)]
    weights = (value.cpu().numpy() for value in trained.network.state_dict().values())
    return {
        "program": f"truevar {truevar.__version__}",
        "movie": part.name,
        "frames in all": part.total_frames,
        "frame range": [part.first_frame, part.first_frame + len(part)],
        "region": [part.x0, part.x0 + part.shape[2], part.y0, part.y0 + part.shape[1]],
        "first frame": _digest([part.read(0, 1)]),
        "last frame": _digest([part.read(len(part) - 1, len(part))]),
        "pixel size": used.pixel_size,
        "PSF width": used.psf_sigma,
        "camera": {**camera.describe(), "maps": _digest(maps)},
        "model": [trained.name, _digest(weights)],
        "least probability": threshold,
        "samples": engine.samples,
        "refined": refined,
        "scales": list(engine.cells),
        "device": [engine.device.type, str(engine.precision)],
    }


def _digest(arrays: Iterable[NDArray[Any]]) -> str:
    found = hashlib.sha256()
    for values in arrays:
        found.update(np.ascontiguousarray(values).tobytes())
    return found.hexdigest()[:16]


def _blocks(movie: Movie, start: int, stop: int) -> Iterator[NDArray[Any]]:
    """Frames [start, stop) in order, a batch at a time, checked."""
    _, height, width = movie.shape
    step = frames_per_batch(height, width)
    for first in range(start, stop, step):
        block = movie.read(first, min(first + step, stop))
        check_values(block, movie.first_frame + first)
        yield block
