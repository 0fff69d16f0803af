"""Sums over Fourier rings of a table of localisations that is cut into blocks of time.

The table is counted into pixels, tile by tile where the field is large, and every block of every
tile is Fourier transformed. What two blocks have in common is their cross spectrum; summed over
rings, and over the tiles, it is all that ring correlation needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len, rfft2
from scipy.signal.windows import tukey

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TILE = 512
"""Pixels along the side of a tile, at most."""
MOST_TILES = 64
"""Of more tiles so many are taken, evenly spread."""
APART = 2
"""Blocks between which correlations count: a molecule that is on while one block ends and the
next one begins is in both, and says nothing about the structure."""

_TAPER = 0.25
"""Part of a tile's side over which the Tukey window rises and falls; tiles overlap by half of it,
where their windows add up to 1."""


@dataclass(frozen=True)
class RingSums:
    """Spectra of K blocks, summed over R rings and all tiles.

    Attributes:
        pixel: nm.
        frequency_R: 1/nm, middle of the rings, from 0 to the pixels' Nyquist frequency.
        own_KR: power of every block.
        cross_KR: of every block with all blocks at least :data:`APART` from it.
        partners_K: number of those.
        counts_K: power that a block has for being made of single localisations, per ring cell.
        cells_R: cells of a ring.
        loss_R: part of the power that counting into pixels leaves of what is correlated.
        tiles, of_tiles: tiles that were taken, and that there are.
    """

    pixel: float
    frequency_R: Floats
    own_KR: Floats
    cross_KR: Floats
    partners_K: Ints
    counts_K: Floats
    cells_R: Floats
    loss_R: Floats
    tiles: int
    of_tiles: int


def ring_sums(x_N: Floats, y_N: Floats, block_N: Ints, blocks: int, pixel: float) -> RingSums:
    """Transform a table block by block.

    Args:
        x_N, y_N: nm, finite.
        block_N: block of every localisation, from 0, in the order of time.
        blocks: number of blocks K.
        pixel: nm.
    """
    wide, high = (_side(float(np.ptp(place)) / pixel) for place in (x_N, y_N))
    rings = _Rings(high, wide, pixel)
    window_HW = np.outer(tukey(high, _TAPER), tukey(wide, _TAPER)).astype(np.float32)
    squared_HW, window_F = window_HW**2, rings.inside(rfft2(window_HW))
    near = [slice(max(k + 1 - APART, 0), k + APART) for k in range(blocks)]
    own_KR, cross_KR = np.zeros((2, blocks, rings.number))
    counts_K = np.zeros(blocks)
    column_N, row_N = ((place - place.min()) / pixel for place in (x_N, y_N))
    in_time = np.argsort(block_N, kind="stable")
    block_N, column_N, row_N = block_N[in_time], column_N[in_time], row_N[in_time]
    order, start, end = _by_tile(column_N, row_N, wide, high)
    taken = np.unique(np.linspace(0, len(start) - 1, min(len(start), MOST_TILES)).astype(int))
    for tile in taken:
        rows, across, down = (part[start[tile] : end[tile]] for part in order)
        cut = np.searchsorted(block_N[rows], np.arange(blocks + 1))
        spectrum_KF = np.empty((blocks, rings.cells), np.complex64)
        for k, (first, last) in enumerate(pairwise(cut)):
            place = down[first:last] * wide + across[first:last]
            image_HW = np.bincount(place, minlength=high * wide).astype(np.float32)
            image_HW = image_HW.reshape(high, wide)
            counts_K[k] += float(np.vdot(image_HW, squared_HW))
            spectrum_KF[k] = rings.inside(rfft2(image_HW * window_HW))
            # Less the mean density, or the window's own spectrum would be taken for structure.
            spectrum_KF[k] -= spectrum_KF[k, 0] / window_F[0] * window_F
        total_F = spectrum_KF.sum(0)
        for k in range(blocks):
            far_F = total_F - spectrum_KF[near[k]].sum(0)
            own_KR[k] += rings.sum(_product(spectrum_KF[k], spectrum_KF[k]))
            cross_KR[k] += rings.sum(_product(spectrum_KF[k], far_F))
    return RingSums(
        pixel,
        rings.frequency_R,
        own_KR,
        cross_KR,
        np.array([blocks - len(range(blocks)[one]) for one in near]),
        counts_K,
        rings.cells_R,
        rings.loss_R,
        len(taken),
        len(start),
    )


def _side(pixels: float) -> int:
    """Pixels along a tile's side, so that tiles of one size cover a field."""
    if pixels + 1 <= TILE:
        return int(next_fast_len(int(pixels) + 2, real=True))
    tiles = np.ceil((pixels + 1 - TILE) / (TILE * (1 - _TAPER / 2))) + 1
    return int(next_fast_len(int(np.ceil((pixels + 1) / (1 + (tiles - 1) * (1 - _TAPER / 2))))))


