"""Frames that are explained together, and how answers explain them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray

from truevar.refinement.evidence import log_likelihood_ratios
from truevar.refinement.fisher_scoring import Explained, Fit, JointFit
from truevar.refinement.told_apart import Pairs, told_apart
from truevar.refinement.tracks import tracks_of


@dataclass(frozen=True)
class Answers:
    """D answers of a network, sorted by frame; px.

    Attributes:
        frame_D: (D,) int64, from 0.
        x_D, y_D: (D,) places.
        sigma_x_D, sigma_y_D: (D,) their standard errors, above 0.
        photons_D: (D,) effective counts, above 0.
        sigma_photons_D: (D,) their standard errors.
    """

    frame_D: NDArray[np.int64]
    x_D: NDArray[np.float64]
    y_D: NDArray[np.float64]
    sigma_x_D: NDArray[np.float64]
    sigma_y_D: NDArray[np.float64]
    photons_D: NDArray[np.float64]
    sigma_photons_D: NDArray[np.float64]

    def select(self, rows: NDArray[np.int64]) -> Answers:
        """Some of them."""
        return Answers(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True)
class Stack:
    """Successive frames.

    Attributes:
        counts_THW: (T, H, W) effective counts.
        read_HW: (H, W) variance of read noise, effective.
        psf_sigma: px.
    """

    counts_THW: torch.Tensor
    read_HW: torch.Tensor
    psf_sigma: float

    def fit(self, answers: Answers) -> Fitted:
        """Places and photons that explain the frames best."""
        length_D = np.hypot(answers.sigma_x_D, answers.sigma_y_D)
        track_D = tracks_of(answers.frame_D, answers.x_D, answers.y_D, length_D, self.psf_sigma)
        weight_D = 1 / length_D**2
        weight_K = np.bincount(track_D, weight_D)
        start_K2 = np.stack(
            [np.bincount(track_D, weight_D * v_D) / weight_K for v_D in (answers.x_D, answers.y_D)],
            1,
        )
        # Errors of successive frames go together: the mean is no better than the best of them.
        best_K = np.full(len(weight_K), np.inf)
        np.minimum.at(best_K, track_D, np.minimum(answers.sigma_x_D, answers.sigma_y_D))
        frame_D = torch.from_numpy(answers.frame_D)
        found = JointFit(
            self.counts_THW,
            self.read_HW,
            frame_D,
            torch.from_numpy(track_D),
            Fit(_single(start_K2), _single(answers.photons_D)),
            _single(best_K),
            self.psf_sigma,
        ).run()
        return Fitted(self, frame_D, track_D, _single(best_K[track_D]), found)


@dataclass(frozen=True)
class Fitted:
    """A fit of D answers, sorted by frame.

    Attributes:
        stack: what they were fitted to.
        frame_D: their frames.
        track_D: which of them are one emitter.
        sigma_D: standard errors of the emitters' places before the fit, px.
        found: the fit.
    """

    stack: Stack
    frame_D: torch.Tensor
    track_D: NDArray[np.int64]
    sigma_D: torch.Tensor
    found: Explained

    @property
    def place_D2(self) -> torch.Tensor:
        """(D, 2) px."""
        return self.found.fit.place_K2[torch.from_numpy(self.track_D)]

    def pairs(self) -> Pairs:
        """Answers that stand for two emitters."""
        return told_apart(
            self.found.light,
            self.place_D2,
            self.frame_D,
            torch.from_numpy(self.track_D),
            self.sigma_D,
            self.stack.counts_THW,
            self.found.expected_THW,
            self.stack.read_HW,
        )

    def evidence(self) -> NDArray[np.float64]:
        """(D,) log-likelihood ratios, nats."""
        return log_likelihood_ratios(
            self.found.light,
            self.place_D2,
            self.frame_D,
            self.sigma_D,
            self.stack.counts_THW,
            self.found.expected_THW,
            self.stack.read_HW,
        ).numpy()

    def bounds(self) -> NDArray[np.float64]:
        """(D,) errors √(σx² + σy²) that the light of the own frame allows, if all else is known."""
        by_x_D, by_y_D, _ = self.found.light.information(1 / self._level_THW)
        least = 1e-12  # of what lies beside the frame
        variance_D = 1 / by_x_D.clamp_min(least) + 1 / by_y_D.clamp_min(least)
        return np.asarray(variance_D.sqrt().double().numpy())

    def residuals(self) -> NDArray[np.float64]:
        """(D,) squared residuals over variances, mean of each emitter's patch."""
        left_THW = self.stack.counts_THW - self.found.expected_THW
        light, level_THW = self.found.light, self._level_THW
        sum_D = light.patches(left_THW**2 / level_THW).sum((1, 2))
        pixels_D = (light.patches(level_THW) > 0).sum((1, 2)).clamp_min(1)
        return np.asarray((sum_D / pixels_D).double().numpy())

    @property
    def _level_THW(self) -> torch.Tensor:
        return self.found.expected_THW + self.stack.read_HW


def _single(values: NDArray[np.float64]) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32))
