"""Better places for a network's emitters, as far as the fit is to be believed.

A fit that knows every emitter is better than the network; where one is missing from the list, its
light pulls the others astray, further than their errors allow. So the further it takes an emitter,
in the network's own errors, the less of the way it goes (docs/results/refinement.md).

Answers that the fit shows to stand for two emitters (:mod:`truevar.refinement.told_apart`) become
two, and everything is fitted once more.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray

from truevar.refinement.evidence import log_likelihood_ratios
from truevar.refinement.fisher_scoring import Explained, Fit, JointFit
from truevar.refinement.told_apart import Pairs, told_apart
from truevar.refinement.tracks import tracks_of

TRUST = 1.5
"""A way of so many standard errors is gone to exp(-1/2), a shorter one nearly to its end."""

GAIN = 0.15
"""Errors shrink as the emitter's number of frames to this power, measured ..."""

MOST_FRAMES = 5
"""... up to so many frames."""


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
class Refined:
    """What becomes of D answers: themselves, then E more that were one with one of them.

    Attributes:
        x_R, y_R: (D + E,) places, px.
        sigma_x_R, sigma_y_R: their standard errors, px.
        photons_R, sigma_photons_R: effective counts; the answers' own where they stand for one
            emitter.
        llr_R: by how much each makes its frame more likely, nats
            (:func:`truevar.refinement.evidence.log_likelihood_ratios`).
        answer_R: int64, the answer that each comes from: 0 to D - 1, then those of the others.
    """

    x_R: NDArray[np.float64]
    y_R: NDArray[np.float64]
    sigma_x_R: NDArray[np.float64]
    sigma_y_R: NDArray[np.float64]
    photons_R: NDArray[np.float64]
    sigma_photons_R: NDArray[np.float64]
    llr_R: NDArray[np.float64]
    answer_R: NDArray[np.int64]


def refine(
    answers: Answers,
    counts_THW: NDArray[np.float32],
    read_HW: NDArray[np.float32],
    psf_sigma: float,
) -> Refined:
    """Better places, with the errors that remain, and what was two.

    Args:
        answers: all that explain the frames, doubtful ones too: what lacks pulls the others.
        counts_THW: (T, H, W) successive frames in effective counts.
        read_HW: (H, W) variance of their read noise, effective.
        psf_sigma: width of the PSF, px.
    """
    answer_R = np.arange(len(answers.frame_D))
    if not len(answer_R):
        none = np.zeros(0)
        return Refined(none, none, none, none, none, none, none, answer_R)
    stack = _Stack(torch.from_numpy(counts_THW), torch.from_numpy(read_HW), psf_sigma)
    fitted = stack.fit(answers)
    pairs = stack.pairs(fitted)
    certain_R = np.zeros(len(answer_R), dtype=bool)
    if len(pairs.host_P):
        answers, answer_R, certain_R = _in_two(answers, pairs)
        order = np.argsort(answers.frame_D, kind="stable")
        fitted = stack.fit(answers.select(order))
        back = np.argsort(order)
    else:
        back = answer_R
    llr_R = stack.evidence(fitted)[back]
    place_R2 = fitted.place_D2.double().numpy()[back]
    way_R2 = place_R2 - np.stack([answers.x_D, answers.y_D], 1)
    error_R = np.hypot(way_R2[:, 0] / answers.sigma_x_D, way_R2[:, 1] / answers.sigma_y_D)
    trust_R = np.where(certain_R, 1.0, np.exp(-0.5 * (error_R / TRUST) ** 2))
    track_D = fitted.track_D[back]
    gain_R = np.minimum(np.bincount(track_D)[track_D], MOST_FRAMES) ** -GAIN
    photons_D = fitted.found.fit.photons_D.double().numpy()[back]
    return Refined(
        answers.x_D + trust_R * way_R2[:, 0],
        answers.y_D + trust_R * way_R2[:, 1],
        answers.sigma_x_D * gain_R,
        answers.sigma_y_D * gain_R,
        np.where(certain_R, photons_D, answers.photons_D),
        answers.sigma_photons_D,
        llr_R,
        answer_R,
    )


@dataclass(frozen=True)
class _Fitted:
    """A fit of D answers, sorted by frame, and which of them are one emitter."""

    frame_D: torch.Tensor
    track_D: NDArray[np.int64]
    sigma_D: torch.Tensor
    found: Explained

    @property
    def place_D2(self) -> torch.Tensor:
        return self.found.fit.place_K2[torch.from_numpy(self.track_D)]


@dataclass(frozen=True)
class _Stack:
    """Frames that are explained together."""

    counts_THW: torch.Tensor
    read_HW: torch.Tensor
    psf_sigma: float

    def fit(self, answers: Answers) -> _Fitted:
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
        return _Fitted(frame_D, track_D, _single(best_K[track_D]), found)

    def pairs(self, fitted: _Fitted) -> Pairs:
        return told_apart(
            fitted.found.light,
            fitted.place_D2,
            fitted.frame_D,
            torch.from_numpy(fitted.track_D),
            fitted.sigma_D,
            self.counts_THW,
            fitted.found.expected_THW,
            self.read_HW,
        )

    def evidence(self, fitted: _Fitted) -> NDArray[np.float64]:
        return log_likelihood_ratios(
            fitted.found.light,
            fitted.place_D2,
            fitted.frame_D,
            fitted.sigma_D,
            self.counts_THW,
            fitted.found.expected_THW,
            self.read_HW,
        ).numpy()


def _in_two(answers: Answers, pairs: Pairs) -> tuple[Answers, NDArray[np.int64], NDArray[np.bool_]]:
    """Answers with the second ones behind, the answer of each, and which are of a pair."""
    host_P = pairs.host_P.numpy()
    place_P22, error_P22 = pairs.place_P22.numpy(), pairs.error_P22.numpy()
    photons_P2, sigma_P2 = pairs.photons_P2.numpy(), pairs.sigma_photons_P2.numpy()
    answer_R = np.concatenate([np.arange(len(answers.frame_D)), host_P])
    found = answers.select(answer_R)
    for k, row_P in enumerate((host_P, len(answers.frame_D) + np.arange(len(host_P)))):
        found.x_D[row_P], found.y_D[row_P] = place_P22[:, k].T
        found.sigma_x_D[row_P], found.sigma_y_D[row_P] = error_P22[:, k].T
        found.photons_D[row_P], found.sigma_photons_D[row_P] = photons_P2[:, k], sigma_P2[:, k]
    return found, answer_R, np.isin(answer_R, host_P)


def _single(values: NDArray[np.float64]) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32))
