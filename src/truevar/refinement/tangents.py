"""An emitter's neighbours, and how their light changes with their parameters, on its patch."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree

from truevar.imaging.gaussian import axis_derivatives, patch_first
from truevar.imaging.light import LightOnFrames
from truevar.imaging.neighbours import set_apart

NEIGHBOURS = 4
"""So many of the nearest are asked what they could take up ..."""

REACH = 4.0
"""... if they are no further than so many PSF widths."""


def neighbours_of(
    place_D2: torch.Tensor, frame_D: torch.Tensor, psf_sigma: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """(D, M) the nearest others of the frame, and which of these are near enough to matter.

    Args:
        place_D2: (D, 2) px.
        frame_D: (D,) int64.
        psf_sigma: px.
    """
    reach = REACH * psf_sigma
    x_D, y_D = place_D2.double().numpy().T
    point_D3 = set_apart(x_D, y_D, frame_D.numpy(), reach)
    near, others = cKDTree(point_D3).query(
        point_D3, k=np.arange(2, NEIGHBOURS + 2), distance_upper_bound=reach
    )
    known = np.isfinite(near)
    return torch.from_numpy(np.where(known, others, 0)), torch.from_numpy(known)


def first_pixels(place_B2: torch.Tensor, size: int) -> torch.Tensor:
    """(B, 2) int64 first column and row of the patches around places, px.

    In the precision of the light's own places, or the patches might be others.
    """
    return torch.stack([patch_first(place_B2[:, axis], size) for axis in (0, 1)], 1)


def tangents(
    light: LightOnFrames, place_D2: torch.Tensor, at_BM: torch.Tensor, first_B2: torch.Tensor
) -> torch.Tensor:
    """(B, 3 M, s²) images of a photon of M emitters on a patch, then by their x, then by their y.

    Args:
        light: of D emitters.
        place_D2: (D, 2) their x and y, px.
        at_BM: (B, M) int64 which of them, for each patch.
        first_B2: (B, 2) the patches' first column and row.
    """
    B, M = at_BM.shape
    at_N = at_BM.flatten()
    first_N2 = first_B2[:, None].expand(B, M, 2).reshape(-1, 2)
    sigma_N = torch.full((B * M,), light.psf_sigma, dtype=torch.float64)
    (across, by_x), (down, by_y) = (
        axis_derivatives(place_D2[at_N, axis].double(), sigma_N, first_N2[:, axis], light.size)[:2]
        for axis in (0, 1)
    )
    photons_N1 = light.photons_D[at_N, None]
    columns = ((down, across), (down, by_x * photons_N1), (by_y * photons_N1, across))
    return torch.cat(
        [(one[:, :, None] * other[:, None, :]).view(B, M, -1) for one, other in columns], 1
    )
