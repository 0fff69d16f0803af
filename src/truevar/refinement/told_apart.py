"""Two emitters that were answered for as one: found by what one leaves of the frame.

Where the score test (:mod:`truevar.refinement.one_more`) asks for a second emitter beside an
answer, both hypotheses are fitted to the patch around it: two emitters of the PSF's width, and one
that may be wider or narrower than it. So a PSF that is not quite what it was taken for, or out of
focus, is no reason to see two. An answer stands for two if two explain it so much better that
noise cannot have made the difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from truevar.imaging.light import LightOnFrames
from truevar.refinement.common_shape import common_misfit
from truevar.refinement.one_more import one_more
from truevar.refinement.patch_fit import Patches, Several, fit_patches
from truevar.refinement.tangents import first_pixels, neighbours_of

MISFIT = 12.0
"""By so much the sum of squared residuals on an answer's patch, in their variances, must be above
what noise makes for it to be looked at: one more emitter takes away at least twice SUPPORTED."""

SUPPORTED = 8.0
"""Nats that two must be better than one in a frame ..."""

EVIDENCE = 25.0
"""... and in all frames of the emitter together."""

NEAREST, FURTHEST = 0.5, 2.0
"""Separations, PSF widths: what is closer is a shape; what is further away the network sees."""

FAINTEST_SHARE = 0.1
"""Share of the light that the fainter of the two has at least."""

EDGE = 1.0
"""PSF widths from a frame's border within which light may be of an emitter beside it."""

WIDER = 0.1
"""Standard deviation of the log of a single emitter's width about the PSF's."""

_LEAST_RATE = 1e-3


@dataclass(frozen=True)
class Pairs:
    """P answers that stand for two emitters each.

    Attributes:
        host_P: (P,) int64 which answers.
        place_P22: (P, 2, 2) x and y of both, px.
        photons_P2: (P, 2) effective counts.
        error_P22: (P, 2, 2) standard errors of the places by this frame alone, px.
        sigma_photons_P2: (P, 2) standard errors of the photons, likewise.
    """

    host_P: torch.Tensor
    place_P22: torch.Tensor
    photons_P2: torch.Tensor
    error_P22: torch.Tensor
    sigma_photons_P2: torch.Tensor


