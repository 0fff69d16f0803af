"""Does what was found look like the movie? The emitters drawn again, and held against the frames.

A posterior predictive check: on a few frames the emitters of the finished table are rendered with
the PSF width and the camera that were used, and two questions asked that a table cannot answer.
Is the noise where nothing shines as large as the camera's numbers say? And do emitters that stand
alone look like the PSF: how much of their light lies elsewhere, would another width fit, are they
round? All are medians, so that a few emitters that were missed do not decide.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from truevar.calibration.imaging_setup import Setup
from truevar.imaging.gaussian import render_frames, render_patches
from truevar.inference.late_warning import warn_late
from truevar.io.movies.movie import Movie
from truevar.model.normalise import local_background
from truevar.wording import Message, argument

FRAMES = 12
"""Frames looked at, spread evenly over the movie."""

_SIDE = 512
"""Of larger frames so many px in the middle."""

_ALONE = 7.0
"""PSF widths to the nearest other emitter from which one stands alone."""

_LEAST_SIGNAL = 12.0
"""Light of an emitter over its noise from which its shape can be told."""

_FEWEST = 8
"""Emitters, or hundreds of dark pixels, without which nothing is said."""

_CHI2_MEDIAN = 0.4549
"""Median of the square of a standard normal number."""

NOISE = (0.45, 2.2)
WIDTH = 0.12
ELLIPSE = 0.08
MISFIT = 0.28
"""What is not remarked on. Simulated scenes of the protocol, 0.2 to 4 per µm²: noise 1.0 to 1.7,
widths within 0.02, no ellipse above 0.01, misfits up to 0.2 (uneven background). A gain wrong by
a factor of 3 gives 0.25 or 3.7, a width wrong by 1.3 −0.35 or 0.22, an astigmatic movie an
ellipse of 0.12."""

_STEP = 0.02
"""Relative change of width for its derivative."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """How well the emitters explain the frames that were looked at; None where it cannot be told.

    Attributes:
        frames: looked at.
        emitters: that stand alone and are bright enough to have a shape.
        noise: variance where nothing shines, over what the camera's numbers say.
        misfit: share of an emitter's light (root mean square) that lies elsewhere than its
            PSF says.
        width: relative change of the PSF width that would fit them best.
        ellipse: relative change of it along x, and the other way along y, that would: of either
            sign, root of the square.
    """

    frames: int
    emitters: int
    noise: float | None
    misfit: float | None
    width: float | None
    ellipse: float | None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for a table's ``meta``."""
        return {k: round(v, 3) if isinstance(v, float) else v for k, v in asdict(self).items()}


