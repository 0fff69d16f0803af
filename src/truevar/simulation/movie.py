"""A simulated movie, drawn block by block, with its truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from truevar.camera import Camera
from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.imaging.gaussian import render_frames
from truevar.io.atomic import check_new, replacing
from truevar.io.movies.write import write_tiff

_BLOCK = 100  # frames drawn at a time: bounds the memory of a long movie


@dataclass
class SimulatedMovie:
    """A movie with its truth. Iterating gives blocks (n, H, W) of uint16 ADU, in order.

    Attributes:
        emitters: every emitter in every frame, with ``photons``, ``bg`` and ``id``; those just
            outside the field, which shine into it, included.
        camera: what it was taken with.
        psf_sigma: nm.
        pixel_size: nm.
    """

    emitters: Emitters
    camera: Camera
    psf_sigma: float
    pixel_size: float
    shape: tuple[int, int, int]
    background_HW: torch.Tensor
    generator: torch.Generator
    _drawn: bool = field(default=False, repr=False)

    @property
    def truth(self) -> Emitters:
        """The emitters within the field."""
        _, height, width = self.shape
        x, y = self.emitters.x / self.pixel_size, self.emitters.y / self.pixel_size
        return self.emitters.select(
            (x >= -0.5) & (x < width - 0.5) & (y >= -0.5) & (y < height - 0.5)
        )

    def __iter__(self) -> Iterator[NDArray[np.uint16]]:
        if self._drawn:
            raise RuntimeError("a simulated movie is drawn once; simulate it again")
        self._drawn = True
        n_frames, height, width = self.shape
        frame_N = torch.from_numpy(self.emitters.frame)
        x_N, y_N, photons_N = (
            torch.from_numpy(values).float()
            for values in (
                self.emitters.x / self.pixel_size,
                self.emitters.y / self.pixel_size,
                self.emitters.photons,
            )
        )
        for start in range(0, n_frames, _BLOCK):
            stop = min(start + _BLOCK, n_frames)
            now = (frame_N >= start) & (frame_N < stop)
            sigma_N = torch.full((int(now.sum()),), self.psf_sigma / self.pixel_size)
            light_nHW = render_frames(
                x_N[now],
                y_N[now],
                photons_N[now],
                frame_N[now] - start,
                sigma_N,
                stop - start,
                height,
                width,
            )
            adu_nHW = self.camera.expose(light_nHW + self.background_HW, self.generator)
            yield adu_nHW.clamp(0, 65535).numpy().astype(np.uint16)

    def frames(self) -> NDArray[np.uint16]:
        """The whole movie, (frames, H, W)."""
        return np.concatenate(list(self))

    def write(self, path: str | PathLike[str], overwrite: bool = False) -> None:
        """Draw the movie into a TIFF whose tags hold pixel size and camera.

        Raises:
            UserError: another ending than .tif or .tiff, a file that is there, or a folder or a
                disk that takes none.
        """
        if Path(path).suffix.lower() not in (".tif", ".tiff"):
            raise UserError(f"cannot write {path}: a movie's ending must be .tif or .tiff")
        check_new(path, overwrite)
        with replacing(path) as temporary:
            self.draw_into(temporary)

    def draw_into(
        self, path: str | PathLike[str], progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Write the TIFF where it is to be, block by block.

        Args:
            path: the file; half-written if this fails.
            progress: called with frames done and in all after every block.

        Raises:
            OSError: the file cannot be written.
        """

        def pages() -> Iterator[NDArray[np.uint16]]:
            done = 0
            for block in self:
                yield from block
                done += len(block)
                if progress:
                    progress(done, self.shape[0])

        write_tiff(path, pages(), self.shape, self.pixel_size, self.camera.describe())
