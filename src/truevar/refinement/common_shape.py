"""How all emitters differ from the Gaussian PSF alike: not one's own company, but the microscope's.

Astigmatism, coma and wrong widths give every emitter the same shape, two emitters that are taken
for one have a direction of their own. What is common is found by least squares from what a fit
leaves of the frames: each emitter's residual as a sum of derivatives of the PSF (Gram's and
Charlier's series), of orders 2 to 4, with the same weights for all. Not those that are round: were
all of a movie's emitters pairs, that is what they would have in common.
"""

from __future__ import annotations

import math

import torch

from truevar.imaging.light import LightOnFrames
from truevar.refinement.fitted import Fitted
from truevar.refinement.tangents import first_pixels, tangents

_DERIVATIVES: tuple[dict[tuple[int, int], float], ...] = (
    {(2, 0): 1, (0, 2): -1},
    {(1, 1): 1},
    {(3, 0): 1},
    {(2, 1): 1},
    {(1, 2): 1},
    {(0, 3): 1},
    {(4, 0): 1, (0, 4): -1},
    {(3, 1): 1},
    {(1, 3): 1},
    {(4, 0): 1, (2, 2): -6, (0, 4): 1},
)
"""How often by x and by y, with what factors: all of orders 2 to 4 but those that are round."""

SPREAD = 0.05
"""Standard deviation of a prior on the weights: 0.08 is two emitters 0.8 PSF widths apart."""

MOST = 512
"""So many of the brightest are asked."""


def common_misfit(fitted: Fitted) -> torch.Tensor:
    """(T, H, W) effective counts that a PSF of the emitters' common shape would add to a fit."""
    light, place_D2 = fitted.light, fitted.place_D2
    brightest_B = light.photons_D.argsort(descending=True, stable=True)[:MOST]
    weight_Q = _weights(fitted, brightest_B)
    added = [
        torch.einsum("q,bqp->bp", weight_Q, _shapes(light, place_D2, rows_B)).view(
            -1, light.size, light.size
        )
        for rows_B in torch.arange(len(place_D2)).split(MOST)
    ]
    return light.onto_frames(torch.cat(added).to(fitted.level_THW.dtype))


def _weights(fitted: Fitted, rows_B: torch.Tensor) -> torch.Tensor:
    """(Q,) of all derivatives."""
    light, place_D2 = fitted.light, fitted.place_D2
    left_BP, weight_BP = fitted.unexplained(rows_B)
    left_BP1, weight_B1P = left_BP[:, :, None], weight_BP[:, None]
    shape_BQP = _shapes(light, place_D2, rows_B)
    # What an emitter's own photons and place take up says nothing.
    own_B3P = tangents(light, place_D2, rows_B[:, None], first_pixels(place_D2[rows_B], light.size))
    weighted_B3P = own_B3P * weight_B1P
    own_B33 = weighted_B3P @ own_B3P.transpose(1, 2)
    own_B33.diagonal(dim1=1, dim2=2).mul_(1 + 1e-6).add_(1e-12)
    cross_B3Q = weighted_B3P @ shape_BQP.transpose(1, 2)
    solved_B3Q = torch.linalg.solve(own_B33, cross_B3Q)
    matrix_BQQ = (shape_BQP * weight_B1P) @ shape_BQP.transpose(1, 2)
    matrix_BQQ = matrix_BQQ - cross_B3Q.transpose(1, 2) @ solved_B3Q
    by_BQ1 = (shape_BQP * weight_B1P) @ left_BP1
    by_BQ1 = by_BQ1 - solved_B3Q.transpose(1, 2) @ (weighted_B3P @ left_BP1)
    prior_QQ = torch.eye(matrix_BQQ.shape[1], dtype=torch.float64) / SPREAD**2
    return torch.linalg.solve(matrix_BQQ.sum(0) + prior_QQ, by_BQ1.sum(0))[:, 0]


def _shapes(light: LightOnFrames, place_D2: torch.Tensor, rows_B: torch.Tensor) -> torch.Tensor:
    """(B, Q, P) those derivatives of each emitter's image on its patch, lengths in PSF widths."""
    place_B2 = place_D2[rows_B]
    first_B2 = first_pixels(place_B2, light.size)
    edge_e = torch.arange(light.size + 1) - 0.5
    off_B2 = first_B2 - place_B2.double()
    across, down = (
        _derivatives((edge_e + off_B2[:, axis, None]) / light.psf_sigma) for axis in (0, 1)
    )
    shape_BQP = [
        torch.stack(
            [
                factor * (down[by_y][:, :, None] * across[by_x][:, None, :]).flatten(1)
                for (by_x, by_y), factor in terms.items()
            ]
        ).sum(0)
        for terms in _DERIVATIVES
    ]
    return torch.stack(shape_BQP, 1) * light.photons_D[rows_B, None, None]


def _derivatives(edge_Be: torch.Tensor) -> list[torch.Tensor]:
    """(B, s) integrals over pixels of a normal density's derivatives by its centre, 0 to 4.

    Args:
        edge_Be: (B, s + 1) the pixels' edges from the centre, in standard deviations.
    """
    density_Be = torch.exp(-0.5 * edge_Be**2) / math.sqrt(2 * math.pi)
    u = edge_Be
    hermite = (torch.ones_like(u), u, u**2 - 1, u**3 - 3 * u)
    profile_Bs = torch.erf(edge_Be * math.sqrt(0.5)).diff(dim=1).mul(0.5)
    return [profile_Bs, *(-(h * density_Be).diff(dim=1) for h in hermite)]
