"""What the model says at every scale of a few frames: the mission's two modes.

**progressive** looks at frames with cells that halve from scale to scale, **super-resolution**
at a grid that is asked for, finer than the camera's, up to cells of an eighth of a px. Every
scale gives a table, made as :func:`truevar.localize` makes its own, and a probability map.
With the same cells the finest table equals that of localising.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from truevar.calibration.imaging_setup import Setup
from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.inference.decode import decode
from truevar.inference.engine import frames_per_batch
from truevar.inference.growing_table import GrowingTable
from truevar.io.movies.movie import Movie, check_values
from truevar.model.handdown import Manner
from truevar.model.predictor import TrueVAREmitterPredictor
from truevar.model.scale_output import ScaleOutput
from truevar.model.weights import TrainedModel

FIELD = 40
"""Width in px of the frame that the super-resolved grids are stated for."""

TARGETS = (80, 160, 320)
"""Cells along a side of such a frame that can be asked for."""

DECODINGS = ("soft", "greedy", "sampled")
"""How a scale hands its decisions down: as distributions, the likeliest, or a draw."""


@dataclass(frozen=True)
class FrameStack:
    """Successive frames of one region of a movie, each to be seen with its neighbours.

    Attributes:
        counts_NHW: (n + 2 · around, H, W) effective counts (photo-electrons over the excess
            factor); the first and the last ``around`` are neighbours only.
        exists_N: (n + 2 · around,) False for a neighbour that the movie does not have.
        read_variance_HW: (H, W) of the read noise, effective.
        excess: variance of photon noise over a Poisson count's.
        psf_sigma: px.
        pixel_size: nm.
        first_frame, x0, y0: place in the movie of the first frame that is decided on, and of
            pixel (0, 0).
        around: neighbours on either side.
    """

    counts_NHW: torch.Tensor
    exists_N: torch.Tensor
    read_variance_HW: torch.Tensor
    excess: float
    psf_sigma: float
    pixel_size: float
    first_frame: int = 0
    x0: int = 0
    y0: int = 0
    around: int = 1

    def __len__(self) -> int:
        return len(self.counts_NHW) - 2 * self.around

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) in px."""
        return self.counts_NHW.shape[1], self.counts_NHW.shape[2]

    @classmethod
    def read(cls, movie: Movie, setup: Setup, around: int) -> FrameStack:
        """All frames of a movie that was opened at a range and region.

        Args:
            movie: a few frames: all are read at once.
            setup: its camera is of the movie's whole field, or has no maps.
            around: neighbours on either side, as far as the model that is to see them looks
                (:attr:`truevar.model.frame_reader.FrameReader.around`).

        Raises:
            UserError: a frame cannot be read, or has pixels that are not finite.
        """
        n_frames, height, width = movie.shape
        block = movie.read(0, n_frames)
        check_values(block, movie.first_frame)
        before, after = movie.neighbours(around)
        lacking = [around - len(before), around - len(after)]
        none_before, none_after = (np.zeros((n, height, width), block.dtype) for n in lacking)
        parts = (none_before, before, block, after, none_after)
        rows = slice(movie.y0, movie.y0 + height)
        cols = slice(movie.x0, movie.x0 + width)
        camera = setup.camera.crop(rows, cols)
        counts = camera.to_photons(np.concatenate(parts)) / camera.excess
        variance = np.asarray(camera.read_variance, np.float32) / camera.excess**2
        exists_N = torch.ones(n_frames + 2 * around, dtype=torch.bool)
        exists_N[: lacking[0]] = exists_N[len(exists_N) - lacking[1] :] = False
        return cls(
            torch.from_numpy(np.ascontiguousarray(counts)),
            exists_N,
            torch.from_numpy(np.broadcast_to(variance, (height, width)).copy()),
            camera.excess,
            setup.psf_sigma / setup.pixel_size,
            setup.pixel_size,
            movie.first_frame,
            movie.x0,
            movie.y0,
            around,
        )


@dataclass(frozen=True)
class ScalePrediction:
    """What one scale says about a stack of frames.

    Attributes:
        cell: width of its cells in px.
        grid: (h, w) cells of a frame.
        emitters: table of all frames, in nm of the whole movie.
        prob_hw: (h, w) probability that a cell holds an emitter, of the frame that is pictured.
    """

    cell: float
    grid: tuple[int, int]
    emitters: Emitters
    prob_hw: NDArray[np.float32]


