"""Fisher information of all emitters of a frame, and its inverse.

A frame's information matrix is sparse: an emitter shares pixels with its neighbours
only. It splits into the groups of emitters that share pixels, which the background ties
together. Windows of several frames are sums of their frames' matrices, with rows and
columns of the same molecule's x and y put together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg, sparse
from scipy.sparse.csgraph import connected_components

from truevar.camera import Camera
from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.imaging.likelihood import pixel_variance
from truevar.imaging.psf import PSF, Floats, GaussianPSF

TILE_PX = 40
"""Side of a tile: a matrix's cost grows as the cube of its area."""

WHOLE_PX = 100
"""Frames up to this side are one tile."""

HALO_SIGMAS = 12.0
"""What is looked at around a tile."""


@dataclass(frozen=True)
class Tile:
    """Pixels whose emitters are worked out, and (rows, columns) of those that are looked at."""

    core: tuple[float, float, float, float]  # y from, y to, x from, x to; px
    seen: tuple[slice, slice]


def tiles(shape: tuple[int, int], sigma: float) -> list[Tile]:
    """The frame in one piece if it is small, else in tiles."""
    height, width = shape
    if max(shape) <= WHOLE_PX:
        return [Tile((-np.inf, np.inf, -np.inf, np.inf), (slice(0, height), slice(0, width)))]
    halo = int(np.ceil(HALO_SIGMAS * sigma))

    def cuts(length: int) -> list[tuple[float, float, slice]]:
        edges = np.linspace(0, length, max(1, round(length / TILE_PX)) + 1).round().astype(int)
        return [
            (
                a - 0.5 if a > 0 else -np.inf,
                b - 0.5 if b < length else np.inf,
                slice(max(0, a - halo), min(length, b + halo)),
            )
            for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        ]

    return [
        Tile((ya, yb, xa, xb), (rows, columns))
        for ya, yb, rows in cuts(height)
        for xa, xb, columns in cuts(width)
    ]


@dataclass(frozen=True)
class FrameInformation:
    """One frame's Fisher information about its emitters and background.

    Attributes:
        rows_n: (n,) rows of the table that light the pixels looked at.
        matrix: (3n + 1, 3n + 1) sparse; x of all (px), y of all (px), log photons of all,
            scale of the background.
    """

    rows_n: NDArray[np.int64]
    matrix: Any


class FrameModel:
    """The imaging model of a table's frames.

    Args:
        truth: as in :func:`truevar.evaluation.joint_limits.joint_bound`, like the others.
        pixel_size: nm.
        shape: (H, W) px.
        psf_sigma: nm.
        camera: the noise.
        background: photo-electrons per pixel.
        psf: that of every row, in place of a round Gaussian of ``psf_sigma``.

    Raises:
        UserError: a width that is not above 0, or no valid background.
    """

    def __init__(
        self,
        truth: Emitters,
        pixel_size: float,
        shape: tuple[int, int],
        psf_sigma: float | ArrayLike,
        camera: Camera,
        background: ArrayLike | None,
        psf: PSF | None = None,
    ):
        self.shape, self.camera, self.truth = shape, camera, truth
        self.x_N, self.y_N = truth["x"] / pixel_size, truth["y"] / pixel_size
        sigma_N = np.broadcast_to(np.asarray(psf_sigma) / pixel_size, self.x_N.shape)
        self.psf: PSF = GaussianPSF(sigma_N) if psf is None else psf
        self.rows_of = truth.by_frame() if len(truth) else {}
        self.background = None if background is None else np.asarray(background, np.float64)
        if self.background is None and "bg" not in truth:
            raise UserError("joint bounds need the background: give it, or a bg column")
        given = self.background
        if given is not None and given.ndim >= 2:
            mapped = given.ndim <= 3 and given.shape[-2:] == tuple(shape)
            if not mapped:
                raise UserError(f"a background map must have the shape {shape}")

    def names(self, window: int) -> NDArray[np.int64]:
        """(N,) identities by which rows share x and y; within one frame nothing is shared."""
        return self.truth["id"] if window > 1 else np.arange(len(self.truth))

    def inside(self, rows_n: NDArray[np.int64], tile: Tile) -> NDArray[np.bool_]:
        """(n,) whether an emitter lies in the tile's core."""
        ya, yb, xa, xb = tile.core
        x_n, y_n = self.x_N[rows_n], self.y_N[rows_n]
        return (y_n >= ya) & (y_n < yb) & (x_n >= xa) & (x_n < xb)

    def information(self, frame: int, tile: Tile) -> FrameInformation:
        """What the tile's pixels tell in this frame about the emitters that light them."""
        bg_hw = self._background(frame)[tile.seen]
        height, width = bg_hw.shape
        top, left = tile.seen[0].start, tile.seen[1].start
        rows_n = self.rows_of.get(frame, np.empty(0, dtype=np.int64))
        size = self.psf.select(rows_n).size
        x_n, y_n = self.x_N[rows_n] - left, self.y_N[rows_n] - top
        near_n = (np.abs(x_n - width / 2) < (width + size) / 2 + 1) & (
            np.abs(y_n - height / 2) < (height + size) / 2 + 1
        )
        rows_n, x_n, y_n = rows_n[near_n], x_n[near_n], y_n[near_n]
        patch = self.psf.select(rows_n).patches(x_n, y_n)
        photons_n11 = self.truth["photons"][rows_n][:, None, None]
        by_3nss = photons_n11 * np.stack([patch.by_x_Nss, patch.by_y_Nss, patch.image_Nss])
        lit_nss, pixel_k = patch.pixels((height, width))
        by_3k = by_3nss[:, lit_nss]

        n, pixels = len(rows_n), height * width
        expected_p = bg_hw.ravel() + np.bincount(pixel_k, by_3k[2], minlength=pixels)
        camera = self.camera if self.camera.shape is None else self.camera.crop(*tile.seen)
        weight_p = 1.0 / pixel_variance(expected_p.reshape(height, width), camera).ravel()
        # The background's parameter is the logarithm of its scale, so that its derivative is
        # the background itself; of a dark frame, an offset.
        by_scale_p = bg_hw.ravel() if bg_hw.max() > 0 else np.ones(pixels)
        parameter_k = np.nonzero(lit_nss)[0] + n * np.arange(3)[:, None]
        jacobian = sparse.csr_matrix(
            (
                np.concatenate([by_3k.ravel(), by_scale_p]),
                (
                    np.concatenate([parameter_k.ravel(), np.full(pixels, 3 * n)]),
                    np.concatenate([np.tile(pixel_k, 3), np.arange(pixels)]),
                ),
            ),
            shape=(3 * n + 1, pixels),
        )
        matrix = (jacobian @ sparse.diags(weight_p)) @ jacobian.T
        return FrameInformation(rows_n, matrix.tocoo())

    def _background(self, frame: int) -> Floats:
        """(H, W) of a frame."""
        given = self.background
        if given is None:
            given = np.mean(self.truth["bg"][self.rows_of[frame]])
        elif given.ndim in (1, 3):
            given = given[frame]
        return np.broadcast_to(given, self.shape)


