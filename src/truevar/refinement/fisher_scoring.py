"""The joint maximum-likelihood fit of all emitters of successive frames.

An emitter has one position in all of its frames and photons of its own in each (Fisher scoring:
Smith et al., Nature Methods 7, 373 (2010), there for single emitters). The equations of a step are
solved by conjugate gradients, with products of the Jacobian that is never written down
(:mod:`truevar.imaging.light`). Steps are damped as Levenberg and Marquardt do.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from truevar.imaging.light import LightOnFrames
from truevar.refinement.background import background_of

STEPS = 3
"""Scoring steps at most. Five of twice the iterations move E by 0.06 at 2 per µm², by 0 below."""

SOLVES = 6
"""Conjugate-gradient iterations a step."""

PLACE_PRIOR = 0.7
"""Weight of the answers' own errors as a prior on places. They have seen the same pixels: 1 would
count these twice, and without any emitters on top of each other run away."""

PHOTON_PRIOR = 0.02
"""Weight of a prior on photons as wide as they are many."""

LONGEST = 0.4
"""A step moves no emitter further than so many px."""

FAINTEST = 1.0
"""Least photons of an emitter, effective counts."""

_ENOUGH = 1e-3
"""Log-likelihood per emitter whose gain is not worth a further step."""


@dataclass
class Fit:
    """K emitters seen D times in all.

    Attributes:
        place_K2: (K, 2) x and y, px.
        photons_D: (D,) effective counts.
    """

    place_K2: torch.Tensor
    photons_D: torch.Tensor


@dataclass(frozen=True)
class Explained:
    """Frames as a fit explains them.

    Attributes:
        fit: places and photons.
        light: what they send.
        expected_THW: (T, H, W) it and the background together, effective counts.
        value: log posterior, up to a constant.
    """

    fit: Fit
    light: LightOnFrames
    expected_THW: torch.Tensor
    value: float


class JointFit:
    """Frames and the emitters that are to explain them.

    Args:
        counts_THW: (T, H, W) effective counts.
        read_HW: (H, W) variance of read noise, effective.
        frame_D: (D,) int64 frame of every answer.
        track_D: (D,) int64 its emitter, 0 to K - 1.
        start: where to begin.
        sigma_K: (K,) standard errors of the starting places along an axis, px.
        psf_sigma: px.
    """

    def __init__(
        self,
        counts_THW: torch.Tensor,
        read_HW: torch.Tensor,
        frame_D: torch.Tensor,
        track_D: torch.Tensor,
        start: Fit,
        sigma_K: torch.Tensor,
        psf_sigma: float,
    ):
        self.noisy_THW, self.read_HW = counts_THW + read_HW, read_HW
        self.counts_THW, self.psf_sigma = counts_THW, psf_sigma
        self.frame_D, self.track_D, self.start = frame_D, track_D, start
        self.place_prior_K1 = (PLACE_PRIOR / sigma_K**2)[:, None]
        self.photon_prior_D = PHOTON_PRIOR / start.photons_D**2

    def run(self) -> Explained:
        """The frames with the most likely places and photons."""
        light = self._light(self.start)
        lit_THW = light.expected()
        even_THW = torch.ones_like(lit_THW)
        back_THW = background_of(self.counts_THW - lit_THW, even_THW, self.psf_sigma)
        now = self._state(self.start, light, lit_THW, back_THW)
        damping = 1e-2
        for _ in range(STEPS):
            before = now.value
            stepped, damping = self._step(now, back_THW, damping)
            if stepped is None:
                break
            lit_THW = stepped.expected_THW - back_THW
            weight_THW = 1 / (stepped.expected_THW + self.read_HW)
            back_THW = background_of(self.counts_THW - lit_THW, weight_THW, self.psf_sigma)
            now = self._state(stepped.fit, stepped.light, lit_THW, back_THW)
            if stepped.value - before < _ENOUGH * len(self.start.place_K2):
                break
        return now

    def _step(
        self, now: Explained, back_THW: torch.Tensor, damping: float
    ) -> tuple[Explained | None, float]:
        """A step uphill, with the damping that it took; none if there is none."""
        weight_THW = 1 / (now.expected_THW + self.read_HW)
        by_place_K2, by_photons_D = self._onto_tracks(
            now.light.gradient((self.counts_THW - now.expected_THW) * weight_THW)
        )
        by_place_K2 = by_place_K2 - self.place_prior_K1 * (now.fit.place_K2 - self.start.place_K2)
        by_photons_D = by_photons_D - self.photon_prior_D * (
            now.fit.photons_D - self.start.photons_D
        )
        own = self._onto_tracks(now.light.information(weight_THW))
        own = own[0] + self.place_prior_K1, own[1] + self.photon_prior_D
        for _ in range(4):
            place_K2, photons_D = self._solve(
                now.light, weight_THW, own, damping, (by_place_K2, by_photons_D)
            )
            fit = Fit(
                now.fit.place_K2 + place_K2.clamp(-LONGEST, LONGEST),
                # No fainter than 0.3 times, no brighter than twice.
                (
                    now.fit.photons_D
                    + photons_D.clamp(-0.7 * now.fit.photons_D, now.fit.photons_D + 100)
                ).clamp_min(FAINTEST),
            )
            light = self._light(fit)
            found = self._state(fit, light, light.expected(), back_THW)
            if found.value >= now.value:
                return found, max(damping / 5, 1e-4)
            damping *= 10
        return None, damping

    def _solve(
        self,
        light: LightOnFrames,
        weight_THW: torch.Tensor,
        own: tuple[torch.Tensor, torch.Tensor],
        damping: float,
        wanted: tuple[torch.Tensor, torch.Tensor],
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Conjugate gradients, preconditioned by every parameter's own information."""
        sizes = wanted[0].numel(), wanted[1].numel()
        own_U, left_U = (torch.cat([v[0].flatten(), v[1]]) for v in (own, wanted))
        prior_U = torch.cat(
            [self.place_prior_K1.expand_as(wanted[0]).flatten(), self.photon_prior_D]
        )
        scale_U = own_U * (1 + damping)
        found_U = torch.zeros_like(left_U)
        scaled_U = left_U / scale_U
        way_U, size = scaled_U, torch.dot(left_U, scaled_U)
        enough = 1e-4 * size
        for _ in range(SOLVES):
            place_K2, photons_D = way_U.split(sizes)
            place_D2 = place_K2.view(-1, 2)[self.track_D]
            change_THW = light.change(place_D2[:, 0], place_D2[:, 1], photons_D)
            tracks = self._onto_tracks(light.gradient(weight_THW * change_THW))
            onto_U = torch.cat([tracks[0].flatten(), tracks[1]])
            onto_U = onto_U + (prior_U + damping * own_U) * way_U
            length = size / torch.dot(way_U, onto_U)
            found_U = found_U + length * way_U
            left_U = left_U - length * onto_U
            scaled_U = left_U / scale_U
            before, size = size, torch.dot(left_U, scaled_U)
            if size < enough:
                break
            way_U = scaled_U + size / before * way_U
        place_K2, photons_D = found_U.split(sizes)
        return place_K2.view(-1, 2), photons_D

    def _light(self, fit: Fit) -> LightOnFrames:
        place_D2 = fit.place_K2[self.track_D]
        return LightOnFrames(
            place_D2[:, 0],
            place_D2[:, 1],
            fit.photons_D,
            self.frame_D,
            self.psf_sigma,
            (self.counts_THW.shape[0], self.counts_THW.shape[1], self.counts_THW.shape[2]),
        )

    def _state(
        self, fit: Fit, light: LightOnFrames, lit_THW: torch.Tensor, back_THW: torch.Tensor
    ) -> Explained:
        """The state with its log posterior: read noise as Poisson noise of the same variance."""
        expected_THW = lit_THW + back_THW
        level_THW = expected_THW + self.read_HW
        value = (self.noisy_THW * level_THW.log() - level_THW).sum(dtype=torch.float64)
        moved_K2 = fit.place_K2 - self.start.place_K2
        value -= 0.5 * (self.place_prior_K1 * moved_K2**2).sum(dtype=torch.float64)
        brighter_D = fit.photons_D - self.start.photons_D
        value -= 0.5 * (self.photon_prior_D * brighter_D**2).sum(dtype=torch.float64)
        return Explained(fit, light, expected_THW, float(value))

    def _onto_tracks(
        self, by_D: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Sums by x and y over an emitter's frames, (K, 2); by photons as they are, (D,)."""
        by_place_K2 = torch.zeros_like(self.start.place_K2)
        by_place_K2.index_add_(0, self.track_D, torch.stack(by_D[:2], dim=1))
        return by_place_K2, by_D[2]
