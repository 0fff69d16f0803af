"""The Airy pattern: what a round aperture makes of a point of light, integrated over pixels.

J₁(ar)² / (π r²) with a = 2π NA / wavelength (Goodman, Introduction to Fourier Optics): a bright
disc out to ar = 3.83 and rings around it, which hold a sixth of the light. A Gaussian has none.
The integral over a pixel has no closed form; the pattern holds no spatial frequency above 2a, so a
few Gauss-Legendre nodes in each pixel give it to ten digits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import special

from truevar.errors import UserError
from truevar.imaging.gaussian import patch_first
from truevar.imaging.psf import Floats, Patches

GAUSSIAN_LIKE = 1.3238
"""σ of the Gaussian most like it, in units of 1/a (Sun, J. Biomed. Optics 18, 111418 (2013))."""

REACH = 13.5
"""Half-width of a patch in units of 1/a: four dark rings, and all but 5 % of the light."""

_NEAR = 1e-2  # ar below which a series stands for a quotient that would be 0 / 0
_CHUNK = 1 << 20  # nodes worked out at a time


@dataclass(frozen=True)
class AiryPSF:
    """The Airy pattern of N emitters in focus.

    Args:
        scale_N: (N,) a = 2π NA / wavelength, 1/px.
        reach: half-width of a patch in units of 1/a. The rings fade slowly: 2 / (π reach) of the
            light falls beside a patch.

    Raises:
        UserError: a scale or a reach that is not above 0.
    """

    scale_N: Floats
    reach: float = REACH

    def __post_init__(self) -> None:
        if not (np.all(self.scale_N > 0) and self.reach > 0):
            raise UserError("the scale of the PSF and the reach of its patches must be above 0")

    def select(self, rows_n: NDArray[np.int64]) -> AiryPSF:
        """That of some of the emitters."""
        return AiryPSF(self.scale_N[rows_n], self.reach)

    @property
    def size(self) -> int:
        """Rows and columns of a patch that reaches far enough for every one of the images."""
        return math.ceil(2 * self.reach / np.min(self.scale_N, initial=np.inf)) + 1

    @property
    def width(self) -> float:
        """σ of the Gaussian most like the widest, px."""
        return float(GAUSSIAN_LIKE / np.min(self.scale_N, initial=np.inf))

    def patches(self, x_N: Floats, y_N: Floats) -> Patches:
        """Images and derivatives at (N,) positions."""
        size = self.size
        column_N, row_N = (
            patch_first(torch.from_numpy(np.array(at_N, dtype=np.float64)), size).numpy()
            for at_N in (x_N, y_N)
        )
        node_k, weight_k = _nodes(float(np.max(self.scale_N, initial=0.0)))
        image_3Nss = np.empty((3, len(x_N), size, size))
        step = max(1, _CHUNK // (size * len(node_k)) ** 2)
        at_sk = np.arange(size)[:, None] + node_k
        for start in range(0, len(x_N), step):
            part = slice(start, start + step)
            across_nsk, down_nsk = (
                at_sk + (first_N - centre_N)[part, None, None]
                for first_N, centre_N in ((column_N, x_N), (row_N, y_N))
            )
            image_3Nss[:, part] = _integrals(across_nsk, down_nsk, self.scale_N[part], weight_k)
        image_Nss, by_x_Nss, by_y_Nss = image_3Nss
        return Patches(image_Nss, by_x_Nss, by_y_Nss, column_N, row_N)

    @property
    def descriptor_ND(self) -> Floats:
        """(N, 1) widths of the Gaussians most like them."""
        return GAUSSIAN_LIKE / self.scale_N[:, None]


def _nodes(scale: float) -> tuple[Floats, Floats]:
    """Where in a pixel, from -½ to ½, the pattern is taken, and with which weight."""
    node_k, weight_k = special.roots_legendre(math.ceil(scale) + 4)
    return 0.5 * node_k, 0.5 * weight_k


def _integrals(across_nsk: Floats, down_nsk: Floats, scale_n: Floats, weight_k: Floats) -> Floats:
    """(3, n, s, s) light in every pixel, and its derivatives by x and y of the emitter.

    Args:
        across_nsk, down_nsk: nodes from the emitter, px, along columns and along rows.
        scale_n: a, 1/px.
        weight_k: of the nodes.
    """
    x = across_nsk[:, None, None, :, :]
    y = down_nsk[:, :, :, None, None]
    a = scale_n[:, None, None, None, None]
    z = a * np.hypot(x, y)
    near = z < _NEAR
    safe = np.where(near, 1.0, z)
    first = np.where(near, 0.5 - z**2 / 16, special.j1(safe) / safe)
    # J₂(z) / z², from J₂ = 2 J₁ / z - J₀
    second = np.where(near, 0.125 - z**2 / 96, (2 * first - special.j0(safe)) / safe**2)
    light = a**2 / np.pi * first**2
    # d(J₁/z)/dz is -J₂/z, and the emitter's own place counts the other way.
    by_place = 2 * a**4 / np.pi * first * second
    form = "nakbl,k,l->nab"
    return np.stack(
        [
            np.einsum(form, values, weight_k, weight_k, optimize=True)
            for values in (light, by_place * x, by_place * y)
        ]
    )
