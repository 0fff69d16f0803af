"""Who localises chunks of a movie beside this process."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Protocol

from truevar.inference.chunk_job import Report
from truevar.inference.chunks import ChunkFrames
from truevar.inference.journal import Chunk

TRIES = 3
"""Times that a chunk is begun, when those who work on it come to an end."""

Finished = Generator[tuple[int, int, Chunk], None, None]
"""Gives chunks with their frames in the file, half-open, in the order in which they are done."""


class Helpers(Protocol):
    """Processes or machines; a context manager that lets go of them."""

    def __enter__(self) -> Helpers: ...

    def __exit__(self, *stopped: object) -> None: ...

    def finished(self, wanted: Iterator[ChunkFrames], report: Report) -> Finished:
        """Get chunks done.

        Args:
            wanted: the chunks; taken from it only a few ahead of what is done.
            report: called with frames and emitters as they are done. Of what has to be done again
                it takes them back, with numbers below 0.

        Raises:
            UserError: a chunk cannot be localised, or who works on it came to an end too often.
        """
