"""Chunks of a movie localised by the workers of a Dask cluster (``dask.distributed``)."""

from __future__ import annotations

import os
import pickle
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from functools import lru_cache
from typing import Any

import truevar
from truevar.errors import UserError
from truevar.inference.chunk_job import ChunkJob, Report
from truevar.inference.chunks import ChunkFrames
from truevar.inference.helpers import TRIES, Finished
from truevar.inference.journal import Chunk
from truevar.io.extras import need_package
from truevar.wording import subject

_PATIENCE = 30.0
"""Seconds that the scheduler, and a first worker, are waited for."""

_LARGE = 1 << 26
"""Bytes of a job from which it is sent only once to each worker."""

_DRAWS = threading.Lock()
"""Draws set the random numbers of the whole process, and a worker may have several threads."""


class DaskCluster:
    """The workers of a Dask scheduler. Use as a context manager.

    What a worker had begun that is lost is done again by another one: the scheduler sees to that.

    Args:
        job: how the movie's chunks are localised.
        scheduler: its address, such as ``tcp://host:8786``, or the file that it wrote
            (``dask scheduler --scheduler-file``).

    Raises:
        UserError: on entering: the package is not installed, no scheduler is there, it has no
            workers, or they have another version of this program.
    """

    def __init__(self, job: ChunkJob, scheduler: str | os.PathLike[str]):
        self.job, self.scheduler = pickle.dumps(job, pickle.HIGHEST_PROTOCOL), os.fspath(scheduler)
        self._client: Any = None
        self._stack = ExitStack()

    def __enter__(self) -> DaskCluster:
        distributed = need_package("distributed", "a Dask cluster", "cluster")
        where: dict[str, Any] = {"address": self.scheduler}
        if self.scheduler.endswith(".json"):
            where = {"scheduler_file": self.scheduler}
        try:
            self._client = distributed.Client(**where, timeout=_PATIENCE, set_as_default=False)
        except (OSError, ValueError) as error:  # ValueError: no address at all
            raise UserError(
                f"there is no Dask scheduler at {self.scheduler}; give {subject('scheduler')} the "
                "address that it says when it starts"
            ) from error
        self._stack.callback(self._client.close)
        try:
            self._check_workers()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *stopped: object) -> None:
        self._stack.close()

    def _check_workers(self) -> None:
        try:
            self._client.wait_for_workers(1, timeout=_PATIENCE)
        except TimeoutError as error:
            raise UserError(
                f"the Dask scheduler at {self.scheduler} has no workers; start some with: "
                f"dask worker {self.scheduler}"
            ) from error
        for worker, version in self._client.run(_version, on_error="return").items():
            if version != truevar.__version__:
                has = f"truevar {version}" if isinstance(version, str) else "no truevar"
                raise UserError(
                    f"the Dask worker {worker} has {has}; install truevar {truevar.__version__} "
                    "where it runs"
                )

    def finished(self, wanted: Iterator[ChunkFrames], report: Report) -> Finished:
        """As :class:`truevar.inference.helpers.Helpers` says."""
        from distributed import as_completed

        running: dict[Any, ChunkFrames] = {}
        # With every chunk; what they have in common would draw them all to the worker that has it.
        job = self.job if len(self.job) < _LARGE else self._submit(_job, self.job)
        done = as_completed(loop=self._client.loop)
        try:
            while True:
                while len(running) < self._at_once():
                    if (frames := next(wanted, None)) is None:
                        break
                    future = self._submit(_localize, job, frames)
                    running[future] = frames
                    done.add(future)
                if not running:
                    return
                future = next(done)
                frames = running.pop(future)
                chunk = self._result(future, frames)
                report(frames.stop - frames.first, len(chunk.columns["frame"]))
                yield frames.first, frames.stop, chunk
        finally:
            if running:
                self._client.cancel(list(running), force=True)

    def _submit(self, function: Any, *arguments: Any) -> Any:
        with warnings.catch_warnings():
            # Frames are large for a graph; there are never many of them in it.
            warnings.filterwarnings("ignore", message="Sending large graph", category=UserWarning)
            return self._client.submit(function, *arguments, pure=False, retries=TRIES - 1)

    def _at_once(self) -> int:
        """Chunks in the workers' hands: one for each of their threads, and one waiting."""
        threads = self._client.nthreads()
        return max(2, sum(threads.values()) + len(threads))

    def _result(self, future: Any, frames: ChunkFrames) -> Chunk:
        from distributed import KilledWorker

        try:
            chunk = future.result()
        except KilledWorker as error:
            raise UserError(
                f"Dask workers ended again and again at frames {frames.first} to "
                f"{frames.stop - 1}; their logs say why (memory, most often)"
            ) from error
        assert isinstance(chunk, Chunk)
        return chunk


def _version() -> str:
    return truevar.__version__


@lru_cache(maxsize=1)
def _unpacked(job: bytes) -> ChunkJob:
    found = pickle.loads(job)
    assert isinstance(found, ChunkJob)
    return found


def _job(job: bytes) -> bytes:
    return job


def _localize(job: bytes, frames: ChunkFrames) -> Chunk:
    """On a worker: a chunk."""
    unpacked = _unpacked(job)
    with nullcontext() if unpacked.samples is None else _DRAWS:
        return unpacked.localize(frames)
