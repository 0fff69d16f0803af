"""Gaussians into a picture, integrated over its pixels, at a cost that does not grow with width.

A Gaussian that is wide along an axis is drawn into a picture with half as many pixels along it, and
so on, as in a Gaussian pyramid (Burt & Adelson, IEEE Trans. Commun. 31, 532, 1983). Each count is
then spread over 12 finer pixels. That widens a Gaussian, so it was drawn narrower by as much.

With f in cycles per finer pixel and t = pi f, spreading by the 8 binomial coefficients has the
frequency response cos(t)^7, and that the coarse pixel is two finer ones wide another cos(t). Their
product is exp(-4 t^2 - 2/3 t^4 - ...): a variance of 2 px^2, and a fourth order that the factor
1 + 2/3 sin(t)^4 takes away again. cos(t)^7 also removes what a coarse picture repeats near f = 1/2.

All that is left is narrow. A square of the picture gets the sum of its Gaussians as one product of
two matrices, since each of them is a profile along y times a profile along x.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

NARROWEST = 0.5
"""Pixels; narrower ones are drawn as wide as this, or they would blink as they cross a pixel."""

_COARSER = 2.5
"""Pixels of width from which a Gaussian is drawn at half the resolution."""
_SIGMAS = 4.0
"""Gaussians are drawn out to so many standard deviations; the rest goes into the last pixel."""
_CLASSES = (1.0, 1.5, _COARSER)
"""Widest in pixels of those that are drawn together: narrow ones need fewer pixels."""
_REACH = int(_SIGMAS * _COARSER)
"""Pixels to either side that one is drawn out to."""
_SIDE = 64
"""Pixels of a square that is summed up at once."""
_SQUARE = _SIDE + 2 * _REACH
"""The same with what its Gaussians reach around it."""
_AT_ONCE = 8192
"""Gaussians whose profiles are held at a time."""
_SPREAD = np.convolve(
    np.array([1, 7, 21, 35, 35, 21, 7, 1]) / 128, np.array([1, -4, 30, -4, 1]) / 24
)
"""Of a coarse pixel's count, onto its two finer pixels, five before and five behind."""
_FRAME = len(_SPREAD) // 4
"""Coarse pixels around a coarse picture that reach into the finer one."""
_VARIANCE = 2.0
"""What spreading adds, in finer pixels squared."""


