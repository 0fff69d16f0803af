"""Frames that are explained together, and the answers that are fitted to them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray

from truevar.refinement.fisher_scoring import Fit, JointFit
from truevar.refinement.fitted import Fitted
from truevar.refinement.tangents import neighbours_of
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
        one_of_D = torch.from_numpy(track_D)
        frame_D = torch.from_numpy(answers.frame_D)
        found = JointFit(
            self.counts_THW,
            self.read_HW,
            frame_D,
            one_of_D,
            Fit(_single(start_K2), _single(answers.photons_D)),
            _single(best_K),
            self.psf_sigma,
        ).run()
        place_D2 = found.fit.place_K2[one_of_D]
        return Fitted(
            found.light,
            place_D2,
            frame_D,
            one_of_D,
            _single(best_K[track_D]),
            *neighbours_of(place_D2, frame_D, self.psf_sigma),
            self.counts_THW + self.read_HW,
            found.expected_THW + self.read_HW,
        )


def _single(values: NDArray[np.float64]) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32))
