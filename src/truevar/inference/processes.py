"""Chunks of a movie localised by processes of this machine, which share its threads."""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import torch

from truevar.errors import UserError
from truevar.inference.chunk_job import ChunkJob, Report
from truevar.inference.chunks import ChunkFrames
from truevar.inference.helpers import TRIES, Finished
from truevar.inference.journal import Chunk
from truevar.inference.worker import BATCH, DONE, REFUSED
from truevar.wording import subject

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

_AHEAD = 1
"""Chunks that are read before a process is free for them."""

_LOOK = 0.5
"""Seconds after which waiting looks up: Windows' Ctrl-C does not end it otherwise."""

MOST = 8
"""Processes that are started unasked ..."""

MEMORY_EACH = 2 << 30
"""... if the machine has so many bytes of memory for each; half of that is what they may take."""

CHUNKS_EACH = 2
"""Chunks that a process must have to do, or starting it (seconds) is not worth it."""


def worth_starting(chunks: int, threads: int) -> int:
    """How many processes localise fastest; 1 for this one alone.

    The threads of one process wait for each other after every small product; processes do not.

    Args:
        chunks: that are to be localised.
        threads: that may compute.
    """
    fit = MOST // 2  # where the system does not say
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        fit = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // MEMORY_EACH
    return max(1, min(threads, chunks // CHUNKS_EACH, MOST, fit))


class Processes:
    """So many processes, each with its share of this one's threads. Use as a context manager.

    One that ends (killed for its memory, say) is replaced, and its chunk done again.

    Args:
        job: how the movie's chunks are localised.
        count: of processes.
    """

    def __init__(self, job: ChunkJob, count: int):
        threads = max(1, torch.get_num_threads() // count)
        start = pickle.dumps(threads) + pickle.dumps(job, pickle.HIGHEST_PROTOCOL)
        self._wanted: queue.SimpleQueue[ChunkFrames | None] = queue.SimpleQueue()
        self._events: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self._desks = [
            _Desk(_Process(start, threads), self._wanted, self._events) for _ in range(count)
        ]

    def __enter__(self) -> Processes:
        for desk in self._desks:
            desk.start()
        return self

    def __exit__(self, *stopped: object) -> None:
        for desk in self._desks:
            self._wanted.put(None)
            desk.stop()
        for desk in self._desks:
            desk.join()

    def finished(self, wanted: Iterator[ChunkFrames], report: Report) -> Finished:
        """As :class:`truevar.inference.helpers.Helpers` says."""
        out = 0
        for frames in wanted:
            self._wanted.put(frames)
            out += 1
            if out >= len(self._desks) + _AHEAD:
                yield from self._next(report)
                out -= 1
        for _ in range(out):
            yield from self._next(report)

    def _next(self, report: Report) -> Finished:
        """The next chunk that is done."""
        while True:
            try:
                kind, *what = self._events.get(timeout=_LOOK)
            except queue.Empty:
                continue
            if kind == BATCH:
                report(*what)
            elif kind == DONE:
                frames, chunk = what
                yield frames.first, frames.stop, chunk
                return
            else:
                raise what[0]


class _Desk(threading.Thread):
    """Hands chunks to one process, one after the other, and what comes of them to all.

    Args:
        process: that localises.
        wanted: chunks to be done; None for no more.
        events: takes (BATCH, frames, emitters), (DONE, frames, chunk) and (kind, error).
    """

    def __init__(
        self,
        process: _Process,
        wanted: queue.SimpleQueue[ChunkFrames | None],
        events: queue.SimpleQueue[tuple[Any, ...]],
    ):
        super().__init__(daemon=True)
        self.process, self.wanted, self.events = process, wanted, events
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End the process, whatever it is at; the thread ends then."""
        self._stopped.set()
        self.process.end(for_good=True)

    def run(self) -> None:
        """Work until there is no more."""
        while (frames := self.wanted.get()) is not None and not self._stopped.is_set():
            try:
                self.events.put((DONE, frames, self._localize(frames)))
            except Exception as error:
                self.events.put((REFUSED, error))

    def _localize(self, frames: ChunkFrames) -> Chunk:
        for _ in range(TRIES):
            done = emitters = 0
            try:
                for kind, *what in self.process.answers(frames):
                    if kind == BATCH:
                        done, emitters = done + what[0], emitters + what[1]
                        self.events.put((BATCH, *what))
                    elif kind == DONE:
                        return what[0]
                    elif kind == REFUSED:
                        raise what[0]
                    else:
                        # The command line knows running out of memory by the text.
                        failure: Exception = RuntimeError(f"in a worker process: {what[0]}")
                        break
            except (EOFError, OSError, pickle.UnpicklingError):
                failure = self._ended(frames)
            self.process.end()
            self.events.put((BATCH, -done, -emitters))
            if self._stopped.is_set():
                break
        raise failure

    def _ended(self, frames: ChunkFrames) -> UserError:
        self.process.end()
        return UserError(
            f"a worker process ended {TRIES} times (with {self.process.code}) at frames "
            f"{frames.first} to {frames.stop - 1}; if memory is short, give fewer "
            f"{subject('workers')}"
        )


class _Process:
    """A process at work, started when it is wanted, and again when it has ended.

    Args:
        start: what it is told first.
        threads: that it computes with.
    """

    def __init__(self, start: bytes, threads: int):
        self.start, self.threads = start, threads
        self.code: int | None = None
        self._over = False
        self._running: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def answers(self, frames: ChunkFrames) -> Iterator[tuple[Any, ...]]:
        """What it says of a chunk.

        Raises:
            EOFError, OSError: it has ended.
        """
        with self._lock:
            if self._over:
                raise EOFError
            running = self._running = self._running or self._started()
        assert running.stdin is not None
        assert running.stdout is not None
        pickle.dump(frames, running.stdin, pickle.HIGHEST_PROTOCOL)
        running.stdin.flush()
        while True:
            yield pickle.load(running.stdout)

    def _started(self) -> subprocess.Popen[bytes]:
        # No fork, for torch has threads; nor multiprocessing, which would run the caller's script.
        found = os.pathsep.join(path or os.getcwd() for path in sys.path)
        environment = {**os.environ, "PYTHONPATH": found}
        environment |= dict.fromkeys(_THREADS, str(self.threads))
        # In a group of its own Ctrl-C does not reach it: this process ends it.
        alone: dict[str, Any] = {"process_group": 0}
        if os.name == "nt":
            alone = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined]
        running = subprocess.Popen(
            [sys.executable, "-P", "-m", "truevar.inference.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            **alone,
        )
        assert running.stdin is not None
        with suppress(OSError):  # that it has ended will show
            running.stdin.write(self.start)
        return running

    def end(self, for_good: bool = False) -> None:
        """End it; unless for good, it starts anew when it is wanted again."""
        with self._lock:
            self._over |= for_good
            running, self._running = self._running, None
        if running is None:
            return
        running.kill()
        self.code = running.wait()
        for pipe in (running.stdin, running.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
