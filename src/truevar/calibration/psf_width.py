"""The width of the PSF, estimated from the movie itself.

Bright spots that stand alone are fitted with a Gaussian, integrated over pixels, whose
widths along columns and rows are free; least squares weighted by the model's own variance,
as the noise is that of photons (Smith et al., Nature Methods 7, 373 (2010), for the model).
Two emitters taken for one make a spot wider and never narrower, so the answer is not the
mean width but the most frequent one among the spots that the model describes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter, maximum_filter

from truevar.imaging.gaussian import axis_derivatives
from truevar.wording import Message, argument

NARROWEST, WIDEST = 0.5, 4.0
"""Range of widths in px that can be found."""

DEFAULT = 1.3
"""Width in px that is assumed where nothing can be measured."""

DOUBT, ESTIMATE = "PSF width:", "PSF width estimated"
"""How lines about it begin: those of a doubt, and the one that says where it comes from."""

_MOST_PIXELS = 3_000_000
_MOST_SPOTS = 600
_FEWEST_SPOTS = 10
_PASSES = 3
_STARTS = (DEFAULT, 2.5, 3.5)
_SPREAD_LIMIT = 0.15  # relative, beyond the errors of the fits: one PSF has one width
_ELONGATION_LIMIT = 0.11


@dataclass(frozen=True)
class PsfWidth:
    """What :func:`estimate_psf_sigma` found.

    Attributes:
        sigma_px: standard deviation of the Gaussian PSF in px.
        spread: relative scatter of the widths of single spots, without the part that
            their errors explain; 0 if there were too few spots.
        elongation: the same for the logarithm of width along columns over along rows.
        spots: how many spots the width is taken from; 0 if it is a guess.
        note: one line on what is doubtful about it; empty if nothing is.
    """

    sigma_px: float
    spread: float
    elongation: float
    spots: int
    note: str


@dataclass(frozen=True)
class _Fits:
    """Fitted spots, (N,) each: widths in px, error of the log width, chi² per degree."""

    sigma_x: NDArray[np.float64]
    sigma_y: NDArray[np.float64]
    error: NDArray[np.float64]
    misfit: NDArray[np.float64]

    @property
    def width(self) -> NDArray[np.float64]:
        return 0.5 * np.log(self.sigma_x * self.sigma_y)

    @property
    def ratio(self) -> NDArray[np.float64]:
        return np.log(self.sigma_x / self.sigma_y)

    def select(self, rows: NDArray[np.bool_]) -> _Fits:
        return _Fits(self.sigma_x[rows], self.sigma_y[rows], self.error[rows], self.misfit[rows])


def estimate_psf_sigma(
    photons: NDArray[np.floating], read_variance: ArrayLike = 0.0, excess: float = 1.0
) -> PsfWidth:
    """Estimate the width of the PSF from a sample of frames.

    Args:
        photons: (n, H, W) photo-electrons, at least 16 x 16 px. Of a large sample only a
            part is used.
        read_variance: of the read noise in photo-electrons², a number or (H, W).
        excess: factor on the variance of photon noise (2 for an EMCCD).

    Returns:
        the width; :data:`DEFAULT` with a note that says so if fewer than 10 spots can
        be used.
    """
    frames = np.asarray(photons, dtype=np.float32)
    step = max(1, math.ceil(frames.size / _MOST_PIXELS))
    frames = frames[::step]
    read_HW = np.broadcast_to(np.asarray(read_variance, np.float32), frames.shape[1:])
    for start in _STARTS:
        sigma, good = _from(start, frames, read_HW, excess)
        if good is not None:
            break
    else:
        return PsfWidth(
            DEFAULT,
            0.0,
            0.0,
            0,
            Message(
                f"{DOUBT} too few lone spots to measure it; {DEFAULT} px was assumed; "
                f"give {argument('psf_sigma', 'NM')}"
            ),
        )
    spread = _scatter(good.width, good.error)
    elongation = _scatter(good.ratio, 2 * good.error)
    note = ""
    if spread > _SPREAD_LIMIT or elongation > _ELONGATION_LIMIT:
        note = (
            f"{DOUBT} the spots are not of one round shape (widths differ by "
            f"{100 * spread:.0f} %, length and breadth by {100 * elongation:.0f} %): they "
            "overlap, or this is not the PSF of a 2D movie"
        )
    return PsfWidth(sigma, spread, elongation, len(good.width), note)


def _from(
    sigma: float, frames: NDArray[np.float32], read_HW: NDArray[np.float32], excess: float
) -> tuple[float, _Fits | None]:
    """Find and fit spots of about this width, then of the width found, and so on."""
    good = None
    most = min(10, (min(frames.shape[1:]) - 1) // 2)
    for _ in range(_PASSES):
        reach = int(np.clip(math.ceil(2.3 * sigma), 3, most))
        place = _lone_spots(frames, read_HW, excess, sigma, reach)
        if len(place[0]) < _FEWEST_SPOTS:
            break
        kept = _described(_fit(frames, read_HW, excess, place, sigma, reach))
        if len(kept.width) < _FEWEST_SPOTS:
            break
        good, last = kept, sigma
        sigma = math.exp(_most_frequent(kept.width, kept.error))
        if abs(math.log(sigma / last)) < 0.03:
            break
    return sigma, good


def _lone_spots(
    frames: NDArray[np.float32],
    read_HW: NDArray[np.float32],
    excess: float,
    sigma: float,
    reach: int,
) -> tuple[NDArray[np.int64], ...]:
    """Frame, row and column of the brightest spots without a neighbour within ``reach``."""
    size = 2 * reach + 1
    fine = gaussian_filter(frames, (0, sigma, sigma), truncate=3)
    around = gaussian_filter(frames, (0, 3 * sigma, 3 * sigma), truncate=2)
    noise = np.sqrt(np.maximum(excess * around + read_HW, 1e-3)) / (2 * sigma * math.sqrt(math.pi))
    peak = (fine - around) / noise
    top = (fine == maximum_filter(fine, (0, 3, 3))) & (peak > 5)
    # The strongest of a window, with no second peak of a fifth of its strength in there.
    strength = np.where(top, peak, 0).astype(np.float32)
    highest = maximum_filter(strength, (0, size, size))
    lone = top & (strength == highest) & (peak > 8)
    lone[:, :reach] = lone[:, -reach:] = False
    lone[:, :, :reach] = lone[:, :, -reach:] = False
    frame_S, row_S, col_S = np.nonzero(lone)
    order = np.argsort(-peak[frame_S, row_S, col_S], kind="stable")[: 4 * _MOST_SPOTS]
    frame_S, row_S, col_S = frame_S[order], row_S[order], col_S[order]
    step = np.arange(-reach, reach + 1)
    near = strength[
        frame_S[:, None, None], row_S[:, None, None] + step[:, None], col_S[:, None, None] + step
    ]
    others = (near > 0.2 * near.max((1, 2), keepdims=True)).sum((1, 2)) > 1
    if (~others).sum() >= 3 * _FEWEST_SPOTS:
        frame_S, row_S, col_S = frame_S[~others], row_S[~others], col_S[~others]
    return frame_S[:_MOST_SPOTS], row_S[:_MOST_SPOTS], col_S[:_MOST_SPOTS]


def _fit(
    frames: NDArray[np.float32],
    read_HW: NDArray[np.float32],
    excess: float,
    place: tuple[NDArray[np.int64], ...],
    sigma: float,
    reach: int,
) -> _Fits:
    """Fit x, y, photons, background and both widths to every spot at once."""
    frame_N, row_N, col_N = place
    size = 2 * reach + 1
    step = np.arange(-reach, reach + 1)
    rows, cols = row_N[:, None, None] + step[:, None], col_N[:, None, None] + step
    data = torch.from_numpy(frames[frame_N[:, None, None], rows, cols].astype(np.float64))
    read = torch.from_numpy(read_HW[rows, cols].astype(np.float64))
    N = len(frame_N)
    first = torch.full((N,), -reach)
    rim = torch.quantile(data.flatten(1), 0.2, dim=1)
    total = (data - rim[:, None, None]).sum((1, 2)).clamp_min(10.0)
    # Photons and widths as logarithms: they stay positive.
    p = torch.stack(
        [0 * rim, 0 * rim, total.log(), rim, 0 * rim + math.log(sigma), 0 * rim + math.log(sigma)],
        dim=1,
    )
    damping = torch.full((N,), 1e-2, dtype=torch.float64)
    limits = torch.tensor([1.0, 1.0, 0.7, math.inf, 0.3, 0.3], dtype=torch.float64)
    model, jacobian = _model(p, first, size)
    variance = (excess * model.clamp_min(0.05) + read).clamp_min(1e-3)
    cost = ((data - model) ** 2 / variance).sum((1, 2))
    for _ in range(25):
        weighted = jacobian / variance[:, None]
        normal = torch.einsum("naij,nbij->nab", weighted, jacobian)
        gradient = torch.einsum("naij,nij->na", weighted, data - model)
        diagonal = torch.diagonal(normal, dim1=1, dim2=2)
        damped = normal + torch.diag_embed(diagonal * damping[:, None] + 1e-9)
        move = torch.linalg.solve(damped, gradient).clamp(-limits, limits)
        trial = p + move
        trial[:, :2] = trial[:, :2].clamp(-2.0, 2.0)
        trial[:, 4:] = trial[:, 4:].clamp(math.log(0.6 * NARROWEST), math.log(1.5 * WIDEST))
        new_model, new_jacobian = _model(trial, first, size)
        new_cost = ((data - new_model) ** 2 / variance).sum((1, 2))
        better = new_cost < cost
        p = torch.where(better[:, None], trial, p)
        model = torch.where(better[:, None, None], new_model, model)
        jacobian = torch.where(better[:, None, None, None], new_jacobian, jacobian)
        damping = torch.where(better, damping * 0.3, damping * 5).clamp(1e-6, 1e6)
        # Weights follow the model: at the end they are those of the fitted light.
        variance = (excess * model.clamp_min(0.05) + read).clamp_min(1e-3)
        cost = ((data - model) ** 2 / variance).sum((1, 2))
    normal = torch.einsum("naij,nbij->nab", jacobian / variance[:, None], jacobian)
    normal = normal + 1e-9 * torch.eye(6, dtype=torch.float64)
    covariance = torch.linalg.pinv(normal, hermitian=True)
    of_width = 0.25 * covariance[:, 4:, 4:].sum((1, 2))
    centred = p[:, :2].abs().amax(1) < 1.5
    inside = (p[:, 4:] > math.log(NARROWEST)) & (p[:, 4:] < math.log(WIDEST))
    usable = (centred & inside.all(1) & (of_width > 0) & (of_width < 0.1**2)).numpy()
    widths = p[:, 4:].exp().numpy()
    misfit = (cost / (size**2 - 6)).numpy()
    return _Fits(widths[:, 0], widths[:, 1], of_width.sqrt().numpy(), misfit).select(usable)


def _model(p: torch.Tensor, first: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Expected photons (N, size, size) and derivatives (N, 6, size, size)."""
    x, y, light, level = p[:, 0], p[:, 1], p[:, 2].exp()[:, None, None], p[:, 3]
    sigma_x, sigma_y = p[:, 4].exp(), p[:, 5].exp()
    across, across_x, across_w = (v[:, None, :] for v in axis_derivatives(x, sigma_x, first, size))
    down, down_y, down_w = (v[:, :, None] for v in axis_derivatives(y, sigma_y, first, size))
    spot = light * down * across
    derivatives = torch.stack(
        [
            light * down * across_x,
            light * down_y * across,
            spot,
            torch.ones_like(spot),
            light * down * across_w * sigma_x[:, None, None],
            light * down_w * across * sigma_y[:, None, None],
        ],
        dim=1,
    )
    return spot + level[:, None, None], derivatives