def told_apart(
    light: LightOnFrames,
    place_D2: torch.Tensor,
    frame_D: torch.Tensor,
    track_D: torch.Tensor,
    sigma_D: torch.Tensor,
    counts_THW: torch.Tensor,
    expected_THW: torch.Tensor,
    read_HW: torch.Tensor,
) -> Pairs:
    """Which of the answers that were fitted to the frames are two emitters.

    Args:
        light: of D answers.
        place_D2: (D, 2) px.
        frame_D, track_D: (D,) int64 their frame and their emitter.
        sigma_D: (D,) standard errors of their places along an axis, px.
        counts_THW: (T, H, W) effective counts.
        expected_THW: (T, H, W) what light and background together make of them.
        read_HW: (H, W) variance of read noise, effective.
    """
    psf, (_, H, W) = light.psf_sigma, light.shape
    left_THW, level_THW = counts_THW - expected_THW, expected_THW + read_HW
    common_THW = common_misfit(light, place_D2, left_THW, level_THW)
    left_THW = left_THW - common_THW
    level_THW = (level_THW + common_THW).clamp_min(_LEAST_RATE)
    misfit_Dss = light.patches(left_THW**2 / level_THW)
    pixels_D = (light.patches(level_THW) > 0).sum((1, 2))
    worth_D = (misfit_Dss.sum((1, 2)) - pixels_D > MISFIT) & _inside(place_D2, H, W, EDGE * psf)
    host_B = worth_D.nonzero()[:, 0]
    near_DM, known_DM = neighbours_of(place_D2, frame_D, psf)
    if len(host_B):
        found = one_more(
            light, place_D2, host_B, near_DM[host_B], known_DM[host_B], left_THW, level_THW
        )
        asked_B = found[2] >= SUPPORTED
        host_B, place_B2, photons_B = host_B[asked_B], found[0][asked_B], found[1][asked_B]
    if not len(host_B):
        none = torch.zeros(0, dtype=torch.float64)
        return Pairs(
            host_B, none.view(0, 2, 2), none.view(0, 2), none.view(0, 2, 2), none.view(0, 2)
        )

    near_BM, known_BM = near_DM[host_B], known_DM[host_B]
    at_BM = torch.cat([host_B[:, None], near_BM], 1)
    spread_BM = sigma_D[at_BM].double()
    spread_BM[:, 0] = psf
    one = Several(
        place_D2[at_BM].double(),
        light.photons_D[at_BM].double(),
        spread_BM,
        torch.cat([torch.ones_like(known_BM[:, :1]), known_BM], 1),
    )
    two = _with_second(one, place_B2, photons_B)
    patches = _patches(light, host_B, place_D2, one, counts_THW, level_THW, read_HW)
    alone, both = fit_patches(patches, one, WIDER), fit_patches(patches, two)
    gain_B = both.value_B - alone.value_B
    apart_B = (both.place_BM2[:, 0] - both.place_BM2[:, 1]).norm(dim=1) / psf
    pair_B2 = both.photons_BM[:, :2]
    share_B = pair_B2.amin(1) / pair_B2.sum(1)
    # Not what a neighbour stands for already.
    other_BM = (both.place_BM2[:, 2:] - both.place_BM2[:, 1:2]).norm(dim=2)
    free_B = (other_BM.masked_fill(~known_BM, torch.inf) > NEAREST * psf).all(1)
    fits_B = (gain_B >= SUPPORTED) & (share_B >= FAINTEST_SHARE) & free_B
    fits_B &= (apart_B >= NEAREST) & (apart_B <= FURTHEST)
    for k in (0, 1):
        fits_B &= _inside(both.place_BM2[:, k], H, W, EDGE * psf)
    together_K = gain_B.new_zeros(int(track_D.max()) + 1)
    together_K.index_add_(0, track_D[host_B], gain_B * fits_B)
    taken = (fits_B & (together_K[track_D[host_B]] >= EVIDENCE)).nonzero()[:, 0]
    return Pairs(
        host_B[taken],
        both.place_BM2[taken, :2],
        pair_B2[taken],
        both.error_BM2[taken, :2],
        both.sigma_photons_BM[taken, :2],
    )


def _inside(place_B2: torch.Tensor, height: int, width: int, edge: float) -> torch.Tensor:
    """(B,) which are further than ``edge`` px from the border of the frame."""
    last_2 = torch.tensor([width, height]) - 0.5 - edge
    return ((place_B2 > edge - 0.5) & (place_B2 < last_2)).all(1)


def _with_second(one: Several, place_B2: torch.Tensor, photons_B: torch.Tensor) -> Several:
    """The first of each patch shares its light with a second one."""
    whole_B = one.photons_BM[:, 0]
    second_B = photons_B.minimum(0.5 * whole_B).clamp_min(1.0)
    first_B = (whole_B - second_B).clamp_min(1.0)
    return Several(
        torch.cat([one.place_BM2[:, :1], place_B2[:, None], one.place_BM2[:, 1:]], 1),
        torch.cat([first_B[:, None], second_B[:, None], one.photons_BM[:, 1:]], 1),
        torch.cat([one.spread_BM[:, :1], one.spread_BM], 1),
        torch.cat([one.known_BM[:, :1], one.known_BM], 1),
    )


def _patches(
    light: LightOnFrames,
    host_B: torch.Tensor,
    place_D2: torch.Tensor,
    one: Several,
    counts_THW: torch.Tensor,
    level_THW: torch.Tensor,
    read_HW: torch.Tensor,
) -> Patches:
    """The answers' patches, with what lies under the emitters that are fitted there."""
    first_B2 = first_pixels(place_D2[host_B], light.size)
    noisy_Bss = light.patches(counts_THW + read_HW, host_B).double()
    level_Bss = light.patches(level_THW, host_B).double()
    inside_Bss = level_Bss > 0
    bare = Patches(first_B2, noisy_Bss, torch.zeros_like(level_Bss), inside_Bss, light.psf_sigma)
    under_Bss = (level_Bss - bare.light_of(one)).clamp_min(1e-2)
    return Patches(first_B2, noisy_Bss, under_Bss, inside_Bss, light.psf_sigma)
