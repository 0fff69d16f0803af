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

from truevar.calibration.imaging_setup import Setup
from truevar.imaging.residual import peaks, significance
from truevar.inference.drawn_again import Drawing, DrawnAgain
from truevar.inference.late_warning import warn_late
from truevar.inference.lone_shapes import shapes_of_lone
from truevar.io.movies.movie import Movie
from truevar.wording import Message, argument

FRAMES = 12
"""Frames looked at, spread evenly over the movie."""

_SIDE = 512
"""Of larger frames so many px in the middle."""

_FEWEST = 8
"""Emitters, or hundreds of dark pixels, without which nothing is said."""

_LEAST_LIT = 50
"""Pixels with light without which a frame says nothing."""

_CHI2_MEDIAN = 0.4549
"""Median of the square of a standard normal number."""

NOISE = (0.45, 2.2)
WIDTH = 0.12
ELLIPSE = 0.08
MISFIT = 0.28
BAD, AWFUL = 2.5, 10.0
"""What is not remarked on. Simulated scenes of the protocol, 0.2 to 4 per µm²: noise 1.0 to 1.7,
widths within 0.02, no ellipse above 0.01, misfits up to 0.2 (uneven background). A gain wrong by
a factor of 3 gives 0.25 or 3.7, a width wrong by 1.3 −0.35 or 0.22, an astigmatic movie an
ellipse of 0.12. What is left (as a reduced χ²) is 1 to 3 in them, 7 and more at 8 per µm²; of a
bead far out of focus 300."""

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
        left: what the emitters leave of a frame where they shine, squared, over what noise leaves
            (a reduced χ²), of the middle one of the frames.
        bad_frames: share of the frames that they explain badly (:data:`BAD`).
        missed: emitters that what is left asks for, for every one in the table and these.
    """

    frames: int
    emitters: int
    noise: float | None
    misfit: float | None
    width: float | None
    ellipse: float | None
    left: float | None = None
    bad_frames: float | None = None
    missed: float | None = None

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
        self._lit: list[float] = []
        self._peaks = self._known = 0
        self._looked_at = 0

    def add(self, columns: Mapping[str, NDArray[Any]], first: int, stop: int) -> None:
        """Look at those chosen of the file's frames [first, stop), whose rows these are."""
        for frame in self.chosen:
            if first <= frame < stop:
                rows = columns["frame"] == frame
                names = ("x", "y", "photons", "sigma_x", "sigma_y")
                self._look_at(frame, *(np.asarray(columns[n][rows], np.float64) for n in names))

    def _look_at(
        self,
        frame: int,
        x_N: Floats,
        y_N: Floats,
        photons_N: Floats,
        sigma_x_N: Floats,
        sigma_y_N: Floats,
    ) -> None:
        px, camera, part = self.used.pixel_size, self.used.camera, self.part
        _, height, width = part.shape
        top, left = max((height - _SIDE) // 2, 0), max((width - _SIDE) // 2, 0)
        rows, cols = slice(top, top + _SIDE), slice(left, left + _SIDE)
        index = frame - part.first_frame
        drawn = Drawing.of(
            x_N / px - part.x0 - left,
            y_N / px - part.y0 - top,
            photons_N / camera.excess,
            np.zeros(len(x_N), np.int64),
            self.sigma,
        )
        seen = drawn.beside(part.read(index, index + 1)[:, rows, cols], camera.crop(rows, cols))
        light_HW, left_HW, variance_HW = (
            v[0] for v in (seen.light_NHW, seen.left_NHW, seen.variance_NHW)
        )
        dark_HW = light_HW < 0.05 * variance_HW.sqrt()
        # Of neighbours the difference: haze and what was missed are smooth, noise is not.
        pair_HW = dark_HW[:, :-1] & dark_HW[:, 1:]
        step_HW = left_HW.diff(dim=1).square() / (variance_HW[:, :-1] + variance_HW[:, 1:])
        self._dark.append(step_HW[pair_HW].double().numpy())
        self._looked_at += 1
        if len(x_N):
            error_N = np.minimum(sigma_x_N, sigma_y_N) / px
            best = seen.fitted(drawn, torch.as_tensor(error_N, dtype=torch.float32))
            self._explained(best)
            self._known += int(drawn.inside(*light_HW.shape).sum())
        self._shape.append(shapes_of_lone(drawn, seen))

    def _explained(self, best: DrawnAgain) -> None:
        """What the best that the emitters can do leaves of a frame."""
        lit_HW = best.light_NHW[0] > 0.3 * best.variance_NHW[0].sqrt()
        if int(lit_HW.sum()) >= _LEAST_LIT:
            squares_HW = best.left_NHW[0].square() / best.variance_NHW[0]
            self._lit.append(float(squares_HW[lit_HW].mean()))
        z_1HW = significance(best.left_NHW, best.variance_NHW, self.sigma)
        self._peaks += len(peaks(z_1HW, self.sigma))

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
            left=float(np.median(self._lit)) if self._lit else None,
            bad_frames=float(np.mean(np.array(self._lit) > BAD)) if self._lit else None,
            missed=self._peaks / max(self._peaks + self._known, 1),
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
    # Of a camera that is wrong the noise where nothing shines says as much.
    left = (fit.left or 0.0) / max(fit.noise or 1.0, 1.0)
    if left > AWFUL:
        lines.append(
            Message(
                f"the emitters explain the frames badly (they leave {left:.0f} times what "
                "noise would): wrong camera, out of focus, another PSF, or too dense; expect errors"
            )
        )
    return lines
