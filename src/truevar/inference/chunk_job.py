"""What another process, or another machine, needs to localise chunks of a movie.

It gets the frames themselves: the movie may be an array, or lie on a disk that only this machine
sees. Against what computing takes, sending them is nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from truevar.camera import Camera
from truevar.inference.asked import Ready
from truevar.inference.chunks import ChunkFrames, localize_frames_of
from truevar.inference.crowding import crowding_warning
from truevar.inference.engine import Engine
from truevar.inference.growing_table import GrowingTable
from truevar.inference.journal import Chunk
from truevar.model.weights import TrainedModel
from truevar.wording import words_of

Report = Callable[[int, int], None]
"""Called after every batch with its frames and their emitters."""


@dataclass(frozen=True)
class ChunkJob:
    """How the chunks of one movie are localised.

    Attributes:
        model, camera, psf_sigma, size, min_prob, precision, scales, samples: of the engine.
        refine_to: as :func:`truevar.inference.chunks.localize_chunk` has it.
        x0, y0: column and row in the file of the first pixel.
        pixel_size: nm.
    """

    model: TrainedModel
    camera: Camera
    psf_sigma: float
    size: tuple[int, int]
    min_prob: float
    precision: str
    scales: int | None
    samples: int | None
    refine_to: float | None
    x0: int
    y0: int
    pixel_size: float

    @classmethod
    def of(cls, ready: Ready) -> ChunkJob:
        """That of a movie that is ready."""
        engine = ready.engine
        return cls(
            ready.trained,
            engine.camera,
            engine.psf_sigma,
            engine.size,
            engine.min_prob,
            # As it was picked here: another machine might pick another one.
            str(engine.precision).removeprefix("torch."),
            1 if ready.asked.preview else None,
            engine.samples,
            ready.refine_to,
            ready.part.x0,
            ready.part.y0,
            ready.used.pixel_size,
        )

    def engine(self) -> Engine:
        """The model at work."""
        return Engine(
            self.model,
            self.camera,
            self.psf_sigma,
            *self.size,
            self.min_prob,
            precision=self.precision,
            scales=self.scales,
            samples=self.samples,
            echoes=self.refine_to is not None,
        )

    def localize(self, frames: ChunkFrames, report: Report | None = None) -> Chunk:
        """What is in a chunk.

        Args:
            frames: the chunk's, and those beside it.
            report: called after every batch.
        """
        table, warning = GrowingTable(0, self.x0, self.y0, self.pixel_size), ""
        height, width = self.size
        for found, (first, stop) in localize_frames_of(
            self.engine(),
            frames.batches(),
            frames.before,
            frames.after,
            frames.first,
            self.refine_to,
        ):
            table.add(found, first)
            if not warning:
                emitters = len(found.x) // (self.samples or 1)
                area = (stop - first) * height * width
                domain = self.model.domain
                warning = words_of(crowding_warning(emitters, area, (first, stop), domain))
            if report:
                report(stop - first, len(found.x))
        return Chunk(table.columns(0), warning)