def _described(fits: _Fits) -> _Fits:
    """The fits that one Gaussian describes best, whatever the scale of the noise."""
    if len(fits.misfit) < _FEWEST_SPOTS:
        return fits
    # Many where nearly all fit as well as the best do, few where spots overlap.
    limit = 1.3 * float(np.quantile(fits.misfit, 0.05))
    fewest = np.quantile(fits.misfit, min(1.0, max(0.1, 25 / len(fits.misfit))))
    return fits.select(fits.misfit <= max(limit, fewest))


def _most_frequent(value_N: NDArray[np.float64], error_N: NDArray[np.float64]) -> float:
    """Mode of a density estimate, every value weighted by its precision."""
    blur = max(1.5 * float(np.median(error_N)), 0.02)
    weight_N = 1 / (error_N**2 + 0.02**2)
    grid_G = np.linspace(value_N.min(), value_N.max(), 400)
    near_GN = np.exp(-0.5 * ((grid_G[:, None] - value_N) / blur) ** 2)
    at = grid_G[int(np.argmax(near_GN @ weight_N))]
    for _ in range(10):  # to the very top (mean shift), free of the grid
        pull_N = weight_N * np.exp(-0.5 * ((value_N - at) / blur) ** 2)
        at = float((pull_N * value_N).sum() / pull_N.sum())
    return at


def _scatter(value_N: NDArray[np.float64], error_N: NDArray[np.float64]) -> float:
    """Robust standard deviation beyond the errors."""
    middle = np.median(value_N)
    scatter = 1.4826 * float(np.median(np.abs(value_N - middle)))
    return math.sqrt(max(0.0, scatter**2 - float(np.median(error_N)) ** 2))
