"""Many small joint fits at a time: a few emitters on a patch of one frame each.

Fisher scoring, damped as Levenberg and Marquardt do, like
:mod:`truevar.refinement.fisher_scoring`; there all emitters share the frames, here the equations
are small and solved outright, and one emitter may be wider than the PSF.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from truevar.imaging.gaussian import axis_derivatives
from truevar.refinement.fitted import LEAST_RATE

STEPS = 12
"""Scoring steps: two emitters that begin beside each other need more than answers that are nearly
right."""

LONGEST = 0.5
"""A step moves no emitter further than so many px."""

FAINTEST = 1.0
"""Least photons, effective counts."""

_FIXED = 1e-6


@dataclass(frozen=True)
class Patches:
    """B patches of s × s pixels of single frames.

    Attributes:
        first_B2: (B, 2) int64 first column and row.
        noisy_Bss: effective counts and the variance of read noise.
        under_Bss: what is expected of them without the emitters that are fitted.
        inside_Bss: which pixels are on the frame.
        psf_sigma: px.
    """

    first_B2: torch.Tensor
    noisy_Bss: torch.Tensor
    under_Bss: torch.Tensor
    inside_Bss: torch.Tensor
    psf_sigma: float

    def light_of(self, emitters: Several) -> torch.Tensor:
        """(B, s, s) what emitters send onto the patches."""
        problem = _Problem(self, emitters, 0.0)
        level_BP, _ = problem.drawn(problem.start_BU)
        return level_BP.view_as(self.under_Bss) - self.under_Bss


@dataclass(frozen=True)
class Several:
    """M emitters or fewer on each of B patches, in double precision.

    Attributes:
        place_BM2: px.
        photons_BM: effective counts.
        spread_BM: standard deviations of a prior on the places about where a fit begins, px.
        known_BM: which there are.
    """

    place_BM2: torch.Tensor
    photons_BM: torch.Tensor
    spread_BM: torch.Tensor
    known_BM: torch.Tensor


@dataclass(frozen=True)
class PatchFit:
    """Where a fit ended.

    Attributes:
        place_BM2: px.
        photons_BM: effective counts.
        value_B: log posterior, up to a constant that all fits of a patch share.
        error_BM2: standard errors of x and y in view of all else that is fitted, px; NaN where the
            light tells nothing.
        sigma_photons_BM: of the photons, likewise.
    """

    place_BM2: torch.Tensor
    photons_BM: torch.Tensor
    value_B: torch.Tensor
    error_BM2: torch.Tensor
    sigma_photons_BM: torch.Tensor


def fit_patches(patches: Patches, start: Several, wider: float = 0.0) -> PatchFit:
    """The most likely places and photons, an even change of the background left free.

    Args:
        patches: what was seen.
        start: where to begin; the first emitter of each patch must be known.
        wider: standard deviation of a prior on the log of the first emitter's width over that of
            the PSF; 0 for the PSF's width.
    """
    problem = _Problem(patches, start, wider)
    theta_BU = problem.start_BU
    level_BP, design_BUP = problem.drawn(theta_BU)
    value_B = problem.value(theta_BU, level_BP)
    damping_B = torch.full_like(value_B, 1e-2)
    for _ in range(STEPS):
        tried_BU = problem.stepped(theta_BU, level_BP, design_BUP, damping_B)
        tried_level_BP, tried_design_BUP = problem.drawn(tried_BU)
        tried_B = problem.value(tried_BU, tried_level_BP)
        up_B = tried_B > value_B
        theta_BU = torch.where(up_B[:, None], tried_BU, theta_BU)
        level_BP = torch.where(up_B[:, None], tried_level_BP, level_BP)
        design_BUP = torch.where(up_B[:, None, None], tried_design_BUP, design_BUP)
        value_B = torch.where(up_B, tried_B, value_B)
        damping_B = torch.where(up_B, (damping_B / 5).clamp_min(1e-5), damping_B * 8)
    M = problem.n_emitters
    matrix_BUU = problem.information(level_BP, design_BUP)
    inverse_BUU, _ = torch.linalg.inv_ex(matrix_BUU)
    error_BU = inverse_BUU.diagonal(dim1=1, dim2=2).sqrt()
    return PatchFit(
        problem.places(theta_BU),
        theta_BU[:, :M],
        value_B,
        problem.places(error_BU),
        error_BU[:, :M],
    )


class _Problem:
    """The numbers of a fit in one row a patch: photons, x, y of M emitters, background, width."""

    def __init__(self, patches: Patches, start: Several, wider: float):
        self.patches = patches
        self.known_BM1 = start.known_BM[:, :, None].double()
        self.noisy_BP = patches.noisy_Bss.flatten(1)
        self.under_BP = patches.under_Bss.flatten(1)
        self.inside_BP = patches.inside_Bss.flatten(1).double()
        B, self.n_emitters = start.photons_BM.shape
        none_B1 = torch.zeros(B, 1, dtype=torch.float64)
        self.start_BU = torch.cat(
            [start.photons_BM, *start.place_BM2.unbind(2), none_B1, none_B1], 1
        ).double()
        # Photons are next to free, absent emitters held; a tenth of the background may be wrong.
        absent_BM = (~start.known_BM).double()
        free_BM = 1e-3 / start.photons_BM.clamp_min(10.0) ** 2 + absent_BM
        held_BM = 1 / start.spread_BM.double() ** 2
        even_B1 = (0.1 * self.under_BP.mean(1, keepdim=True).clamp_min(1.0)) ** -2
        width_B1 = torch.full_like(none_B1, (wider or _FIXED) ** -2)
        self.prior_BU = torch.cat([free_BM, held_BM, held_BM, even_B1, width_B1], 1)

    def places(self, theta_BU: torch.Tensor) -> torch.Tensor:
        M = self.n_emitters
        return torch.stack([theta_BU[:, M : 2 * M], theta_BU[:, 2 * M : 3 * M]], 2)

    def drawn(self, theta_BU: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, P) expected, and (B, U, P) how it changes with every number."""
        B, M = len(theta_BU), self.n_emitters
        size = self.patches.noisy_Bss.shape[1]
        place_BM2 = self.places(theta_BU)
        photons_BM1 = theta_BU[:, :M, None] * self.known_BM1
        width_BM = torch.full((B, M), self.patches.psf_sigma, dtype=torch.float64)
        width_BM[:, 0] *= theta_BU[:, -1].exp()
        first_N2 = self.patches.first_B2[:, None].expand(B, M, 2).reshape(-1, 2)
        (across, by_x, by_wide), (down, by_y, by_tall) = (
            axis_derivatives(
                place_BM2[..., axis].flatten(), width_BM.flatten(), first_N2[:, axis], size
            )
            for axis in (0, 1)
        )

        def image(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
            return (rows[:, :, None] * columns[:, None, :]).view(B, M, -1)

        shape_BMP = image(down, across)
        level_BP = (shape_BMP * photons_BM1).sum(1) + self.under_BP + theta_BU[:, -2:-1]
        by_width_BMP = (image(down, by_wide) + image(by_tall, across)) * photons_BM1
        design_BUP = torch.cat(
            [
                shape_BMP * self.known_BM1,
                image(down, by_x) * photons_BM1,
                image(by_y, across) * photons_BM1,
                torch.ones_like(level_BP)[:, None],
                by_width_BMP[:, :1] * width_BM[:, :1, None],
            ],
            1,
        )
        return level_BP.clamp_min(LEAST_RATE), design_BUP

    def value(self, theta_BU: torch.Tensor, level_BP: torch.Tensor) -> torch.Tensor:
        """(B,) log posterior; read noise as Poisson noise of its variance."""
        seen_B = ((self.noisy_BP * level_BP.log() - level_BP) * self.inside_BP).sum(1)
        return seen_B - 0.5 * ((theta_BU - self.start_BU) ** 2 * self.prior_BU).sum(1)

    def information(self, level_BP: torch.Tensor, design_BUP: torch.Tensor) -> torch.Tensor:
        """(B, U, U) Fisher's, and the prior's."""
        weight_B1P = (self.inside_BP / level_BP)[:, None]
        matrix_BUU = (design_BUP * weight_B1P) @ design_BUP.transpose(1, 2)
        matrix_BUU.diagonal(dim1=1, dim2=2).add_(self.prior_BU)
        return matrix_BUU

    def stepped(
        self,
        theta_BU: torch.Tensor,
        level_BP: torch.Tensor,
        design_BUP: torch.Tensor,
        damping_B: torch.Tensor,
    ) -> torch.Tensor:
        """(B, U) one step on; as before where there is none."""
        left_BP = (self.noisy_BP - level_BP) * self.inside_BP / level_BP
        by_BU = (design_BUP @ left_BP[:, :, None])[..., 0]
        by_BU = by_BU - (theta_BU - self.start_BU) * self.prior_BU
        matrix_BUU = self.information(level_BP, design_BUP)
        matrix_BUU.diagonal(dim1=1, dim2=2).mul_(1 + damping_B[:, None])
        triangle_BUU, failed_B = torch.linalg.cholesky_ex(matrix_BUU)
        step_BU = torch.cholesky_solve(by_BU[:, :, None], triangle_BUU)[..., 0]
        step_BU = torch.where((failed_B == 0)[:, None], step_BU, 0.0)
        M = self.n_emitters
        step_BU[:, M : 3 * M].clamp_(-LONGEST, LONGEST)
        tried_BU = theta_BU + step_BU
        tried_BU[:, :M] = tried_BU[:, :M].maximum((0.3 * theta_BU[:, :M]).clamp_min(FAINTEST))
        tried_BU[:, -1].clamp_(-0.3, 0.3)
        return tried_BU