def _step(side: int) -> int:
    return max(int(round(side * (1 - _TAPER / 2))), 1)


def _by_tile(
    column_N: Floats, row_N: Floats, wide: int, high: int
) -> tuple[tuple[Ints, Ints, Ints], Ints, Ints]:
    """Rows of the table by tile, with column and row in it; where tiles start and end.

    Rows of a tile keep their order. A localisation where tiles overlap is in each of them.
    """
    parts = []
    step_x, step_y = _step(wide), _step(high)
    tile_x, across = np.divmod(column_N.astype(np.int64), step_x)
    tile_y, down = np.divmod(row_N.astype(np.int64), step_y)
    one_x, one_y = column_N.max() < wide, row_N.max() < high
    if one_x:
        tile_x, across = 0 * tile_x, column_N.astype(np.int64)
    if one_y:
        tile_y, down = 0 * tile_y, row_N.astype(np.int64)
    for back_x in range(1 if one_x else 2):
        for back_y in range(1 if one_y else 2):
            in_x, in_y = across + back_x * step_x, down + back_y * step_y
            rows = np.flatnonzero(
                (in_x < wide) & (in_y < high) & (tile_x >= back_x) & (tile_y >= back_y)
            )
            place = (tile_y[rows] - back_y, tile_x[rows] - back_x, rows, in_x[rows], in_y[rows])
            parts.append(np.stack(place))
    tile_y, tile_x, rows, across, down = np.concatenate(parts, 1)
    key = tile_y * (tile_x.max() + 1) + tile_x
    order = np.lexsort((rows, key))
    _, start = np.unique(key[order], return_index=True)
    return (rows[order], across[order], down[order]), start, np.append(start[1:], len(key))


class _Rings:
    """Which cells of a tile's half spectrum are of which ring, in the order of the rings."""

    def __init__(self, high: int, wide: int, pixel: float):
        fy, fx = np.fft.fftfreq(high)[:, None], np.fft.rfftfreq(wide)[None, :]
        width = 1 / max(high, wide)
        ring_F = np.rint(np.hypot(fx, fy) / width).astype(np.int64).ravel()
        self.number = int(0.5 / width)
        order = np.argsort(ring_F, kind="stable")
        self._order = order[: np.searchsorted(ring_F[order], self.number)]
        self._start = np.searchsorted(ring_F[self._order], np.arange(self.number))
        self.cells = len(self._order)
        # All columns but the first, and the last of an even number, stand for two.
        twice = np.full(wide // 2 + 1, 2.0)
        twice[0] = 1.0
        if wide % 2 == 0:
            twice[-1] = 1.0
        weight_F = np.broadcast_to(twice, (high, len(twice))).ravel()[self._order]
        self._root = np.sqrt(weight_F).astype(np.float32)
        self.frequency_R = np.arange(self.number, dtype=np.float64) * (width / pixel)
        self.cells_R = self.sum(weight_F)
        loss_F = ((np.sinc(fx) * np.sinc(fy)) ** 2).ravel()[self._order]
        self.loss_R = self.sum(weight_F * loss_F) / self.cells_R

    def inside(self, spectrum_HF: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """(cells,) in the order of the rings; a product of two counts both halves."""
        return np.take(spectrum_HF.ravel(), self._order) * self._root

    def sum(self, value_F: NDArray[np.floating]) -> Floats:
        """(R,) over the rings."""
        return np.asarray(np.add.reduceat(value_F, self._start, dtype=np.float64))


def _product(one_F: NDArray[np.complex64], two_F: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Real part of one times two's conjugate."""
    return one_F.real * two_F.real + one_F.imag * two_F.imag
