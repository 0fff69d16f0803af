"""From the finest scale's cells to emitters.

Within a parent the joint decision has settled which child takes an emitter. Across the
borders of parents some probability remains split: two cells that each announce, say, half
an emitter at the same place. Those are merged: a cell takes up weaker cells that place
their emitter where it does, and the probabilities add. So ``prob`` is the probability that
the emitter exists, not that it falls into a particular cell.

Beyond the trained scales a cell's count is only divided among its parts, so what came from one
cell is put together again first, wherever in it the emitter turned out to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from truevar.imaging.neighbours import set_apart
from truevar.model.scale_output import ScaleOutput

FAINTEST = 0.02
"""Cells of half a px and more that announce less than this are not looked at; narrower ones in
proportion to their area."""

ONE = 1.4
"""Cells that together announce more than this are more than one emitter and stay apart."""

ALIKE = 0.45
"""Cells that place their emitters so close, in PSF widths, mean the same one. Measured, as is the
next."""

SURE = 0.98
"""As probable as this a candidate must be to stay within one PSF width of a more probable one,
where nothing else speaks for it."""


@dataclass
class Candidates:
    """Emitters of a batch of frames, one entry each, unsorted; units of the model.

    Attributes:
        image: frame of the batch.
        x, y, sigma_x, sigma_y: px.
        photons, sigma_photons, bg: effective counts.
        prob: probability that the emitter exists.
    """

    image: NDArray[np.int64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    sigma_x: NDArray[np.float64]
    sigma_y: NDArray[np.float64]
    photons: NDArray[np.float64]
    sigma_photons: NDArray[np.float64]
    bg: NDArray[np.float64]
    prob: NDArray[np.float64]

    def select(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Self:
        """Some of the entries."""
        return type(self)(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """All entries of all parts, in order."""
        return cls(
            **{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)}
        )


def decode(
    output: ScaleOutput, psf_sigma: float, min_prob: float = 0.0, sure: float = SURE
) -> Candidates:
    """Merge a scale's cells into emitters.

    Args:
        output: the finest scale.
        psf_sigma: px.
        min_prob: leave out what is less probable.
        sure: and what is less probable than this beside something more probable; 0 keeps them all.
    """
    mean_R = output.mean_R.float()
    rows = (mean_R >= FAINTEST * min(1.0, (2 * output.cell) ** 2)).nonzero().flatten()
    photons_R = output.log_photons_R.exp()
    columns = torch.stack(
        [
            output.crop_R[rows].float(),
            output.x_R[rows],
            output.y_R[rows],
            output.sigma_x_R[rows],
            output.sigma_y_R[rows],
            photons_R[rows],
            photons_R[rows] * output.sigma_log_photons_R[rows],
            output.log_bg_R[rows].exp(),
            mean_R[rows],
        ]
    )
    image, x, y, sigma_x, sigma_y, photons, sigma_photons, bg, mass = columns.double().cpu().numpy()
    cells = Candidates(
        image.astype(np.int64), x, y, sigma_x, sigma_y, photons, sigma_photons, bg, mass
    )
    if output.beyond:
        kin = [v[rows].cpu().numpy() >> output.beyond for v in (output.row_R, output.col_R)]
        cells = _reunite(cells, np.stack([cells.image, *kin]))
    found = merged(cells, psf_sigma, sure)
    return found.select(found.prob >= min_prob) if min_prob > 0 else found


def merged(cells: Candidates, psf_sigma: float, sure: float = SURE) -> Candidates:
    """Answers of single cells put together to emitters.

    Args:
        cells: ``prob`` of each is the share of an emitter that it announces.
        psf_sigma: px.
        sure: as for :func:`decode`.
    """
    found = _merge(cells, ALIKE * psf_sigma)
    if sure > 0:
        found = found.select(no_echoes(found, psf_sigma, found.prob >= sure))
    return found


def _merge(cells: Candidates, reach: float) -> Candidates:
    """Let every cell take up the weaker cells that mean the same emitter."""
    n = len(cells.x)
    # Stronger cells take up weaker ones, as long as it comes to one emitter; strongest
    # first: a cell that has been taken up takes up nothing itself.
    first, second = _ordered(cells, reach)
    taker = np.arange(n)
    free = np.ones(n, dtype=bool)
    announced = cells.prob.copy()
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        if free[b] and taker[a] == a and announced[a] + announced[b] <= ONE:
            taker[b], free[b] = a, False
            announced[a] += announced[b]
    return _sum_up(cells, taker)


def no_echoes(found: Candidates, reach: float, stands: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N,) which are not within reach of something more probable, or can stand beside it.

    Args:
        found: (N,) candidates.
        reach: px.
        stands: (N,) which stay in any case.
    """
    first, second = _ordered(found, reach)
    stays = np.ones(len(found.x), dtype=bool)
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        if stays[a] and not stands[b]:
            stays[b] = False
    return stays


def _ordered(cells: Candidates, reach: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Close pairs, the more probable one first, the most probable pairs first.

    The order must not depend on how the pairs were found, or tiles and batches would show.
    """
    first, second = _close_pairs(cells, reach)
    rank = _rank(cells.prob)
    swap = rank[first] < rank[second]
    first, second = np.where(swap, second, first), np.where(swap, first, second)
    order = np.lexsort((-rank[second], -rank[first]))
    return first[order], second[order]


def _reunite(cells: Candidates, ancestor_3N: NDArray[np.int64]) -> Candidates:
    """Put together the parts of every ancestor that announced no more than one emitter."""
    _, first, of_N = np.unique(ancestor_3N, axis=1, return_index=True, return_inverse=True)
    of_N = of_N.reshape(-1)
    one = np.bincount(of_N, cells.prob, len(first)) <= ONE
    return _sum_up(cells, np.where(one[of_N], first[of_N], np.arange(len(of_N))))


def _sum_up(cells: Candidates, taker: NDArray[np.int64]) -> Candidates:
    """One candidate for all cells that were taken up by the same one, itself included."""
    n = len(taker)
    heads = np.unique(taker)
    place = np.full(n, -1)
    place[heads] = np.arange(len(heads))
    group = place[taker]

    def total(value: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(group, value * cells.prob, len(heads)), dtype=np.float64)

    mass = total(np.ones(n))
    x, y, photons = (total(v) / mass for v in (cells.x, cells.y, cells.photons))
    spread = {
        name: np.sqrt(total(error**2 + (value - mean[group]) ** 2) / mass)
        for name, error, value, mean in (
            ("sigma_x", cells.sigma_x, cells.x, x),
            ("sigma_y", cells.sigma_y, cells.y, y),
            ("sigma_photons", cells.sigma_photons, cells.photons, photons),
        )
    }
    return Candidates(
        image=cells.image[heads],
        x=x,
        y=y,
        photons=photons,
        bg=total(cells.bg) / mass,
        prob=np.minimum(mass, 1.0),
        **spread,
    )


def _rank(value: NDArray[np.float64]) -> NDArray[np.int64]:
    """Place of every value in ascending order, ties by index."""
    rank = np.empty(len(value), dtype=np.int64)
    rank[np.argsort(value, kind="stable")] = np.arange(len(value))
    return rank


def _close_pairs(cells: Candidates, reach: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of cells of one frame whose emitters are within ``reach`` of each other."""
    if len(cells.x) < 2:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    points = set_apart(cells.x, cells.y, cells.image, reach)
    pairs = cKDTree(points).query_pairs(reach, output_type="ndarray")
    return pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64)
