"""The engine: a stream of frames in, emitters out, in memory that does not grow with the movie.

A frame is normalised and encoded once and kept for its neighbours; only when those behind
it are there as well is it decided on, together with them. Large frames are decided on in
tiles that are aligned to the grid and overlap by more than the network can see, so the
tiling does not show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from truevar.camera import Camera
from truevar.inference.decode import SURE, Candidates, decode
from truevar.inference.draws import draw_fields
from truevar.inference.encoded import Encoded
from truevar.inference.precision import pick_precision
from truevar.model.gate import peaks, worth_a_look
from truevar.model.normalise import CHANNELS, normalise
from truevar.model.weights import TrainedModel

TILE = 512
"""Width in px of a tile; a multiple of twice the coarsest cell."""

LEAST_PROB = 0.15
"""Less probable emitters explain no light, and refinement leaves them as they are."""

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
        echoes: keep unsure emitters beside more probable ones too, and all from
            :data:`LEAST_PROB` on, for the frames to decide (:mod:`truevar.inference.refined`).
        samples: draw so many joint answers (:mod:`truevar.inference.draws`) in place of one table
            with probabilities, of a next-scale model only; ``min_prob`` does not matter then.
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
        samples: int | None = None,
        echoes: bool = False,
    ):
        self.sure = 0.0 if echoes else SURE
        self.samples = samples
        self.sampled = None if samples is None else model.network
        self._seed = 0
        self.network, self.errors = model.network, model.errors
        # Features lie together pixel by pixel: a quarter faster than plane by plane.
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.camera = camera
        self.psf_sigma = psf_sigma
        self.size = (height, width)
        self.min_prob = min(min_prob, LEAST_PROB) if echoes else min_prob
        self.device = next(model.network.parameters()).device
        self.precision = pick_precision(precision, self.device)
        self.excess = camera.excess
        read = np.broadcast_to(np.asarray(camera.read_variance, np.float32), self.size)
        self.read_1HW = torch.from_numpy(read / self.excess**2)[None].to(self.device)
        self.sigma_1 = torch.tensor([psf_sigma], device=self.device)
        self.cells = self.network.config.cells[:scales]
        self.tile = tile
        # How far a tile must look beyond itself, in px; whole pairs of coarsest cells.
        self.halo = self.network.reach()

    @torch.inference_mode()
    def run(
        self,
        blocks: Iterable[NDArray[np.generic]],
        before: NDArray[np.generic] | None = None,
        after: NDArray[np.generic] | Callable[[], NDArray[np.generic]] | None = None,
        seed: int = 0,
    ) -> Iterator[tuple[Candidates, int]]:
        """Localise successive blocks (n, H, W) in ADU.

        Args:
            blocks: the frames, in order.
            before: (n, H, W) the frames just before the first, in order, as far as there are any.
            after: (n, H, W) those just behind the last, likewise, or what gives them when all
                blocks have passed. Both are neighbours only; their own emitters are not reported.
                What is further away than the model looks (:attr:`FrameReader.around`) does not
                matter.
            seed: of the draws, if any.

        Yields:
            candidates and the number of frames they come from, in order; ``image`` counts
            from the first of these. Photons, their errors and background are
            photo-electrons.
        """
        self._seed = seed
        n = self.network.around
        near = (
            [self._missing(n)] if before is None else self._beside(before[-n:], lacking_first=True)
        )
        kept = Encoded.joined(near)
        for block in blocks:
            frames = Encoded.joined([kept, self._encode(block)])
            if len(frames) > 2 * n:
                yield self._decide(frames), len(frames) - 2 * n
            kept = frames.last(2 * n)
        if len(kept) > n:
            after = after() if callable(after) else after
            behind = [self._missing(n)] if after is None else self._beside(after[:n])
            yield self._decide(Encoded.joined([kept, *behind])), len(kept) - n

    def _beside(self, block: NDArray[np.generic], lacking_first: bool = False) -> list[Encoded]:
        """Frames beside those that are decided on, and in place of others what stands for none."""
        parts = [self._encode(block)] if len(block) else []
        if lacking := self.network.around - len(block):
            parts.insert(0 if lacking_first else len(parts), self._missing(lacking))
        return parts

    def _missing(self, n: int) -> Encoded:
        """What stands for n frames that do not exist."""
        input_N4HW = torch.zeros(n, CHANNELS, *self.size, device=self.device)
        return self._encoded(input_N4HW, input_N4HW[:, 0])

    def effective(self, block: NDArray[np.generic]) -> NDArray[np.float32]:
        """Frames (n, H, W) in ADU as effective counts, whose noise is Poisson's."""
        return np.asarray(self.camera.to_photons(block) / self.excess, dtype=np.float32)

    def _encode(self, block: NDArray[np.generic]) -> Encoded:
        """Frames (n, H, W) each on its own."""
        counts = np.ascontiguousarray(self.effective(block))
        counts_NHW = torch.from_numpy(counts).to(self.device)
        return self._encoded(*normalise(counts_NHW, self.read_1HW))

    def _encoded(self, input_N4HW: torch.Tensor, back_NHW: torch.Tensor) -> Encoded:
        with self._at_precision():
            f_NChw = self.network.encode_frames(input_N4HW)
        peak_Nhw = None
        if self.network.encoder.gated:
            peak_Nhw = peaks(input_N4HW, self.psf_sigma, self.network.pad_to())
        return Encoded(f_NChw, back_NHW, peak_Nhw)

    def _at_precision(self) -> torch.autocast:
        """Convolutions and matrix products inside are made in the engine's number format."""
        return torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.precision == torch.bfloat16
        )

    def _decide(self, frames: Encoded) -> Candidates:
        """Emitters of all frames but those at either end that are neighbours only."""
        H, W = self.size
        active_Bhw = None
        if frames.peak_Nhw is not None:
            # Light further away than one frame is no reason to look.
            inner = slice(self.network.around - 1, len(frames) - self.network.around + 1)
            active_Bhw = worth_a_look(frames.peak_Nhw[inner])
        found = [
            self._decide_tile(frames, active_Bhw, top, left)
            for top in range(0, H, self.tile)
            for left in range(0, W, self.tile)
        ]
        return type(found[0]).concat(found)

    def _decide_tile(
        self, frames: Encoded, active_Bhw: torch.Tensor | None, top: int, left: int
    ) -> Candidates:
        """Emitters of a tile, in the frame's coordinates."""
        H, W = self.size
        rows = slice(max(top - self.halo, 0), top + self.tile + self.halo)
        cols = slice(max(left - self.halo, 0), left + self.tile + self.halo)
        step = self.network.encoder.step  # tiles and halos are whole numbers of it
        f_NChw = frames.f_NChw[:, :, *(_coarser(part, step) for part in (rows, cols))]
        n = self.network.around
        count = len(frames) - 2 * n
        around = [f_NChw[k : k + count] for k in range(2 * n + 1)]
        cond_1D = self.network.condition(self.sigma_1)
        seen = (frames.back_NHW[n : n + count, rows, cols], self.sigma_1, self.cells)
        with self._at_precision():
            if active_Bhw is None:
                f_BChw = self.network.encoder.encode_joint(around, cond_1D)
            else:
                block = self.network.pad_to()
                active_Bhw = active_Bhw[:, *(_coarser(part, block) for part in (rows, cols))]
                f_BChw = self.network.encoder.encode_joint(around, cond_1D, active_Bhw)
            found = self._emitters(f_BChw, seen, active_Bhw)
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

    def _emitters(
        self,
        f_BChw: torch.Tensor,
        seen: tuple[torch.Tensor, torch.Tensor, Sequence[float]],
        active_Bhw: torch.Tensor | None,
    ) -> Candidates:
        """Emitters from joint features and what else the network's ``decide`` takes."""
        if (network := self.sampled) is not None and self.samples is not None:
            self._seed += 1
            return draw_fields(
                lambda manner: network.decide(f_BChw, *seen, manner=manner, active_Bhw=active_Bhw)[
                    -1
                ],
                self.samples,
                self._seed,
                self.device,
            )
        outputs = self.network.decide(f_BChw, *seen, active_Bhw=active_Bhw)
        return decode(outputs[-1], self.psf_sigma, self.min_prob, self.sure)


def _coarser(part: slice, size: int) -> slice:
    """A part of a frame, in whole squares of that size."""
    return slice(part.start // size, part.stop // size)
