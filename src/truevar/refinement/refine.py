"""Better places for a network's emitters, as far as the fit is to be believed.

A fit that knows every emitter is better than the network; where one is missing from the list, its
light pulls the others astray, further than their errors allow. So the further it takes an emitter,
in the network's own errors, the less of the way it goes (docs/results/refinement.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from truevar.refinement.evidence import log_likelihood_ratios
from truevar.refinement.fisher_scoring import Fit, JointFit
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
    """

    frame_D: NDArray[np.int64]
    x_D: NDArray[np.float64]
    y_D: NDArray[np.float64]
    sigma_x_D: NDArray[np.float64]
    sigma_y_D: NDArray[np.float64]
    photons_D: NDArray[np.float64]


@dataclass(frozen=True)
class Refined:
    """What changes in the answers, and what the frames say for each of them.

    Attributes:
        x_D, y_D: (D,) places, px.
        sigma_x_D, sigma_y_D: (D,) their standard errors, px.
        llr_D: (D,) by how much each makes its frame more likely, nats
            (:func:`truevar.refinement.evidence.log_likelihood_ratios`).
    """

    x_D: NDArray[np.float64]
    y_D: NDArray[np.float64]
    sigma_x_D: NDArray[np.float64]
    sigma_y_D: NDArray[np.float64]
    llr_D: NDArray[np.float64]


def refine(
    answers: Answers,
    counts_THW: NDArray[np.float32],
    read_HW: NDArray[np.float32],
    psf_sigma: float,
) -> Refined:
    """Better places, with the errors that remain.

    Args:
        answers: all that explain the frames, doubtful ones too: what lacks pulls the others.
        counts_THW: (T, H, W) successive frames in effective counts.
        read_HW: (H, W) variance of their read noise, effective.
        psf_sigma: width of the PSF, px.
    """
    if not len(answers.frame_D):
        return Refined(*(np.zeros(0) for _ in range(5)))
    length_D = np.hypot(answers.sigma_x_D, answers.sigma_y_D)
    track_D = tracks_of(answers.frame_D, answers.x_D, answers.y_D, length_D, psf_sigma)
    weight_D = 1 / length_D**2
    weight_K = np.bincount(track_D, weight_D)
    start_K2 = np.stack(
        [np.bincount(track_D, weight_D * v_D) / weight_K for v_D in (answers.x_D, answers.y_D)], 1
    )
    # Errors of successive frames go together: the mean is no better than the best of them.
    best_K = np.full(len(weight_K), np.inf)
    np.minimum.at(best_K, track_D, np.minimum(answers.sigma_x_D, answers.sigma_y_D))
    counts, read = torch.from_numpy(counts_THW), torch.from_numpy(read_HW)
    frame_D, row_D = torch.from_numpy(answers.frame_D), torch.from_numpy(track_D)
    found = JointFit(
        counts,
        read,
        frame_D,
        row_D,
        Fit(_single(start_K2), _single(answers.photons_D)),
        _single(best_K),
        psf_sigma,
    ).run()
    fitted_D2 = found.fit.place_K2[row_D]
    llr_D = log_likelihood_ratios(
        found.light,
        fitted_D2,
        frame_D,
        _single(best_K)[row_D],
        counts,
        found.expected_THW,
        read,
    )
    place_D2 = fitted_D2.double().numpy()
    x_D, y_D = place_D2[:, 0] - answers.x_D, place_D2[:, 1] - answers.y_D
    way_D = np.hypot(x_D / answers.sigma_x_D, y_D / answers.sigma_y_D)
    trust_D = np.exp(-0.5 * (way_D / TRUST) ** 2)
    frames_D = np.minimum(np.bincount(track_D)[track_D], MOST_FRAMES)
    gain_D = frames_D**-GAIN
    return Refined(
        answers.x_D + trust_D * x_D,
        answers.y_D + trust_D * y_D,
        answers.sigma_x_D * gain_D,
        answers.sigma_y_D * gain_D,
        llr_D.numpy(),
    )


def _single(values: NDArray[np.float64]) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32))
