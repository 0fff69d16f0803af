"""Frames beside what their emitters make of them, drawn by the imaging model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from truevar.camera import Camera
from truevar.imaging.gaussian import render_frames
from truevar.model.normalise import local_background
from truevar.refinement.fisher_scoring import Fit, JointFit


@dataclass(frozen=True)
class DrawnAgain:
    """Frames and what explains them, in effective counts.

    Attributes:
        counts_NHW: the camera's.
        light_NHW: of the emitters.
        back_NHW: the background that is left.
        read_HW: variance of the camera's read noise.
    """

    counts_NHW: torch.Tensor
    light_NHW: torch.Tensor
    back_NHW: torch.Tensor
    read_HW: torch.Tensor

    def fitted(self, drawing: Drawing, error_M: torch.Tensor) -> DrawnAgain:
        """With the places and photons that explain these frames best.

        What a table's rounding and the errors of bright emitters leave is gone then; what remains
        no place and no photons of theirs can explain.

        Args:
            drawing: the emitters, at least one.
            error_M: (M,) standard errors of their places along an axis, px.
        """
        track_M = torch.arange(len(drawing.x_M))
        start = Fit(torch.stack([drawing.x_M, drawing.y_M], 1), drawing.light_M)
        found = JointFit(
            self.counts_NHW,
            self.read_HW,
            drawing.image_M,
            track_M,
            start,
            error_M.clamp_min(1e-3),
            drawing.psf_sigma,
        ).run()
        light_NHW = found.light.expected()
        return DrawnAgain(self.counts_NHW, light_NHW, found.expected_THW - light_NHW, self.read_HW)

    @property
    def left_NHW(self) -> torch.Tensor:
        """What nothing explains."""
        return self.counts_NHW - self.light_NHW - self.back_NHW

    @property
    def variance_NHW(self) -> torch.Tensor:
        """Of the noise that light, background and camera make."""
        return (self.light_NHW + self.back_NHW).clamp_min(0.1) + self.read_HW


@dataclass(frozen=True)
class Drawing:
    """Emitters of some frames, in pixels of these.

    Attributes:
        x_M, y_M: (M,) px.
        light_M: (M,) effective counts.
        image_M: (M,) int64 frame.
        psf_sigma: px.
    """

    x_M: torch.Tensor
    y_M: torch.Tensor
    light_M: torch.Tensor
    image_M: torch.Tensor
    psf_sigma: float

    @classmethod
    def of(
        cls,
        x_M: NDArray[np.float64],
        y_M: NDArray[np.float64],
        light_M: NDArray[np.float64],
        image_M: NDArray[np.int64],
        psf_sigma: float,
    ) -> Drawing:
        """From arrays."""
        x, y, light = (torch.as_tensor(v, dtype=torch.float32) for v in (x_M, y_M, light_M))
        return cls(x, y, light, torch.as_tensor(image_M), psf_sigma)

    def inside(self, height: int, width: int, edge: float = -0.5) -> torch.Tensor:
        """(M,) which lie in frames of that size, further than ``edge`` px from the middle of the
        outermost pixels."""
        at_x = (self.x_M > edge) & (self.x_M < width - 1 - edge)
        return at_x & (self.y_M > edge) & (self.y_M < height - 1 - edge)

    def on_frames(self, shape: tuple[int, int, int], wider: float = 1.0) -> torch.Tensor:
        """(N, H, W) their light, with a PSF so many times as wide."""
        sigma_M = torch.full_like(self.x_M, wider * self.psf_sigma)
        return render_frames(self.x_M, self.y_M, self.light_M, self.image_M, sigma_M, *shape)

    def beside(self, frames_NHW: NDArray[np.generic], camera: Camera) -> DrawnAgain:
        """Frames in ADU, taken with a camera of their size, beside the emitters' light."""
        n, H, W = frames_NHW.shape
        counts = camera.to_photons(frames_NHW) / camera.excess
        counts_NHW = torch.as_tensor(np.asarray(counts, np.float32))
        read = np.broadcast_to(np.asarray(camera.read_variance, np.float32), (H, W))
        read_HW = torch.as_tensor(read / camera.excess**2)
        light_NHW = self.on_frames((n, H, W))
        back_NHW = local_background(counts_NHW - light_NHW, read_HW[None])
        return DrawnAgain(counts_NHW, light_NHW, back_NHW, read_HW)
