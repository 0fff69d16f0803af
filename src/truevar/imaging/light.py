"""The light of many emitters on a stack of frames, and what it says about their parameters.

The Jacobian of a stack's pixels by all positions and photons is never written down: its products
are made from every emitter's two profiles, on a patch each. So the work and the memory grow with
the emitters.
"""

from __future__ import annotations

import math

import torch

from truevar.imaging.gaussian import axis_derivatives, patch_first

REACH = 3.0
"""Half-width of a patch in PSF widths: up to 0.5 % of the light falls beside it."""


class LightOnFrames:
    """Images of D emitters on T frames, of round Gaussians integrated over pixels.

    Args:
        x_D: (D,) positions along columns, px.
        y_D: (D,) along rows, px.
        photons_D: (D,) photons.
        frame_D: (D,) int64 frame, 0 to T - 1.
        psf_sigma: px.
        shape: (T, H, W).
    """

    def __init__(
        self,
        x_D: torch.Tensor,
        y_D: torch.Tensor,
        photons_D: torch.Tensor,
        frame_D: torch.Tensor,
        psf_sigma: float,
        shape: tuple[int, int, int],
    ):
        self.shape, self.photons_D, self.psf_sigma = shape, photons_D, psf_sigma
        self.size = size = math.ceil(2 * REACH * psf_sigma) + 1
        T, H, W = shape
        # A margin of a patch all round: no pixel has to be tested for lying inside the frame.
        self.canvas = (T, H + 2 * size, W + 2 * size)
        # In double precision: a profile is a difference of nearly equal numbers.
        sigma_D = torch.full_like(x_D, psf_sigma, dtype=torch.float64)
        column_D, row_D = patch_first(x_D, size), patch_first(y_D, size)
        self.across_Ds, self.by_x_Ds = _profiles(x_D, sigma_D, column_D, size)
        self.down_Ds, self.by_y_Ds = _profiles(y_D, sigma_D, row_D, size)
        step_s = torch.arange(size)
        row_Ds = (row_D + size).clamp(0, H + size)[:, None] + step_s
        column_Ds = (column_D + size).clamp(0, W + size)[:, None] + step_s
        row_Ds = frame_D[:, None] * self.canvas[1] + row_Ds
        self.pixel_P = (row_Ds[:, :, None] * self.canvas[2] + column_Ds[:, None, :]).flatten()

    def expected(self) -> torch.Tensor:
        """(T, H, W) expected photons, without background."""
        return self.onto_frames(
            (self.down_Ds * self.photons_D[:, None])[:, :, None] * self.across_Ds[:, None, :]
        )

    def change(self, x_D: torch.Tensor, y_D: torch.Tensor, photons_D: torch.Tensor) -> torch.Tensor:
        """(T, H, W) by how much the light changes with small changes of the parameters."""
        x_D, y_D = x_D * self.photons_D, y_D * self.photons_D
        across_Ds = x_D[:, None] * self.by_x_Ds + photons_D[:, None] * self.across_Ds
        patch_Dss = self.down_Ds[:, :, None] * across_Ds[:, None, :]
        patch_Dss += (y_D[:, None] * self.by_y_Ds)[:, :, None] * self.across_Ds[:, None, :]
        return self.onto_frames(patch_Dss)

    def gradient(
        self, by_light_THW: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Derivatives by x, y and photons, (D,) each, from those by every pixel's light."""
        by_light_Dss = self.patches(by_light_THW)
        along_Ds = torch.einsum("dab,db->da", by_light_Dss, self.across_Ds)
        by_x_D = torch.einsum("dab,da,db->d", by_light_Dss, self.down_Ds, self.by_x_Ds)
        by_y_D = (along_Ds * self.by_y_Ds).sum(1)
        return (
            by_x_D * self.photons_D,
            by_y_D * self.photons_D,
            (along_Ds * self.down_Ds).sum(1),
        )

    def information(
        self, weight_THW: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Fisher information of x, y and photons, (D,) each, were all else known.

        Args:
            weight_THW: one over the variance of every pixel.
        """
        weight_Dss = self.patches(weight_THW)
        form = "dab,da,db->d"
        down_Ds, across_Ds = self.down_Ds**2, self.across_Ds**2
        return (
            torch.einsum(form, weight_Dss, down_Ds, self.by_x_Ds**2) * self.photons_D**2,
            torch.einsum(form, weight_Dss, self.by_y_Ds**2, across_Ds) * self.photons_D**2,
            torch.einsum(form, weight_Dss, down_Ds, across_Ds),
        )

    def patches(
        self, value_THW: torch.Tensor, rows: slice | torch.Tensor = slice(None)
    ) -> torch.Tensor:
        """(D, s, s) a stack's values on the emitters' patches, 0 beside the frame.

        Args:
            value_THW: (T, H, W) of anything.
            rows: of which emitters.
        """
        m, (_, H, W) = self.size, self.shape
        canvas = value_THW.new_zeros(self.canvas)
        canvas[:, m : m + H, m : m + W] = value_THW
        return canvas.view(-1)[self.pixel_P.view(-1, m, m)[rows]]

    def onto_frames(self, patch_Dss: torch.Tensor) -> torch.Tensor:
        """(T, H, W) the sum of images on the emitters' patches."""
        T, rows, columns = self.canvas
        canvas = patch_Dss.new_zeros(T * rows * columns)
        canvas.index_add_(0, self.pixel_P, patch_Dss.flatten())
        m, (_, H, W) = self.size, self.shape
        return canvas.view(T, rows, columns)[:, m : m + H, m : m + W]


def _profiles(
    centre_D: torch.Tensor, sigma_D: torch.Tensor, first_D: torch.Tensor, size: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """(D, s) profile along an axis and its derivative by the centre, in single precision."""
    profile_Ds, by_centre_Ds, _ = axis_derivatives(centre_D.double(), sigma_D, first_D, size)
    return profile_Ds.float(), by_centre_Ds.float()