class PosteriorCheck:
    """Gathers what a movie's frames say while its table grows.

    Args:
        part: the movie's part that is localised.
        used: with its camera and PSF width.
        frames: how many are looked at; 0 for no check at all.
    """

    def __init__(self, part: Movie, used: Setup, frames: int = FRAMES):
        self.part, self.used = part, used
        # In the middle of as many equal spans.
        at = (np.arange(frames) + 0.5) / max(frames, 1) * len(part)
        self.chosen = [part.first_frame + k for k in np.unique(at.astype(int)).tolist()]
        self.sigma = used.psf_sigma / used.pixel_size
        self._dark: list[Floats] = []
        self._shape: list[Floats] = []
        self._looked_at = 0

    def add(self, columns: Mapping[str, NDArray[Any]], first: int, stop: int) -> None:
        """Look at those chosen of the file's frames [first, stop), whose rows these are."""
        for frame in self.chosen:
            if first <= frame < stop:
                rows = columns["frame"] == frame
                place = (columns["x"][rows], columns["y"][rows], columns["photons"][rows])
                self._look_at(frame, *(np.asarray(v, dtype=np.float64) for v in place))

    def _look_at(self, frame: int, x_N: Floats, y_N: Floats, photons_N: Floats) -> None:
        px, camera, part = self.used.pixel_size, self.used.camera, self.part
        _, height, width = part.shape
        top, left = max((height - _SIDE) // 2, 0), max((width - _SIDE) // 2, 0)
        rows, cols = slice(top, top + _SIDE), slice(left, left + _SIDE)
        index = frame - part.first_frame
        counts = camera.to_photons(part.read(index, index + 1))[0] / camera.excess
        counts_HW = torch.as_tensor(np.asarray(counts, np.float32)[rows, cols])
        read = np.broadcast_to(np.asarray(camera.read_variance, np.float32), (height, width))
        read_HW = torch.as_tensor(read[rows, cols] / camera.excess**2)
        H, W = counts_HW.shape
        x_N, y_N = x_N / px - part.x0 - left, y_N / px - part.y0 - top
        tensor_x_N, tensor_y_N, effective_N = (
            torch.as_tensor(v, dtype=torch.float32) for v in (x_N, y_N, photons_N / camera.excess)
        )
        sigma_N = torch.full_like(tensor_x_N, self.sigma)
        image_N = torch.zeros(len(x_N), dtype=torch.int64)
        light_HW = render_frames(tensor_x_N, tensor_y_N, effective_N, image_N, sigma_N, 1, H, W)[0]
        back_HW = local_background((counts_HW - light_HW)[None], read_HW[None])[0]
        variance_HW = (light_HW + back_HW).clamp_min(0.1) + read_HW
        left_HW = counts_HW - light_HW - back_HW
        dark_HW = light_HW < 0.05 * variance_HW.sqrt()
        # Of neighbours the difference: haze and what was missed are smooth, noise is not.
        pair_HW = dark_HW[:, :-1] & dark_HW[:, 1:]
        step_HW = left_HW.diff(dim=1).square() / (variance_HW[:, :-1] + variance_HW[:, 1:])
        self._dark.append(step_HW[pair_HW].double().numpy())
        self._looked_at += 1

        size = 2 * math.ceil(2.5 * self.sigma) + 1
        edge = size // 2 + 1
        alone_N = (x_N > edge) & (x_N < W - 1 - edge) & (y_N > edge) & (y_N < H - 1 - edge)
        if len(x_N) > 1:
            places = np.stack([x_N, y_N], 1)
            alone_N &= cKDTree(places).query(places, k=2)[0][:, 1] > _ALONE * self.sigma
        if not alone_N.any():
            return
        chosen = torch.as_tensor(alone_N)
        patches = [
            render_patches(
                tensor_x_N[chosen],
                tensor_y_N[chosen],
                effective_N[chosen],
                sigma_N[chosen] * by_x,
                sigma_N[chosen] * by_y,
                size,
            )
            for by_x, by_y in (
                (1, 1),
                (1 + _STEP, 1),
                (1 - _STEP, 1),
                (1, 1 + _STEP),
                (1, 1 - _STEP),
            )
        ]
        column_N, row_N = patches[0][1:]
        near = torch.arange(size)
        at = ((row_N[:, None] + near)[:, :, None], (column_N[:, None] + near)[:, None, :])
        self._shape.append(
            _shapes(
                _flat(patches[0][0]),
                _flat((patches[1][0] - patches[2][0]) / (2 * _STEP)),
                _flat((patches[3][0] - patches[4][0]) / (2 * _STEP)),
                _flat(left_HW[at]),
                _flat(variance_HW[at]),
            )
        )

    def tell(self, announce: Callable[[Setup], None] | None) -> dict[str, Any]:
        """Warn of what does not fit; what there is to say for a table's ``meta``."""
        if not self._looked_at:
            return {}
        fit = self.fit()
        for line in doubts(fit, self.used):
            warn_late(line, self.used, announce, stacklevel=5)
        return {"fit": fit.as_dict()}

    def fit(self) -> Fit:
        """What all frames so far say together."""
        dark = np.concatenate([*self._dark, np.zeros(0)])
        shape = np.concatenate([*self._shape, np.zeros((0, 3))])
        told = len(shape) >= _FEWEST
        return Fit(
            frames=self._looked_at,
            emitters=len(shape),
            noise=float(np.median(dark) / _CHI2_MEDIAN) if len(dark) >= 100 * _FEWEST else None,
            misfit=math.sqrt(max(float(np.median(shape[:, 0])), 0.0)) if told else None,
            width=float(np.median(shape[:, 1])) if told else None,
            ellipse=math.sqrt(max(float(np.median(shape[:, 2])), 0.0)) if told else None,
        )


def doubts(fit: Fit, used: Setup) -> list[Message]:
    """What a fit says may be wrong, one line each; none if all is as it should be."""
    lines: list[Message] = []
    fits = fit.noise is None or NOISE[0] < fit.noise < NOISE[1]
    # Numbers that were stated have been held against the movie's noise before it was localised.
    if not fits and "estimated" in used.camera.source:
        camera = argument("camera", dict.fromkeys(("e_per_adu", "em_gain", "baseline")))
        lines.append(
            Message(
                f"where nothing shines the movie's noise (variance) is {fit.noise:.2g} times what "
                f"the estimated camera makes, so photons and errors may be wrong too; give {camera}"
            )
        )
    if fit.width is not None and abs(fit.width) > WIDTH:
        better = used.psf_sigma * (1 + max(fit.width, -0.5))
        how = "wider" if fit.width > 0 else "narrower"
        lines.append(
            Message(
                f"emitters that stand alone are {how} than the PSF of {used.psf_sigma:.0f} nm that "
                f"was used; try {argument('psf_sigma', round(better))}"
            )
        )
    elif fit.ellipse is not None and fit.ellipse > ELLIPSE:
        lines.append(
            Message(
                f"emitters that stand alone are elliptical (by {fit.ellipse:.0%}), as with an "
                "astigmatic lens or out of focus; the model knows round ones only: expect errors"
            )
        )
    elif fits and fit.misfit is not None and fit.misfit > MISFIT:
        lines.append(
            Message(
                f"{fit.misfit:.0%} of the light of emitters that stand alone is not where a "
                f"Gaussian PSF of {used.psf_sigma:.0f} nm has it: expect errors"
            )
        )
    return lines


def _flat(patch_Nss: torch.Tensor) -> Floats:
    return np.asarray(patch_Nss.flatten(1).double().numpy())


def _shapes(
    light_NP: Floats, wider_NP: Floats, taller_NP: Floats, left_NP: Floats, variance_NP: Floats
) -> Floats:
    """(M, 3) squared misfit, relative change of width, squared ellipticity, of the bright ones.

    Args:
        light_NP: (N, P) an emitter's light in the pixels around it.
        wider_NP, taller_NP: its derivatives by the logarithm of the width along x and y.
        left_NP: what is left of the frame there.
        variance_NP: of its noise.
    """
    bright = (light_NP**2 / variance_NP).sum(1) > _LEAST_SIGNAL**2
    found = []
    for light, wider, taller, left, variance in zip(
        *(v[bright] for v in (light_NP, wider_NP, taller_NP, left_NP, variance_NP)), strict=True
    ):
        # Brightness, both widths and ground may each be a little off: least squares.
        weight = 1 / np.sqrt(variance)
        design = np.stack([light, wider, taller, np.ones_like(light)], 1) * weight[:, None]
        inverse = np.linalg.pinv(design.T @ design)
        change = inverse @ (design.T @ (left * weight))
        scale = 1 + change[0]
        across = np.array([0, 0.5, -0.5, 0])
        ellipse = ((across @ change) ** 2 - across @ inverse @ across) / scale**2
        misfit = (left**2 - variance).sum() / (light**2).sum()
        found.append((misfit, (change[1] + change[2]) / 2 / scale, ellipse))
    return np.array(found).reshape(-1, 3)
