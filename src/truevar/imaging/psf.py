"""What the imaging model asks of a point spread function, and the Gaussian's answer.

Bounds and likelihoods know a PSF by three things: its image on a patch, how that changes with
the emitter's position, and the numbers that describe it to a network. Another shape needs
a class with these and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from truevar.errors import UserError
from truevar.imaging.gaussian import axis_derivatives, patch_first, patch_size

Floats = NDArray[np.float64]

_AT_A_TIME = 64  # emitters whose patches are drawn at a time


@dataclass(frozen=True)
class Patches:
    """Images of unit brightness of N emitters, each on a patch of s × s px.

    Attributes:
        image_Nss: (N, s, s) share of the light in each pixel.
        by_x_Nss: (N, s, s) its derivative by the position along columns, 1/px.
        by_y_Nss: (N, s, s) its derivative by the position along rows, 1/px.
        column_N: (N,) first column of a patch.
        row_N: (N,) first row.
    """

    image_Nss: Floats
    by_x_Nss: Floats
    by_y_Nss: Floats
    column_N: NDArray[np.int64]
    row_N: NDArray[np.int64]

    def pixels(self, shape: tuple[int, int]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Which patch pixels lie on a frame (H, W), and where on it, counted row by row.

        Returns:
            (N, s, s) whether, and (k,) the place of each that does, in their order.
        """
        height, width = shape
        step_s = np.arange(self.image_Nss.shape[1])
        down_Ns, across_Ns = self.row_N[:, None] + step_s, self.column_N[:, None] + step_s
        inside_Nss = ((down_Ns >= 0) & (down_Ns < height))[:, :, None] & (
            (across_Ns >= 0) & (across_Ns < width)
        )[:, None, :]
        place_Nss = down_Ns[:, :, None] * width + across_Ns[:, None, :]
        return inside_Nss, place_Nss[inside_Nss]


class PSF(Protocol):
    """The PSF of N emitters; lengths in px, pixel (0, 0) centred on the origin."""

    def select(self, rows_n: NDArray[np.int64]) -> PSF:
        """That of some of the emitters."""

    @property
    def size(self) -> int:
        """Rows and columns of a patch that holds every one of the images."""

    @property
    def width(self) -> float:
        """Width of the widest, px: the standard deviation of a Gaussian like it."""

    def patches(self, x_N: Floats, y_N: Floats) -> Patches:
        """Images and derivatives at (N,) positions."""

    @property
    def descriptor_ND(self) -> Floats:
        """(N, D) numbers that a network is told the PSF by."""


@dataclass(frozen=True)
class GaussianPSF:
    """A round Gaussian, integrated over pixels.

    Args:
        sigma_N: (N,) standard deviations, px.

    Raises:
        UserError: a width that is not above 0.
    """

    sigma_N: Floats

    def __post_init__(self) -> None:
        if not np.all(self.sigma_N > 0):
            raise UserError("the width of the PSF must be above 0")

    def select(self, rows_n: NDArray[np.int64]) -> GaussianPSF:
        """That of some of the emitters."""
        return GaussianPSF(self.sigma_N[rows_n])

    @property
    def size(self) -> int:
        """Rows and columns of a patch that holds every one of the images."""
        return patch_size(max(self.width, 0.1))

    @property
    def width(self) -> float:
        """The widest, px."""
        return float(np.max(self.sigma_N, initial=0.0))

    def patches(self, x_N: Floats, y_N: Floats) -> Patches:
        """Images and derivatives at (N,) positions."""
        across_Ns, across_d_Ns, column_N = axis_arrays(x_N, self.sigma_N, self.size)
        down_Ns, down_d_Ns, row_N = axis_arrays(y_N, self.sigma_N, self.size)
        return Patches(
            down_Ns[:, :, None] * across_Ns[:, None, :],
            down_Ns[:, :, None] * across_d_Ns[:, None, :],
            down_d_Ns[:, :, None] * across_Ns[:, None, :],
            column_N,
            row_N,
        )

    @property
    def descriptor_ND(self) -> Floats:
        """(N, 1) the widths."""
        return self.sigma_N[:, None]


def light_of(
    psf: PSF, x_N: Floats, y_N: Floats, photons_N: Floats, shape: tuple[int, int]
) -> Floats:
    """The light of N emitters on a frame, whatever their PSF; what falls beside it is lost.

    (:func:`truevar.imaging.gaussian.render_frames` does the same for Gaussians, on many frames at
    once and differentiably.)

    Args:
        psf: of the N emitters.
        x_N: (N,) position along columns, px.
        y_N: (N,) along rows, px.
        photons_N: (N,) photons of an emitter.
        shape: (H, W) px.

    Returns:
        (H, W) expected photons.
    """
    height, width = shape
    light_p = np.zeros(height * width)
    for start in range(0, len(x_N), _AT_A_TIME):
        rows_n = np.arange(start, min(start + _AT_A_TIME, len(x_N)))
        chosen = psf.select(rows_n)
        patch = chosen.patches(x_N[rows_n], y_N[rows_n])
        inside_nss, pixel_k = patch.pixels(shape)
        value_nss = photons_N[rows_n, None, None] * patch.image_Nss
        light_p += np.bincount(pixel_k, value_nss[inside_nss], minlength=height * width)
    return light_p.reshape(shape)


def axis_arrays(
    centre_N: Floats, sigma_N: Floats, size: int
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """:func:`truevar.imaging.gaussian.axis_derivatives` for arrays.

    Args:
        centre_N: (N,) position, px.
        sigma_N: (N,) width, px.
        size: pixels s of a patch.

    Returns:
        (N, s) profile and its derivative by the centre (1/px), and the (N,) first pixel.
    """
    centre = torch.from_numpy(np.ascontiguousarray(centre_N))
    sigma = torch.from_numpy(np.ascontiguousarray(sigma_N))
    first = patch_first(centre, size)
    profile, by_centre, _ = axis_derivatives(centre, sigma, first, size)
    return profile.numpy(), by_centre.numpy(), first.numpy()