def super_resolution_cells(network: TrueVAREmitterPredictor, target: int) -> tuple[float, ...]:
    """Cells in px, coarse to fine, up to the grid of a 40 × 40 px frame that is asked for.

    Args:
        network: whose coarsest cells are the first.
        target: cells along a side of such a frame.

    Raises:
        UserError: no such grid.
    """
    if target not in TARGETS:
        known = ", ".join(map(str, TARGETS))
        raise UserError(f"target_res {target} is not a grid that 40 x 40 px lead to; give {known}")
    cells = [cell for cell in network.config.cells_of(FIELD, FIELD) if cell >= FIELD / target]
    while cells[-1] > FIELD / target:
        cells.append(cells[-1] / 2)
    return tuple(cells)


def manner_of(
    decoding: str, temperature: float = 1.0, top_k: int = 0, device: torch.device | str = "cpu"
) -> Manner:
    """How decisions are handed down.

    Args:
        decoding: one of :data:`DECODINGS`.
        temperature: of a draw.
        top_k: draw codes from so many of the likeliest only; 0 for all.
        device: of the model.

    Raises:
        UserError: no such decoding.
    """
    if decoding not in DECODINGS:
        raise UserError(f"unknown decoding {decoding!r}; choose one of {', '.join(DECODINGS)}")
    if decoding == "soft":
        return Manner.soft(device)
    return Manner.drawn(temperature if decoding == "sampled" else 0.0, top_k, device)


@torch.inference_mode()
def predict_scales(
    model: TrainedModel,
    stack: FrameStack,
    cells: Sequence[float] | None = None,
    manner: Manner | None = None,
    min_prob: float | None = None,
    pictured: int = 0,
    meta: dict[str, Any] | None = None,
) -> list[ScalePrediction]:
    """Tables and probability maps of all scales.

    Args:
        model: a trained one.
        stack: the frames.
        cells: widths in px, coarse to fine; by default those that the model has for frames of
            this size (:meth:`ModelConfig.cells_of`).
        manner: how decisions are handed down; as distributions by default.
        min_prob: emitters less probable are left out; the model's own threshold by default.
        pictured: which frame of the stack gets a probability map.
        meta: what the tables' ``meta`` hold besides scale, cell and threshold.

    Returns:
        one prediction per scale, coarse to fine.

    Raises:
        UserError: a model of another architecture.
    """
    network = model.network
    device = next(network.parameters()).device
    height, width = stack.size
    cells = cells or network.config.cells_of(height, width)
    threshold = model.threshold if min_prob is None else min_prob
    tables = [GrowingTable(stack.first_frame, stack.x0, stack.y0, stack.pixel_size) for _ in cells]
    grids = [(-int(-height // cell), -int(-width // cell)) for cell in cells]
    maps = [np.zeros(grid, np.float32) for grid in grids]
    step = frames_per_batch(height, width)
    for start in range(0, len(stack), step):
        stop = min(start + step, len(stack))
        windows = torch.arange(start, stop)[:, None] + torch.arange(2 * stack.around + 1)
        outputs = network.predict(
            stack.counts_NHW[windows].to(device),
            stack.psf_sigma,
            stack.read_variance_HW.to(device),
            stack.exists_N[windows].to(device),
            cells=cells,
            manner=manner,
        )
        for k, output in enumerate(outputs):
            found = decode(output, stack.psf_sigma, threshold)
            # An emitter just outside the field is not reported, as in localising.
            inside = (found.x >= -0.5) & (found.x < width - 0.5)
            inside &= (found.y >= -0.5) & (found.y < height - 0.5)
            found = found.select(inside)
            for values in (found.photons, found.sigma_photons, found.bg):
                values *= stack.excess
            tables[k].add(found, start)
            if start <= pictured < stop:
                maps[k] = _probability_map(output, pictured - start, grids[k])
    return [
        ScalePrediction(
            cell,
            grid,
            table.emitters(
                {
                    **(meta or {}),
                    "scale": k,
                    "cell": cell * stack.pixel_size,
                    "grid": list(grid),
                    "min_prob": threshold,
                }
            ),
            prob_hw,
        )
        for k, (cell, grid, table, prob_hw) in enumerate(
            zip(cells, grids, tables, maps, strict=True)
        )
    ]


def _probability_map(output: ScaleOutput, image: int, grid: tuple[int, int]) -> NDArray[np.float32]:
    """(h, w) probabilities of one frame; zero where no cell was looked at."""
    prob_hw = torch.zeros(output.grid, device=output.x_R.device)
    here = output.crop_R == image
    prob_R = output.prob_R.float().clamp(0, 1)
    prob_hw[output.row_R[here], output.col_R[here]] = prob_R[here]
    return np.asarray(prob_hw[: grid[0], : grid[1]].cpu().numpy())
