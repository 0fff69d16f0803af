"""Frames as fitted answers explain them: what everything after a fit is asked of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch

from truevar.imaging.light import LightOnFrames

LEAST_RATE = 1e-3
"""Least that is expected of a pixel, effective counts: what expects nothing forbids anything."""


@dataclass(frozen=True)
class Fitted:
    """D answers, sorted by frame, at the places and with the photons of a fit.

    Attributes:
        light: what they send onto the frames.
        place_D2: (D, 2) their x and y, px.
        frame_D: (D,) int64 their frames.
        track_D: (D,) int64 which of them are one emitter.
        sigma_D: (D,) standard errors of their places along an axis from all else that is known, px.
        near_DM, known_DM: (D, M) the nearest others of the frame, and which of these are near
            enough to matter.
        noisy_THW: (T, H, W) effective counts, and the variance of read noise, which counts as
            Poisson noise.
        level_THW: (T, H, W) what light, background and read noise together make of them.
    """

    light: LightOnFrames
    place_D2: torch.Tensor
    frame_D: torch.Tensor
    track_D: torch.Tensor
    sigma_D: torch.Tensor
    near_DM: torch.Tensor
    known_DM: torch.Tensor
    noisy_THW: torch.Tensor
    level_THW: torch.Tensor

    @property
    def left_THW(self) -> torch.Tensor:
        """(T, H, W) effective counts that are not explained."""
        return self.noisy_THW - self.level_THW

    @cached_property
    def squares(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(D,) sum of squared residuals over variances on each patch, and its pixels."""
        sum_D = self.light.patches(self.left_THW**2 / self.level_THW).sum((1, 2))
        return sum_D, (self.light.patches(self.level_THW) > 0).sum((1, 2))

    def around(self, rows_B: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, 1 + M) some answers, each before its neighbours, and which of these there are."""
        known_BM = self.known_DM[rows_B]
        at_BM = torch.cat([rows_B[:, None], self.near_DM[rows_B]], 1)
        return at_BM, torch.cat([torch.ones_like(known_BM[:, :1]), known_BM], 1)

    def unexplained(self, rows_B: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, P) counts on answers' patches that are not explained, and one over their variance.

        In double precision; 0 beside the frame.
        """
        left_BP, level_BP = (
            self.light.patches(v_THW, rows_B).double().flatten(1)
            for v_THW in (self.left_THW, self.level_THW)
        )
        return left_BP, (level_BP > 0) / level_BP.clamp_min(LEAST_RATE)

    def residuals(self) -> torch.Tensor:
        """(D,) squared residuals over variances, mean of each patch."""
        sum_D, pixels_D = self.squares
        return (sum_D / pixels_D.clamp_min(1)).double()

    def bounds(self) -> torch.Tensor:
        """(D,) errors √(σx² + σy²) that the light of the own frame allows, if all else is known."""
        by_x_D, by_y_D, _ = self.light.information(1 / self.level_THW)
        least = 1e-12  # of what lies beside the frame
        return (1 / by_x_D.clamp_min(least) + 1 / by_y_D.clamp_min(least)).sqrt().double()
