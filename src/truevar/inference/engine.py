"""The engine: a stream of frames in, emitters out, in memory that does not grow with the movie.

A frame is normalised and encoded once and kept for its two neighbours; only then is it
decided on, together with them. Large frames are decided on in tiles that are aligned to
the grid and overlap by more than the network can see, so the tiling does not show.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from truevar.camera import Camera
from truevar.inference.decode import Candidates, decode
from truevar.inference.precision import pick_precision
from truevar.model.normalise import CHANNELS, normalise
from truevar.model.weights import TrainedModel

TILE = 512
"""Width in px of a tile; a multiple of twice the coarsest cell."""

_BATCH_PIXELS = 1 << 16
"""Pixels decided on at a time: enough to keep two cores busy, little enough for any machine."""


def frames_per_batch(height: int, width: int) -> int:
    """How many frames of this size the engine takes at a time."""
    return int(np.clip(_BATCH_PIXELS // (height * width), 1, 64))


class Engine:
    """Localises the frames of one movie.

    Args:
        model: what :func:`truevar.load_model` gives.
        camera: of the movie (already cut to the region of interest).
        psf_sigma: width of the PSF in px.
        height, width: of the frames in px.
        min_prob: emitters less probable are left out.
        precision: number format, see :func:`truevar.inference.precision.pick_precision`.
        scales: decide on the first so many scales only; all by default.
    """

    def __init__(
        self,
        model: TrainedModel,
        camera: Camera,
        psf_sigma: float,
        height: int,
        width: int,
        min_prob: float,
        tile: int = TILE,
        precision: str = "auto",
        scales: int | None = None,
    ):
        self.network = model.network
        # Features lie together pixel by pixel: a quarter faster than plane by plane.
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.camera = camera
        self.psf_sigma = psf_sigma
        self.size = (height, width)
        self.min_prob = min_prob
        self.device = next(model.network.parameters()).device
        self.precision = pick_precision(precision, self.device, self.network.trained_in_bfloat16)
        self.excess = camera.excess
        read = np.broadcast_to(np.asarray(camera.read_variance, np.float32), self.size)
        self.read_1HW = torch.from_numpy(read / self.excess**2)[None].to(self.device)
        self.sigma_1 = torch.tensor([psf_sigma], device=self.device)
        self.cells = self.network.config.cells[:scales]
        self.tile = tile
        self.halo = self._halo()

    def _halo(self) -> int:
        """How far a tile must look beyond itself, in px; whole pairs of coarsest cells."""
        return self.network.reach()

    @torch.inference_mode()
    def run(
        self,
        blocks: Iterable[NDArray[np.generic]],
        before: NDArray[np.generic] | None = None,
        after: NDArray[np.generic] | None = None,
    ) -> Iterator[tuple[Candidates, int]]:
        """Localise successive blocks (n, H, W) in ADU.

        Args:
            blocks: the frames, in order.
            before: (1, H, W) the frame just before the first, if there is one.
            after: (1, H, W) the frame just behind the last, likewise. Both are neighbours
                only; their own emitters are not reported.

        Yields:
            candidates and the number of frames they come from, in order; ``image`` counts
            from the first of these. Photons, their errors and background are
            photo-electrons.
        """
        kept_f, kept_back = self._encode(before)[0], torch.empty(0, *self.size, device=self.device)
        for block in blocks:
            f_NCHW, back_NHW = self._encode(block)
            f_NCHW, back_NHW = torch.cat([kept_f, f_NCHW]), torch.cat([kept_back, back_NHW])
            if len(f_NCHW) > 2:
                n = len(f_NCHW) - 2
                yield self._decide(f_NCHW, back_NHW[:n]), n
            kept_f, kept_back = f_NCHW[-2:].clone(), back_NHW[-1:].clone()
        if len(kept_back):
            yield self._decide(torch.cat([kept_f, self._encode(after)[0]]), kept_back), 1

    def _encode(self, block: NDArray[np.generic] | None) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, C, H, W) features and (n, H, W) background; None stands for a missing frame."""
        if block is None:
            missing_14HW = torch.zeros(1, CHANNELS, *self.size, device=self.device)
            with self._at_precision():
                return self.network.encode_frames(missing_14HW), missing_14HW[:, 0]
        counts = self.camera.to_photons(block) / self.excess
        counts_NHW = torch.from_numpy(np.ascontiguousarray(counts)).to(self.device)
        input_N4HW, back_NHW = normalise(counts_NHW, self.read_1HW)
        with self._at_precision():
            return self.network.encode_frames(input_N4HW), back_NHW

    def _at_precision(self) -> torch.autocast:
        """Convolutions and matrix products inside are made in the engine's number format."""
        return torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.precision == torch.bfloat16
        )

    def _decide(self, f_NCHW: torch.Tensor, back_BHW: torch.Tensor) -> Candidates:
        """Emitters of all frames of N = B + 2 successive ones but the first and the last."""
        H, W = self.size
        found = [
            self._decide_tile(f_NCHW, back_BHW, top, left)
            for top in range(0, H, self.tile)
            for left in range(0, W, self.tile)
        ]
        return Candidates.concat(found)

    def _decide_tile(
        self, f_NCHW: torch.Tensor, back_BHW: torch.Tensor, top: int, left: int
    ) -> Candidates:
        """Emitters of a tile, in the frame's coordinates."""
        H, W = self.size
        rows = slice(max(top - self.halo, 0), top + self.tile + self.halo)
        cols = slice(max(left - self.halo, 0), left + self.tile + self.halo)
        step = self.network.encoder.step  # tiles and halos are whole numbers of it
        f_NChw = f_NCHW[
            :, :, rows.start // step : rows.stop // step, cols.start // step : cols.stop // step
        ]
        with self._at_precision():
            f_BChw = self.network.encoder.encode_joint(
                f_NChw[:-2], f_NChw[1:-1], f_NChw[2:], self.network.condition(self.sigma_1)
            )
            outputs = self.network.decide(f_BChw, back_BHW[:, rows, cols], self.sigma_1, self.cells)
        found = decode(outputs[-1], self.psf_sigma, self.network.merge_rule, self.min_prob)
        found.x += cols.start
        found.y += rows.start
        for values in (found.photons, found.sigma_photons, found.bg):
            values *= self.excess
        # What lies beyond the tile is the neighbour's; beyond the frame there is none, and
        # an emitter just outside the field is not reported.
        inside = (found.x >= left - 0.5) & (found.y >= top - 0.5)
        inside &= found.x < min(left + self.tile, W) - 0.5
        inside &= found.y < min(top + self.tile, H) - 0.5
        return found.select(inside)
