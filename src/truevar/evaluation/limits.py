"""What light allows for one emitter: Cramér–Rao bounds with the camera's noise.

A pixel that expects mu photo-electrons is taken as Gaussian with the variance
excess * (mu + clock-induced charge) + read noise²; its Fisher information about mu
is the inverse of that (the information in the variance itself is neglected). For a
camera without read noise and excess this is the exact Poisson information. An
EMCCD's excess of 2 doubles the variance (Mortensen et al., Nature Methods 7, 377
(2010)). :mod:`truevar.evaluation.joint_limits` has the bounds of overlapping emitters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from truevar.camera import Camera
from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.imaging.gaussian import patch_size
from truevar.imaging.likelihood import pixel_variance
from truevar.imaging.psf import Floats, axis_arrays

_CHUNK = 1 << 20  # patch pixels at a time


@dataclass(frozen=True)
class Bound:
    """Least standard deviations of an unbiased estimate, one per emitter.

    Attributes:
        x: (N,) along columns, px.
        y: (N,) along rows, px.
        photons: (N,) photo-electrons.
        bg: (N,) background, photo-electrons per pixel.
    """

    x: Floats
    y: Floats
    photons: Floats
    bg: Floats


def single_emitter_bound(
    photons: ArrayLike,
    bg: ArrayLike,
    sigma_px: ArrayLike,
    camera: Camera,
    x_px: ArrayLike = 0.0,
    y_px: ArrayLike = 0.0,
    shape: tuple[int, int] | None = None,
) -> Bound:
    """Bounds of isolated emitters whose x, y, photons and flat background are unknown.

    The background is estimated from the pixels within 5 sigmas, which hardly touches x
    and y (they are uncorrelated with it by symmetry) and makes photons and background
    those of a fit to a patch.

    Args:
        photons: (N,) or one number; detected photo-electrons. An emitter without light
            has an infinite bound.
        bg: (N,) or one number; photo-electrons per pixel.
        sigma_px: (N,) or one number; width of the Gaussian PSF in px, above 0.
        camera: the noise; a per-pixel map is read at the emitter's place.
        x_px: (N,) or one number; position along columns in px. Only its sub-pixel part
            matters where there is neither a map nor a ``shape``.
        y_px: (N,) or one number; position along rows in px.
        shape: (H, W) of the frame: pixels outside it tell nothing. Default: that of the
            camera's maps, else a frame without end.

    Returns:
        The bounds, each (N,).

    Raises:
        UserError: a width that is not above 0, or negative photons or background.
    """
    photons_N, bg_N, sigma_N, x_N, y_N = (
        np.ascontiguousarray(v, dtype=np.float64)
        for v in np.broadcast_arrays(*map(np.atleast_1d, (photons, bg, sigma_px, x_px, y_px)))
    )
    if not np.all(sigma_N > 0):
        raise UserError("the width of the PSF must be above 0")
    if not (np.all(photons_N >= 0) and np.all(bg_N >= 0)):
        raise UserError("photons and background must not be negative")
    shape = camera.shape if shape is None else shape
    std_N4 = np.empty((len(sigma_N), 4))
    size_N = np.array([patch_size(s) for s in np.unique(sigma_N)])[
        np.unique(sigma_N, return_inverse=True)[1]
    ]
    for size in np.unique(size_N):
        rows = np.flatnonzero(size_N == size)
        step = max(1, _CHUNK // int(size) ** 2)
        for part in np.split(rows, range(step, len(rows), step)):
            given = [v[part] for v in (photons_N, bg_N, sigma_N, x_N, y_N)]
            std_N4[part] = _patch_bounds(*given, camera=camera, shape=shape, size=int(size))
    return Bound(*std_N4.T.copy())


def _patch_bounds(
    photons_N: Floats,
    bg_N: Floats,
    sigma_N: Floats,
    x_N: Floats,
    y_N: Floats,
    *,
    camera: Camera,
    shape: tuple[int, int] | None,
    size: int,
) -> Floats:
    """(N, 4) bounds of x, y, photons, bg from patches of one size."""
    across_Ns, across_d_Ns, column_N = axis_arrays(x_N, sigma_N, size)
    down_Ns, down_d_Ns, row_N = axis_arrays(y_N, sigma_N, size)
    rows_Ns, columns_Ns = row_N[:, None] + np.arange(size), column_N[:, None] + np.arange(size)
    read: Any = camera.read_variance
    if shape is not None and np.ndim(read) == 2:
        read = np.asarray(read, dtype=np.float64)[
            rows_Ns.clip(0, shape[0] - 1)[:, :, None], columns_Ns.clip(0, shape[1] - 1)[:, None, :]
        ]
    image_Nss = (photons_N[:, None] * down_Ns)[:, :, None] * across_Ns[:, None, :]
    weight_Nss = 1.0 / pixel_variance(image_Nss + bg_N[:, None, None], camera, read)
    if shape is not None:
        weight_Nss *= ((rows_Ns >= 0) & (rows_Ns < shape[0]))[:, :, None]
        weight_Nss *= ((columns_Ns >= 0) & (columns_Ns < shape[1]))[:, None, :]
    # Every derivative is a product of a column's and a row's factor. Those by x * photons and
    # y * photons are taken: the matrix stays well conditioned however dim the emitter is, and
    # the bound on x is that on x * photons over the photons.
    one_Ns = np.ones_like(across_Ns)
    across = (across_d_Ns, across_Ns, across_Ns, one_Ns)
    down = (down_Ns, down_d_Ns, down_Ns, one_Ns)
    pairs = [(i, j) for i in range(4) for j in range(i, 4)]
    product_Nsk = np.stack([across[i] * across[j] for i, j in pairs], axis=2)
    summed_Nsk = weight_Nss @ product_Nsk
    information_N44 = np.empty((len(x_N), 4, 4))
    for k, (i, j) in enumerate(pairs):
        entry_N = np.einsum("ns,ns,ns->n", down[i], down[j], summed_Nsk[:, :, k])
        information_N44[:, i, j] = information_N44[:, j, i] = entry_N
    std_N4 = _root_of_inverse_diagonal(information_N44)
    with np.errstate(divide="ignore"):
        std_N4[:, :2] /= photons_N[:, None]
    return std_N4


def _root_of_inverse_diagonal(information_Nkk: Floats) -> Floats:
    """(N, k) standard deviations; infinite where the matrix is singular (no pixel inside)."""
    k = information_Nkk.shape[1]
    scale_Nk = np.sqrt(np.einsum("nkk->nk", information_Nkk))
    regular_N = np.all(scale_Nk > 0, axis=1)
    scale_Nk = np.where(scale_Nk > 0, scale_Nk, 1.0)
    unit_Nkk = information_Nkk / (scale_Nk[:, :, None] * scale_Nk[:, None, :])
    regular_N &= np.linalg.det(np.where(regular_N[:, None, None], unit_Nkk, np.eye(k))) > 1e-12
    inverse_Nkk = np.linalg.inv(np.where(regular_N[:, None, None], unit_Nkk, np.eye(k)))
    std_Nk = np.sqrt(np.einsum("nkk->nk", inverse_Nkk)) / scale_Nk
    return np.where(regular_N[:, None], std_Nk, np.inf)


def camera_of(truth: Emitters) -> Camera | None:
    """The camera that a table's meta describes (``Camera.describe``), None if there is none."""
    given = truth.meta.get("camera")
    if isinstance(given, Camera):
        return given
    if not isinstance(given, Mapping) or "read_sigma" not in given:
        return None
    names = ("baseline", "e_per_adu", "em_gain", "read_sigma", "cic")
    return Camera(
        **{name: float(given[name]) for name in names if name in given}, source="the table's meta"
    )
