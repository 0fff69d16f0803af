"""Two emitters that were answered for as one: found by what one leaves of the frame.

Where the score test (:mod:`truevar.refinement.one_more`) asks for a second emitter beside an
answer, both hypotheses are fitted to the patch around it: two emitters of the PSF's width, and one
that may be wider or narrower than it. So a PSF that is not quite what it was taken for, or out of
focus, is no reason to see two. An answer stands for two if two explain it so much better that
noise cannot have made the difference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from truevar.imaging.light import LightOnFrames
from truevar.refinement.common_shape import common_misfit
from truevar.refinement.fitted import LEAST_RATE, Fitted
from truevar.refinement.one_more import RADII, one_more
from truevar.refinement.patch_fit import Patches, PatchFit, Several, fit_patches
from truevar.refinement.tangents import first_pixels

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

_LEAST_UNDER = 1e-2


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


def told_apart(fitted: Fitted) -> Pairs:
    """Which of the answers that were fitted to the frames are two emitters."""
    asked = _asked(fitted, _misfits(fitted))
    if len(asked.host_B):
        fitted = _of_common_shape(fitted)
        asked = _asked(fitted, asked.host_B)
    if not len(asked.host_B):
        none_022 = torch.zeros(0, 2, 2, dtype=torch.float64)
        return Pairs(asked.host_B, none_022, none_022[:, 0], none_022, none_022[:, 0])
    both, gain_B = _compared(fitted, asked)
    taken = _enough(fitted.track_D, asked.host_B, gain_B, EVIDENCE)
    return Pairs(
        asked.host_B[taken],
        both.place_BM2[taken, :2],
        both.photons_BM[taken, :2],
        both.error_BM2[taken, :2],
        both.sigma_photons_BM[taken, :2],
    )


def _enough(
    track_D: torch.Tensor, host_B: torch.Tensor, gain_B: torch.Tensor, least: float
) -> torch.Tensor:
    """(B,) which gain enough for themselves and, together with their emitter's others, at all."""
    gain_B = gain_B * (gain_B >= SUPPORTED)
    together_K = gain_B.new_zeros(int(track_D.max()) + 1)
    together_K.index_add_(0, track_D[host_B], gain_B)
    return (gain_B > 0) & (together_K[track_D[host_B]] >= least)


@dataclass(frozen=True)
class _Asked:
    """Answers beside which one more emitter is asked for, where, and with what photons."""

    host_B: torch.Tensor
    place_B2: torch.Tensor
    photons_B: torch.Tensor


def _misfits(fitted: Fitted) -> torch.Tensor:
    """(B,) answers whose patch holds more than they and noise explain."""
    sum_D, pixels_D = fitted.squares
    far_D = _inside(fitted.light, fitted.place_D2)
    return ((sum_D - pixels_D > MISFIT) & far_D).nonzero()[:, 0]


def _asked(fitted: Fitted, host_B: torch.Tensor) -> _Asked:
    """Beside which of these one more emitter may be worth a fit."""
    light, place_D2 = fitted.light, fitted.place_D2
    if not len(host_B):
        return _Asked(host_B, place_D2[:0].double(), place_D2[:0, 0].double())
    place_B2, photons_B, gain_B = one_more(fitted, host_B)
    # Second order says less than the fits will.
    kept = _enough(fitted.track_D, host_B, gain_B, 0.5 * EVIDENCE) & _inside(light, place_B2)
    # What is best explained furthest away is not the answer's own light.
    way_B = (place_B2 - place_D2[host_B]).norm(dim=1)
    kept &= way_B < 0.99 * RADII[-1] * light.psf_sigma
    return _Asked(host_B[kept], place_B2[kept], photons_B[kept])


def _of_common_shape(fitted: Fitted) -> Fitted:
    """With what all emitters have in common taken for the PSF's."""
    level_THW = (fitted.level_THW + common_misfit(fitted)).clamp_min(LEAST_RATE)
    return replace(fitted, level_THW=level_THW)


def _compared(fitted: Fitted, asked: _Asked) -> tuple[PatchFit, torch.Tensor]:
    """The fits of two, and (B,) by how much they are better than those of one: 0 if no pair."""
    light, host_B, psf = fitted.light, asked.host_B, fitted.light.psf_sigma
    at_BM, known_BM = fitted.around(host_B)
    spread_BM = fitted.sigma_D[at_BM].double()
    spread_BM[:, 0] = psf
    one = Several(
        fitted.place_D2[at_BM].double(),
        light.photons_D[at_BM].double(),
        spread_BM,
        known_BM,
    )
    patches = _patches(fitted, host_B, one)
    alone = fit_patches(patches, one, WIDER)
    both = fit_patches(patches, _with_second(one, asked))
    first_B2, second_B2 = both.place_BM2[:, 0], both.place_BM2[:, 1]
    apart_B = (first_B2 - second_B2).norm(dim=1) / psf
    pair_B2 = both.photons_BM[:, :2]
    fits_B = (apart_B >= NEAREST) & (apart_B <= FURTHEST)
    fits_B &= (both.error_BM2[:, :2] > 0).all(2).all(1)
    fits_B &= (both.sigma_photons_BM[:, :2] > 0).all(1)
    fits_B &= pair_B2.amin(1) >= FAINTEST_SHARE * pair_B2.sum(1)
    fits_B &= _inside(light, first_B2) & _inside(light, second_B2)
    # Not what a neighbour stands for already.
    other_BM = (both.place_BM2[:, 2:] - second_B2[:, None]).norm(dim=2)
    fits_B &= (other_BM.masked_fill(~known_BM[:, 1:], torch.inf) > NEAREST * psf).all(1)
    return both, (both.value_B - alone.value_B) * fits_B


def _inside(light: LightOnFrames, place_B2: torch.Tensor) -> torch.Tensor:
    """(B,) which are further than :data:`EDGE` from the border of the frame."""
    edge, (_, height, width) = EDGE * light.psf_sigma, light.shape
    last_2 = torch.tensor([width, height]) - 0.5 - edge
    return ((place_B2 > edge - 0.5) & (place_B2 < last_2)).all(1)


def _patches(fitted: Fitted, host_B: torch.Tensor, emitters: Several) -> Patches:
    """The answers' patches, with what lies under the emitters that are fitted there."""
    light = fitted.light
    first_B2 = first_pixels(fitted.place_D2[host_B], light.size)
    noisy_Bss, level_Bss = (
        light.patches(v_THW, host_B).double() for v_THW in (fitted.noisy_THW, fitted.level_THW)
    )
    none_Bss = torch.zeros_like(level_Bss)
    bare = Patches(first_B2, noisy_Bss, none_Bss, level_Bss > 0, light.psf_sigma)
    return replace(bare, under_Bss=(level_Bss - bare.light_of(emitters)).clamp_min(_LEAST_UNDER))


def _with_second(one: Several, asked: _Asked) -> Several:
    """The first of each patch shares its light with a second one."""
    whole_B = one.photons_BM[:, 0]
    second_B = asked.photons_B.minimum(0.5 * whole_B).clamp_min(1.0)
    first_B = (whole_B - second_B).clamp_min(1.0)
    return Several(
        torch.cat([one.place_BM2[:, :1], asked.place_B2[:, None], one.place_BM2[:, 1:]], 1),
        torch.cat([first_B[:, None], second_B[:, None], one.photons_BM[:, 1:]], 1),
        torch.cat([one.spread_BM[:, :1], one.spread_BM], 1),
        torch.cat([one.known_BM[:, :1], one.known_BM], 1),
    )
