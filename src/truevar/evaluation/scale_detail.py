"""What a scale's cells say about true emitters: for comparing one scale with a finer one."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import ndtr

from truevar.emitters import Emitters
from truevar.imaging.neighbours import set_apart
from truevar.model.scale_output import ScaleOutput

_LEAST = 1e-5
"""Emitters expected in a cell, at least: one that was missed costs so much and no more."""


def expected_in_true_cells(
    output: ScaleOutput, cell: float, truth: Emitters, pixel_size: float
) -> float:
    """Mean log of the emitters that a scale expects in the cells of the true ones.

    What it expects in a cell is the sum of all its Gaussians' shares there.

    Args:
        output: the scale; its frames are those of ``truth``.
        cell: px, width of the cells that are asked about; they may be narrower than its own.
        truth: x and y in nm, frames from 0.
        pixel_size: nm.
    """
    place_N2, lower_N2 = _true_cells(truth, cell, pixel_size)
    mean_R2 = _pair(output.x_R, output.y_R)
    sigma_R2 = _pair(output.sigma_x_R, output.sigma_y_R)
    crop_R, count_R = output.crop_R.numpy(), output.mean_R.double().numpy()
    expected_N = np.empty(len(place_N2))
    for n, frame in enumerate(truth.frame):
        rows = np.flatnonzero(crop_R == frame)
        low_2, high_2 = (
            (edge - mean_R2[rows]) / sigma_R2[rows] for edge in (lower_N2[n], lower_N2[n] + cell)
        )
        expected_N[n] = count_R[rows] @ (ndtr(high_2) - ndtr(low_2)).prod(1)
    return float(np.log(np.maximum(expected_N, _LEAST)).mean())


def counted_in_true_cells(output: ScaleOutput, truth: Emitters, pixel_size: float) -> float:
    """Mean log of the emitters that the very cells of the true ones announce, in the frame.

    Args:
        output: the scale; its frames are those of ``truth``.
        truth: x and y in nm, frames from 0.
        pixel_size: nm.
    """
    _, lower_N2 = _true_cells(truth, output.cell, pixel_size)
    index_N2 = np.rint((lower_N2 + 0.5) / output.cell).astype(np.int64)
    h, w = output.grid
    place_R = (output.crop_R * h + output.row_R) * w + output.col_R
    n_frames = int(max(output.crop_R.max(), truth.frame.max())) + 1
    count = np.zeros(n_frames * h * w)
    count[place_R.numpy()] = output.mean_R.double().numpy()
    inside = ((index_N2 >= 0) & (index_N2 < [w, h])).all(1)
    place_N = (truth.frame * h + index_N2[:, 1]) * w + index_N2[:, 0]
    return float(np.log(np.maximum(count[place_N[inside]], _LEAST)).mean())


def at_cell_centres(
    found: Emitters, output: ScaleOutput, pixel_size: float, reach: float
) -> Emitters:
    """Emitters, each moved to the centre of the likeliest cell near it: positions by cells alone.

    Args:
        found: decoded from ``output``; x and y in nm.
        output: the scale.
        pixel_size: nm.
        reach: nm around an emitter within which its cells lie; half a PSF width.
    """
    centre_R2 = ((_pair(output.col_R, output.row_R) + 0.5) * output.cell - 0.5) * pixel_size
    tree = cKDTree(set_apart(centre_R2[:, 0], centre_R2[:, 1], output.crop_R.numpy(), reach))
    near = tree.query_ball_point(set_apart(found.x, found.y, found.frame, reach), reach)
    mean_R = output.mean_R.numpy()
    best = np.array([rows[int(np.argmax(mean_R[rows]))] for rows in near], dtype=np.int64)
    return found.with_columns(x=centre_R2[best, 0], y=centre_R2[best, 1])


def _pair(x_R: torch.Tensor, y_R: torch.Tensor) -> NDArray[np.float64]:
    return np.stack([x_R.double().numpy(), y_R.double().numpy()], 1)


def _true_cells(
    truth: Emitters, cell: float, pixel_size: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N, 2) places of the true emitters, and lower corners of their cells, px."""
    place_N2 = np.stack([truth.x / pixel_size, truth.y / pixel_size], 1)
    return place_N2, np.floor((place_N2 + 0.5) / cell) * cell - 0.5
