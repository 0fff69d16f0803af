"""Would one emitter more make the frame more likely? Asked around every answer, to second order.

The score test (Rao 1948) for photons of an emitter at a few places around an answer, with the
answer itself, its neighbours and the background free to move and to change. Two emitters that were
answered for as one leave the shape of a second derivative, which no place and no photons of one
take away.
"""

from __future__ import annotations

import math

import torch

from truevar.imaging.gaussian import axis_profile
from truevar.refinement.fitted import Fitted
from truevar.refinement.tangents import first_pixels, tangents

RADII = (0.6, 1.2, 1.8)
"""Distances at which is asked, PSF widths; the last so that light of others is told from it ..."""

DIRECTIONS = 8
"""... and in how many directions."""

LOOSE = 0.5
"""PSF widths by which the places of known emitters may be wrong."""

_AT_ONCE = 1024


def one_more(
    fitted: Fitted, host_B: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The best of the places around each of some answers.

    Args:
        fitted: all answers.
        host_B: (B,) int64 those around which is asked.

    Returns:
        (B, 2) places, px; (B,) photons there; (B,) the log-likelihood that they would add, nats.
    """
    parts = [_part(fitted, rows_B) for rows_B in host_B.split(_AT_ONCE)]
    place, photons, gain = (torch.cat(column) for column in zip(*parts, strict=True))
    return place, photons, gain


def _part(fitted: Fitted, host_B: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    light, place_D2 = fitted.light, fitted.place_D2
    B, sigma = len(host_B), light.psf_sigma
    left_BP, weight_BP = fitted.unexplained(host_B)
    own_B2 = place_D2[host_B].double()
    first_B2 = first_pixels(place_D2[host_B], light.size)
    at_BM, known_BM = fitted.around(host_B)
    M = at_BM.shape[1]
    # What may change: all that is known, and the background.
    design_BUP = tangents(light, place_D2, at_BM, first_B2) * known_BM.repeat(1, 3)[:, :, None]
    design_BUP = torch.cat([design_BUP, torch.ones_like(left_BP)[:, None]], 1)
    weighted_BUP = design_BUP * weight_BP[:, None]
    matrix_BUU = weighted_BUP @ design_BUP.transpose(1, 2)
    diagonal_BU = matrix_BUU.diagonal(dim1=1, dim2=2)
    absent_BM = (~known_BM).double()
    held_BM = torch.full_like(absent_BM, (LOOSE * sigma) ** -2)
    faint_BM = 1e-4 * diagonal_BU[:, :M] + absent_BM
    diagonal_BU.add_(torch.cat([faint_BM, held_BM, held_BM, 1e-6 + 0 * faint_BM[:, :1]], 1))
    # What might be there.
    place_BJ2 = own_B2[:, None] + sigma * _ring()
    first_N2 = first_B2[:, None].expand(place_BJ2.shape).reshape(-1, 2)
    sigma_N = torch.full((len(first_N2),), sigma, dtype=torch.float64)
    across_Ns, down_Ns = (
        axis_profile(place_BJ2[..., axis].flatten(), sigma_N, first_N2[:, axis], light.size)
        for axis in (0, 1)
    )
    shape_BJP = (down_Ns[:, :, None] * across_Ns[:, None, :]).view(B, place_BJ2.shape[1], -1)
    cross_BUJ = weighted_BUP @ shape_BJP.transpose(1, 2)
    own_BJ = (shape_BJP**2 * weight_BP[:, None]).sum(2)
    by_known_BU1 = weighted_BUP @ left_BP[:, :, None]
    by_new_BJ = (shape_BJP @ (weight_BP * left_BP)[:, :, None])[..., 0]
    # Of both what the known ones do not take up (a Schur complement).
    triangle_BUU, failed_B = torch.linalg.cholesky_ex(matrix_BUU)
    solved_BUJ = torch.cholesky_solve(cross_BUJ, triangle_BUU)
    by_new_BJ = by_new_BJ - (solved_BUJ * by_known_BU1).sum(1)
    left_BJ = (own_BJ - (solved_BUJ * cross_BUJ).sum(1)).clamp_min(1e-3 * own_BJ)
    gain_BJ = 0.5 * by_new_BJ.clamp_min(0) ** 2 / left_BJ
    gain_B, best_B = torch.where((failed_B == 0)[:, None], gain_BJ, 0.0).max(1)
    rows = torch.arange(B)
    photons_B = (by_new_BJ / left_BJ)[rows, best_B].clamp_min(0)
    return place_BJ2[rows, best_B], photons_B, gain_B


def _ring() -> torch.Tensor:
    """(J, 2) places around an answer, PSF widths."""
    angle_J = torch.arange(DIRECTIONS, dtype=torch.float64) * (2 * math.pi / DIRECTIONS)
    unit_J2 = torch.stack([angle_J.cos(), angle_J.sin()], 1)
    return torch.cat([radius * unit_J2 for radius in RADII])
