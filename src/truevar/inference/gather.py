"""From a movie that is ready to its table: chunk by chunk, here or elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import torch

import truevar
from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.inference.asked import Announce, Ready
from truevar.inference.chunk_job import ChunkJob, Report
from truevar.inference.chunks import ChunkFrames, chunks, determines, localize_chunk, read_chunk
from truevar.inference.crowding import CrowdingWatch
from truevar.inference.dask_cluster import DaskCluster
from truevar.inference.growing_table import GrowingTable, TableOnDisk
from truevar.inference.helpers import Helpers
from truevar.inference.journal import Chunk, Journal
from truevar.inference.posterior_check import FRAMES, PosteriorCheck
from truevar.inference.processes import Processes, worth_starting
from truevar.io.tables.parts import TableParts

Progress = Callable[[int, int, int], None]
"""Called with frames done, frames in all, and emitters so far."""

Live = Callable[[Callable[[], Emitters]], None]
"""Called with a function that gives the emitters so far."""

Fetch = Callable[[int, int], Chunk]
"""Waits for a chunk, given its frames."""


def gather(
    ready: Ready,
    journal: Journal | None = None,
    on_disk: bool = False,
    progress: Progress | None = None,
    announce: Announce | None = None,
    live: Live | None = None,
) -> TableParts:
    """Localise a movie.

    Args:
        ready: the movie, and how.
        journal: where finished chunks are kept, and taken from.
        on_disk: the journal alone holds what is finished.
        progress, announce, live: as for :func:`truevar.localize`.

    Raises:
        UserError: frames that cannot be read or used, or help that fails again and again.
    """
    part, used, samples = ready.part, ready.used, ready.asked.samples
    n_frames, height, width = part.shape
    table = table_for(ready, journal, on_disk)
    if journal:
        journal.check(settings_of(ready))
    watch = CrowdingWatch(ready.trained.domain, used, announce)
    # Draws and previews are no answer that could look like the movie.
    judged = FRAMES if samples is None and not ready.asked.preview else 0
    check = PosteriorCheck(part, used, judged)
    spread = list(chunks(part.first_frame, n_frames, height, width))
    done = emitters = 0

    def report(frames: int, more: int) -> None:
        nonlocal done, emitters
        done, emitters = done + frames, emitters + more
        if progress:
            progress(done, n_frames, emitters)

    workers = _workers(ready, len(spread))
    alone = workers == 1 and ready.asked.scheduler is None
    # Those that are asked for elsewhere must be known before the first is there.
    before = {one for one in spread if alone or (journal and journal.read(*one))}
    wanted = [one for one in spread if one not in before]
    with nullcontext() if alone else _Elsewhere(ready, workers, journal, wanted, report) as fetch:
        for first, stop in spread:
            kept = journal.read(first, stop) if journal and (first, stop) in before else None
            if kept:
                report(stop - first, len(kept.columns["frame"]))
            elif fetch:
                kept = fetch(first, stop)
            if kept:
                table.add_columns(kept.columns)
                check.add(kept.columns, first, stop)
                watch.say(kept.warning)
                if live and fetch:
                    live(lambda: table.emitters(ready.picture_meta))
                continue
            rows, already = len(table.parts), watch.said
            for found, at in localize_chunk(ready.engine, part, first, stop, ready.refine_to):
                table.add(found, at[0] - part.first_frame)
                watch(len(found.x) // (samples or 1), (at[1] - at[0]) * height * width, at)
                report(at[1] - at[0], len(found.x))
                if live:
                    live(lambda: table.emitters(ready.picture_meta))
            check.add(table.columns(rows), first, stop)
            if journal:
                warning = "" if already else watch.said
                journal.add(first, stop, Chunk(table.columns(rows), warning))
                table.finished()
    meta = {
        "program": f"truevar {truevar.__version__}",
        "movie": part.name,
        **ready.picture_meta,
        "frames": part.total_frames,
        "frame_range": [part.first_frame, part.first_frame + n_frames],
        **ready.how_meta(),
        **check.tell(announce),
        "seconds": round(time.monotonic() - ready.began, 2),
        "notes": [str(line) for line in used.notes],
        "warnings": [str(line) for line in used.warnings],
    }
    return table.in_parts(meta)


def table_for(ready: Ready, journal: Journal | None, on_disk: bool) -> GrowingTable:
    """An empty table of a movie's part."""
    part = ready.part
    origin = (part.first_frame, part.x0, part.y0, ready.used.pixel_size)
    return TableOnDisk(journal, *origin) if journal and on_disk else GrowingTable(*origin)


def settings_of(ready: Ready) -> dict[str, object]:
    """All that a table of this depends on, as plain values."""
    return determines(
        ready.part, ready.used, ready.trained, ready.threshold, ready.engine, ready.refine
    )


class _Elsewhere:
    """Chunks that others localise, each kept until it is its turn. Use as a context manager.

    Args:
        ready: the movie, and how.
        workers: processes, if it is not a cluster.
        journal: takes every chunk at once, for the run may be stopped.
        wanted: the chunks.
        report: called with frames and emitters as they are done.
    """

    def __init__(
        self,
        ready: Ready,
        workers: int,
        journal: Journal | None,
        wanted: list[tuple[int, int]],
        report: Report,
    ):
        self.ready, self.journal, self.wanted = ready, journal, wanted
        self.helpers = _helpers(ready, workers)
        self.done = self.helpers.finished(self._frames(), report)
        self.waiting: dict[tuple[int, int], Chunk] = {}
        self.error: UserError | None = None

    def __enter__(self) -> Fetch:
        self.helpers.__enter__()
        return self._fetch

    def __exit__(self, *stopped: object) -> None:
        self.done.close()
        self.helpers.__exit__(*stopped)

    def _frames(self) -> Iterator[ChunkFrames]:
        """What is wanted, up to frames that cannot be used: those before them are finished."""
        try:
            for first, stop in self.wanted:
                yield read_chunk(self.ready.part, first, stop, self.ready.beside)
        except UserError as error:
            self.error = error

    def _fetch(self, first: int, stop: int) -> Chunk:
        while (first, stop) not in self.waiting:
            found = next(self.done, None)
            if found is None:
                assert self.error is not None
                raise self.error
            at, until, chunk = found
            if self.journal:
                self.journal.add(at, until, chunk)
            self.waiting[at, until] = chunk
        return self.waiting.pop((first, stop))


def _workers(ready: Ready, chunks: int) -> int:
    """How many processes localise."""
    asked = ready.asked
    if asked.workers is not None:
        return asked.workers
    if asked.scheduler is not None or ready.engine.device.type != "cpu":
        return 1
    return worth_starting(chunks, torch.get_num_threads())


def _helpers(ready: Ready, workers: int) -> Helpers:
    """Who was asked for."""
    job = ChunkJob.of(ready)
    if ready.asked.scheduler is not None:
        return DaskCluster(job, ready.asked.scheduler)
    return Processes(job, workers)