def window_bounds(
    parts: list[FrameInformation], centre: FrameInformation, name_N: NDArray[np.int64]
) -> Floats:
    """Bounds on x and y from all frames of a window together, with the weak priors.

    Args:
        parts: information of the window's frames, the centre's among them.
        centre: that of the frame whose emitters are asked for.
        name_N: (N,) identity of every row of the table; rows of one name share x and y.

    Returns:
        (n, 2) standard deviations of x and y in px of the n rows of ``centre``.
    """
    names = np.unique(np.concatenate([name_N[part.rows_n] for part in parts]))
    m = len(names)
    count = 2 * m + sum(len(part.rows_n) for part in parts)
    row_k, column_k, value_k = [], [], []
    start, backgrounds = 2 * m, count
    for i, part in enumerate(parts):
        n = len(part.rows_n)
        shared_n = np.searchsorted(names, name_N[part.rows_n])
        place = np.concatenate([shared_n, m + shared_n, start + np.arange(n), [backgrounds + i]])
        row_k.append(place[part.matrix.row])
        column_k.append(place[part.matrix.col])
        value_k.append(part.matrix.data)
        start += n
    # The priors: 1 per px², and 1 on the logarithm of the photons, are all the unit matrix.
    row_k.append(np.arange(count))
    column_k.append(np.arange(count))
    value_k.append(np.ones(count))
    whole = sparse.csr_matrix(
        (np.concatenate(value_k), (np.concatenate(row_k), np.concatenate(column_k))),
        shape=(count + len(parts), count + len(parts)),
    )
    variance = _inverse_diagonal(whole, count)
    own_n = np.searchsorted(names, name_N[centre.rows_n])
    return np.sqrt(np.stack([variance[own_n], variance[m + own_n]], axis=1))


def _inverse_diagonal(whole: Any, count: int) -> Floats:
    """(count,) first entries of the inverse's diagonal, of [[A, C], [Cᵀ, D]] with A sparse.

    A falls into groups G of emitters that share pixels; D couples them all, so that
    the inverse's diagonal is that of A⁻¹ + V S⁻¹ Vᵀ, V = A⁻¹C, S = D - CᵀV.
    """
    inner = whole[:count, :count]
    border = whole[:count, count:].toarray()
    schur = whole[count:, count:].toarray()
    diagonal = np.empty(count)
    solved = np.empty_like(border)
    _, label = connected_components(inner, directed=False)
    order = np.argsort(label, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(label[order])) + 1) if count else []
    for group in groups:
        lower = linalg.cholesky(inner[group][:, group].toarray(), lower=True)
        root, _ = linalg.lapack.dtrtri(lower, lower=1, overwrite_c=1)
        diagonal[group] = np.einsum("ij,ij->j", root, root)
        half = root @ border[group]
        solved[group] = root.T @ half
        schur = schur - half.T @ half
    return diagonal + np.einsum("ij,jk,ik->i", solved, np.linalg.pinv(schur), solved)