@dataclass(frozen=True)
class _Spots:
    """Gaussians in pixels, from the corner of pixel (0, 0); weights are (N, C)."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    sigma_x: NDArray[np.float64]
    sigma_y: NDArray[np.float64]
    weights: NDArray[np.float32]

    def select(self, rows: NDArray[Any]) -> _Spots:
        return _Spots(
            self.x[rows], self.y[rows], self.sigma_x[rows], self.sigma_y[rows], self.weights[rows]
        )


def draw_gaussians(
    x_N: NDArray[np.float64],
    y_N: NDArray[np.float64],
    sigma_x_N: NDArray[np.float64],
    sigma_y_N: NDArray[np.float64],
    weights_NC: NDArray[np.float32],
    shape: tuple[int, int],
    narrowest: float = NARROWEST,
) -> NDArray[np.float32]:
    """Sum of Gaussians, each integrated over the pixels.

    Args:
        x_N, y_N: centres in pixels; the corner of pixel (0, 0) is the origin.
        sigma_x_N, sigma_y_N: standard deviations in pixels.
        weights_NC: what each comes to in every channel.
        shape: (H, W) of the picture.
        narrowest: standard deviation in pixels that each has at least.

    Returns:
        (C, H, W). What falls outside is left out.
    """
    # A Gaussian wider than the picture is even all over it; infinity could not be halved.
    most = float(max(*shape, 1))
    sigma_x_N, sigma_y_N = (np.clip(s, narrowest, most) for s in (sigma_x_N, sigma_y_N))
    picture = _drawn(_Spots(x_N, y_N, sigma_x_N, sigma_y_N, weights_NC), shape)
    return np.maximum(picture, 0.0, out=picture)  # polynomials undershoot a little


def _drawn(spots: _Spots, shape: tuple[int, int]) -> NDArray[np.float32]:
    """(C, H, W): the wide ones by way of coarser pictures, the narrow ones into this one."""
    wide_x, wide_y = spots.sigma_x >= _COARSER, spots.sigma_y >= _COARSER
    picture = _summed(spots.select(~wide_x & ~wide_y), shape)
    for coarse_x, coarse_y in ((True, True), (True, False), (False, True)):
        rows = np.flatnonzero((wide_x == coarse_x) & (wide_y == coarse_y))
        if not len(rows):
            continue
        some, (height, width) = spots.select(rows), shape
        x, y, sigma_x, sigma_y = some.x, some.y, some.sigma_x, some.sigma_y
        if coarse_x:
            x, sigma_x, width = x / 2 + _FRAME, _narrower(sigma_x), (width + 1) // 2 + 2 * _FRAME
        if coarse_y:
            y, sigma_y, height = y / 2 + _FRAME, _narrower(sigma_y), (height + 1) // 2 + 2 * _FRAME
        coarse = _drawn(_Spots(x, y, sigma_x, sigma_y, some.weights), (height, width))
        if coarse_y:
            coarse = _finer(coarse, 1, shape[0])
        picture += _finer(coarse, 2, shape[1]) if coarse_x else coarse
    return picture


def _narrower(sigma: NDArray[np.float64]) -> NDArray[np.float64]:
    """Width in coarse pixels that will be ``sigma`` finer ones once it is spread."""
    return np.sqrt(sigma**2 - _VARIANCE) / 2


def _finer(coarse: NDArray[np.float32], axis: int, length: int) -> NDArray[np.float32]:
    """Twice as many pixels along an axis, and no frame any more."""
    size = coarse.shape[axis] - 2 * _FRAME

    def part(array: NDArray[np.float32], where: slice) -> NDArray[np.float32]:
        return array[(slice(None),) * axis + (where,)]

    fine = np.zeros((*coarse.shape[:axis], 2 * size, *coarse.shape[axis + 1 :]), np.float32)
    for tap, share in enumerate(_SPREAD.astype(np.float32)):
        coarse_pixels, phase = divmod(tap - (len(_SPREAD) // 2 - 1), 2)
        start = _FRAME - coarse_pixels
        part(fine, slice(phase, None, 2))[...] += share * part(coarse, slice(start, start + size))
    return part(fine, slice(0, length))


def _summed(spots: _Spots, shape: tuple[int, int]) -> NDArray[np.float32]:
    """(C, H, W) narrow spots summed up, square by square."""
    height, width = shape
    # With a margin around, into which goes what is left out.
    picture = np.zeros(
        (
            spots.weights.shape[1],
            *(-(-(n + 2 * _REACH) // _SIDE) * _SIDE + 2 * _REACH for n in shape),
        ),
        np.float32,
    )
    near = (spots.x >= -_REACH) & (spots.x < width + _REACH)
    near &= (spots.y >= -_REACH) & (spots.y < height + _REACH)
    wider = np.maximum(spots.sigma_x, spots.sigma_y)
    for least, most in pairwise((0.0, *_CLASSES)):
        rows = np.flatnonzero(near & (wider >= least) & (wider < most))
        if len(rows):
            _add(picture, spots, rows, int(_SIGMAS * most))
    margin = 2 * _REACH
    return np.ascontiguousarray(picture[:, margin : margin + height, margin : margin + width])


def _add(picture: NDArray[np.float32], spots: _Spots, rows: NDArray[np.int64], reach: int) -> None:
    """Add spots that reach so many pixels to either side."""
    across = picture.shape[2] // _SIDE
    row, col = (np.floor(place[rows]).astype(np.int64) + _REACH for place in (spots.y, spots.x))
    square = row // _SIDE * across + col // _SIDE
    order = np.argsort(square, kind="stable")
    rows, square = rows[order], square[order]
    for start in range(0, len(rows), _AT_ONCE):
        some = spots.select(rows[start : start + _AT_ONCE])
        along_x = _profiles(some.x, some.sigma_x, reach)
        along_y = _profiles(some.y, some.sigma_y, reach)
        weighted = (along_x[:, None, :] * some.weights[:, :, None]).reshape(len(along_x), -1)
        numbers, starts = np.unique(square[start : start + _AT_ONCE], return_index=True)
        ends = [*starts[1:].tolist(), len(along_x)]
        for number, first, end in zip(numbers.tolist(), starts.tolist(), ends, strict=True):
            top, left = (place * _SIDE for place in divmod(number, across))
            sums = (along_y[first:end].T @ weighted[first:end]).reshape(_SQUARE, -1, _SQUARE)
            picture[:, top : top + _SQUARE, left : left + _SQUARE] += sums.swapaxes(0, 1)


def _profiles(
    centres: NDArray[np.float64], sigmas: NDArray[np.float64], reach: int
) -> NDArray[np.float32]:
    """(n, side + 2 _REACH) share of every spot in the pixels of its square and those around it."""
    first = np.floor(centres)
    offsets = np.arange(1 - reach, reach + 1, dtype=np.float32)
    edges = (first - centres).astype(np.float32)[:, None] + offsets
    edges *= (1 / sigmas).astype(np.float32)[:, None]
    below = np.zeros((len(centres), 2 * reach + 2), np.float32)
    ndtr(edges, out=below[:, 1:-1])
    below[:, -1] = 1.0
    profiles = np.zeros((len(centres), _SQUARE), np.float32)
    place = (first.astype(np.int64) + _REACH) % _SIDE + _REACH - reach
    place += np.arange(len(centres)) * _SQUARE
    profiles.reshape(-1)[place[:, None] + np.arange(2 * reach + 1)] = np.diff(below, axis=1)
    return profiles
