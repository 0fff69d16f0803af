"""Better places for a network's emitters, as far as the fit is to be believed.

A fit that knows every emitter is better than the network; where one is missing from the list, its
light pulls the others astray, further than their errors allow. So the further it takes an emitter,
in the network's own errors, the less of the way it goes (docs/results/refinement.md).

Answers that the fit shows to stand for two emitters (:mod:`truevar.refinement.told_apart`) become
two, and everything is fitted once more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from truevar.refinement.error_scale import NAMES, ErrorScale, circumstances
from truevar.refinement.evidence import log_likelihood_ratios
from truevar.refinement.stack import Answers, Stack
from truevar.refinement.told_apart import Pairs, told_apart

TRUST = 1.5
"""A way of so many standard errors is gone to exp(-1/2), a shorter one nearly to its end."""

GAIN = 0.15
"""Errors shrink as the emitter's number of frames to this power, measured ..."""

MOST_FRAMES = 5
"""... up to so many frames."""


@dataclass(frozen=True)
class RefinedAnswers:
    """What becomes of D answers: themselves, then E more that were one with one of them.

    Attributes:
        x_R, y_R: (D + E,) places, px.
        sigma_x_R, sigma_y_R: their standard errors, px.
        photons_R, sigma_photons_R: effective counts; the answers' own where they stand for one
            emitter.
        llr_R: by how much each makes its frame more likely, nats
            (:func:`truevar.refinement.evidence.log_likelihood_ratios`).
        answer_R: int64, the answer that each comes from: 0 to D - 1, then those of the others.
        of_pair_R: bool, which are two where there was one.
        known_RQ: (D + E, Q) what is known of each
            (:data:`truevar.refinement.error_scale.NAMES`).
    """

    x_R: NDArray[np.float64]
    y_R: NDArray[np.float64]
    sigma_x_R: NDArray[np.float64]
    sigma_y_R: NDArray[np.float64]
    photons_R: NDArray[np.float64]
    sigma_photons_R: NDArray[np.float64]
    llr_R: NDArray[np.float64]
    answer_R: NDArray[np.int64]
    of_pair_R: NDArray[np.bool_]
    known_RQ: NDArray[np.float64]


def refine(
    answers: Answers,
    counts_THW: NDArray[np.float32],
    read_HW: NDArray[np.float32],
    psf_sigma: float,
    error_scale: ErrorScale | None = None,
) -> RefinedAnswers:
    """Better places, with the errors that remain, and what was two.

    Args:
        answers: all that explain the frames, doubtful ones too: what lacks pulls the others.
        counts_THW: (T, H, W) successive frames in effective counts.
        read_HW: (H, W) variance of their read noise, effective.
        psf_sigma: width of the PSF, px.
        error_scale: what the answers' errors are to be multiplied by; by the number of an emitter's
            frames alone if None.
    """
    if not len(answers.frame_D):
        none = np.zeros(0)
        known_0Q = np.zeros((0, len(NAMES)))
        never = np.zeros(0, dtype=bool)
        return RefinedAnswers(
            none, none, none, none, none, none, none, answers.frame_D, never, known_0Q
        )
    stack = Stack(torch.from_numpy(counts_THW), torch.from_numpy(read_HW), psf_sigma)
    fitted = stack.fit(answers)
    pairs = told_apart(fitted)
    answer_R, of_pair_R = np.arange(len(answers.frame_D)), np.zeros(len(answers.frame_D), bool)
    order = answer_R
    if len(pairs.host_P):
        answers, answer_R, of_pair_R = _in_two(answers, pairs)
        order = np.argsort(answers.frame_D, kind="stable")
        fitted = stack.fit(answers.select(order))
    sorted_to = np.argsort(order)
    x_R, y_R = fitted.place_D2.double().numpy()[sorted_to].T
    x_R, y_R = x_R - answers.x_D, y_R - answers.y_D
    way_R = np.hypot(x_R / answers.sigma_x_D, y_R / answers.sigma_y_D)
    trust_R = np.where(of_pair_R, 1.0, np.exp(-0.5 * (way_R / TRUST) ** 2))
    x_R, y_R = answers.x_D + trust_R * x_R, answers.y_D + trust_R * y_R
    track_R = fitted.track_D.numpy()[sorted_to]
    frames_R = np.bincount(track_R)[track_R]
    known_RQ = circumstances(
        answers.frame_D,
        np.stack([x_R, y_R], 1),
        np.hypot(answers.sigma_x_D, answers.sigma_y_D),
        fitted.bounds().numpy()[sorted_to],
        frames_R,
        way_R,
        fitted.residuals().numpy()[sorted_to],
        answers.photons_D,
        psf_sigma,
    )
    scale_R = np.minimum(frames_R, MOST_FRAMES) ** -GAIN
    if error_scale is not None:
        # Those of a pair come from a fit of its own.
        scale_R = np.where(of_pair_R, scale_R, error_scale(known_RQ))
    photons_R = fitted.light.photons_D.double().numpy()[sorted_to]
    return RefinedAnswers(
        x_R,
        y_R,
        answers.sigma_x_D * scale_R,
        answers.sigma_y_D * scale_R,
        np.where(of_pair_R, photons_R, answers.photons_D),
        answers.sigma_photons_D,
        log_likelihood_ratios(fitted).numpy()[sorted_to],
        answer_R,
        of_pair_R,
        known_RQ,
    )


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
