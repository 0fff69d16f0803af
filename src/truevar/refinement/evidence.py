"""Would the frames look as they do without an emitter? What it adds to their likelihood.

An emitter's own light is held against none, everything else being as the fit has it (the
generalised likelihood-ratio test of Smith et al., Molecular Biology of the Cell 26, 4057 (2015),
there for spots that stand alone). Without it its neighbours would take up some of its light. What
share of the evidence then remains is told by the Fisher information: that of its photons if its
neighbours' places and photons are to be found too, over that if they are known.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import gammaincc

from truevar.refinement.fitted import LEAST_RATE, Fitted
from truevar.refinement.tangents import first_pixels, tangents

_AT_ONCE = 4096


def p_value(llr_N: NDArray[np.float64], frames: int | NDArray[np.int64] = 1) -> NDArray[np.float64]:
    """How often a frame without the emitter would look as much as if it were there.

    Args:
        llr_N: (N,) log-likelihood ratios, nats; those of an emitter's frames added up.
        frames: of how many frames each is the sum.

    Returns:
        (N,) upper tail of a χ² distribution with as many degrees of freedom as there are photon
        numbers: one a frame (Wilks; Smith et al. 2015, equation 5).
    """
    return np.asarray(gammaincc(np.asarray(frames) / 2, np.maximum(llr_N, 0.0)))


def log_likelihood_ratios(fitted: Fitted) -> torch.Tensor:
    """By how much every emitter's light in its frame makes that frame more likely, nats.

    Returns:
        (D,) in double precision, 0 where the emitter explains nothing.
    """
    light = fitted.light
    found = []
    for start in range(0, len(fitted.place_D2), _AT_ONCE):
        row = slice(start, start + _AT_ONCE)
        # In double precision: the last digits of single ones depend on how threads share the work.
        level_Bss = light.patches(fitted.level_THW, row).double()
        inside_Bss = level_Bss > 0
        down_Bs, across_Bs = light.down_Ds[row].double(), light.across_Ds[row].double()
        profile_Bss = down_Bs[:, :, None] * across_Bs[:, None, :] * inside_Bss
        own_Bss = light.photons_D[row, None, None] * profile_Bss
        without_Bss = (level_Bss - own_Bss).clamp_min(LEAST_RATE)
        noisy_Bss = light.patches(fitted.noisy_THW, row).clamp_min(0)
        level_Bss = without_Bss + own_Bss
        gain_B = (noisy_Bss * (level_Bss / without_Bss).log() - own_Bss).sum((1, 2))
        share_B = torch.ones_like(gain_B)
        crowded = fitted.known_DM[row].any(1)
        if crowded.any():
            share_B[crowded] = _share(
                fitted,
                torch.arange(len(fitted.place_D2))[row][crowded],
                fitted.near_DM[row][crowded],
                fitted.known_DM[row][crowded],
                profile_Bss[crowded],
                inside_Bss[crowded] / without_Bss[crowded],
            )
        found.append(gain_B.clamp_min(0) * share_B)
    return torch.cat(found) if found else torch.zeros(0, dtype=torch.float64)


def _share(
    fitted: Fitted,
    own_B: torch.Tensor,
    near_BM: torch.Tensor,
    known_BM: torch.Tensor,
    profile_Bss: torch.Tensor,
    weight_Bss: torch.Tensor,
) -> torch.Tensor:
    """(B,) share of the information of photons that is left when neighbours are not known."""
    B, M = near_BM.shape
    light, place_D2 = fitted.light, fitted.place_D2
    # The neighbours' light and its derivatives on the emitter's own patch.
    columns_BUP = tangents(light, place_D2, near_BM, first_pixels(place_D2[own_B], light.size))
    columns_BUP *= known_BM.repeat(1, 3)[:, :, None]
    design_BUP = torch.cat([columns_BUP, profile_Bss.view(B, 1, -1)], 1)
    matrix_BUU = (design_BUP * weight_Bss.view(B, 1, -1)) @ design_BUP.transpose(1, 2)
    # Of absent ones nothing but a one on the diagonal; places are known as well as they are.
    prior_BM = 1 / fitted.sigma_D[near_BM].double() ** 2
    absent_BM = (~known_BM).double()
    own_B1 = matrix_BUU[:, -1:, -1].clone()
    faint_BM = matrix_BUU.diagonal(dim1=1, dim2=2)[:, :M] * 1e-3 + absent_BM
    prior_BU = torch.cat([faint_BM, prior_BM, prior_BM, torch.zeros_like(own_B1)], 1)
    matrix_BUU.diagonal(dim1=1, dim2=2).add_(prior_BU)
    # The last pivot of Cholesky's is what is left of the last parameter's information.
    triangle_BUU, failed_B = torch.linalg.cholesky_ex(matrix_BUU)
    left_B = triangle_BUU[:, -1, -1] ** 2 / own_B1[:, 0]
    return torch.where(failed_B == 0, left_B, 0.0).clamp(0, 1)
