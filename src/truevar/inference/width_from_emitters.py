"""The PSF's width from the model's own emitters, where spots overlap and none stands alone.

A few frames are localised with a first guess and their emitters, weighted by their probability,
drawn again. If all of them were a little wider than drawn, what is left of the frames would look
like the derivative of their light by the width: least squares, weighted by the variance of the
noise, tell by how much (one step of Fisher scoring of the width, with brightness and ground free).
Then again with the better width. Emitters that are taken for one make others wider, but their
probabilities know of it: simulated at 1 to 4 per µm² the step is within 1.5 % of none at the true
width, and within 0.05 of what it should be a quarter away from it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from truevar.calibration.imaging_setup import Setup
from truevar.calibration.psf_width import DOUBT, ESTIMATE
from truevar.camera import Camera
from truevar.inference.decode import Candidates
from truevar.inference.drawn_again import Drawing
from truevar.inference.engine import Engine
from truevar.io.camera_file import ASSUMED, BY_WIDTH
from truevar.io.movies.movie import Movie, check_values
from truevar.model.weights import TrainedModel

Floats = NDArray[np.float64]

_RUNS, _LENGTH, _SIDE = 4, 3, 64
"""Runs of successive frames that are looked at, frames of each, and px of the window."""

_STEPS = 5
_ENOUGH = 0.008
"""A relative change of width that ends the search."""

_BEYOND = 1.1
"""How far outside the model's domain a width may come to lie: at its end half of the answers do."""

_CLOSE = 0.04
"""A last change up to which the search has found something."""

_SURE = 0.06
"""Error of a frame's own answer, relative, up to which it is heard."""

_FEWEST = 3
"""Frames without which there is no answer."""

_CROWDED = 0.5
"""Emitters within three widths of a place from which overlaps are the rule."""

_SMALLEST = 24
"""Px of a frame's side below which borders decide too much."""

_AGREES = 0.04
"""Relative difference up to which single spots, that tell without a model, are believed."""

_CLEAR = 6.0
"""Standard errors by which a movie of few emitters must contradict its single spots.

Frames that follow each other share emitters, so the error of their median is larger than told:
simulated, false alarms reached 3.4 and spots that are all pairs began at 10."""

_LEAST_PROB = 0.1
_STEP = 0.02


@dataclass(frozen=True)
class FoundWidth:
    """What :func:`width_from_emitters` found.

    Attributes:
        sigma_px: standard deviation of the Gaussian PSF in px, to a two-hundredth.
        per_px: emitters per px of the windows that were looked at.
        error: standard error of the width, relative, as the scatter of the frames tells it.
    """

    sigma_px: float
    per_px: float
    error: float

    @property
    def overlapping(self) -> bool:
        """Whether so many emitters make spots of all shapes by overlapping."""
        return self.per_px * math.pi * (3 * self.sigma_px) ** 2 > _CROWDED

    def contradicts(self, sigma_px: float) -> bool:
        """Whether a width by single spots that looks sound is better replaced by this one.

        Where emitters are few, spots are many enough and this answer is the noisier; what may go
        wrong with spots there is that each is several emitters, which makes them wider only.
        """
        change = self.sigma_px / sigma_px - 1
        if self.overlapping:
            return abs(change) > _AGREES
        return change < -max(_AGREES, _CLEAR * self.error)


@dataclass(frozen=True)
class _Window:
    """Successive frames of a part of the field, and its camera."""

    frames_nHW: NDArray[np.generic]
    camera: Camera


def width_from_emitters(
    model: TrainedModel, part: Movie, camera: Camera, guess: float, precision: str = "auto"
) -> FoundWidth | None:
    """The width of the PSF that a model's own emitters fit best.

    Args:
        model: it looks for the emitters.
        part: the movie's part that is localised.
        camera: of that part.
        guess: px, to begin with.
        precision: of the model's numbers, as for :class:`truevar.inference.engine.Engine`.

    Returns:
        None where the frames do not tell, or the width is one that the model does not know.
    """
    low, high = model.domain.get("psf_sigma", (0.0, math.inf))
    if min(part.shape[1:]) < _SMALLEST:
        return None
    windows = list(_windows(part, camera))
    sigma, change, per_px, error = float(np.clip(guess, low, high)), math.inf, 0.0, math.inf
    for _ in range(_STEPS):
        looks = [_look(model, one, sigma, precision) for one in windows]
        found = np.concatenate([change_m for change_m, _ in looks])
        per_px = float(np.mean([crowd for _, crowd in looks]))
        if len(found) < _FEWEST:
            return None
        change = float(np.median(found))
        error = 1.25 * float(found.std(ddof=1)) / math.sqrt(len(found))  # 1.25: of a median
        # Far away the light is no straight line in the width.
        sigma *= 1 + float(np.clip(change, -0.25, 0.35))
        if not low / _BEYOND <= sigma <= high * _BEYOND:
            return None
        if abs(change) < _ENOUGH:
            break
    if abs(change) >= _CLOSE:
        return None
    return FoundWidth(round(200 * sigma) / 200, per_px, error)


def settle_width(model: TrainedModel, part: Movie, used: Setup, precision: str) -> None:
    """Put the model's own answer in place of an estimate by single spots that is doubtful or off.

    Args:
        model, part, precision: as for :func:`width_from_emitters`.
        used: whose PSF width is an estimate.
    """
    px = used.pixel_size
    found = width_from_emitters(model, part, used.camera, used.psf_sigma / px, precision)
    if found is None:
        return
    doubtful = any(line.startswith(DOUBT) for line in used.warnings)
    if not doubtful and not found.contradicts(used.psf_sigma / px):
        return
    guessed = used.sources["psf_sigma"] == ASSUMED
    used.psf_sigma, used.sources["psf_sigma"] = found.sigma_px * px, BY_WIDTH
    used.notes[:] = [line for line in used.notes if not line.startswith(ESTIMATE)]
    used.notes.append(
        f"{ESTIMATE} from the emitters that the model finds in a few frames: "
        f"{used.psf_sigma:.0f} nm ({found.sigma_px:.2f} px)"
    )
    if guessed or found.overlapping:
        # Spots that no width describes are what overlaps make.
        used.warnings[:] = [line for line in used.warnings if not line.startswith(DOUBT)]


def _windows(part: Movie, camera: Camera) -> Iterator[_Window]:
    """Runs spread over the movie, each where most of it shines."""
    n, height, width = part.shape
    starts = np.unique(np.linspace(0, max(n - _LENGTH, 0), _RUNS).astype(int)).tolist()
    for start in starts:
        block = part.read(start, min(start + _LENGTH, n))
        check_values(block, part.first_frame + start)
        counts_HW = camera.to_photons(block).mean(0)
        noise_HW = np.sqrt(np.maximum(camera.excess * uniform_filter(counts_HW, 15), 0.1))
        bright_HW = uniform_filter(counts_HW, 3) - uniform_filter(counts_HW, 15) > noise_HW
        # Counted, not summed: a bead is bright, but is one.
        share_HW = uniform_filter(bright_HW.astype(np.float32), _SIDE, mode="constant")
        row, col = np.unravel_index(int(share_HW.argmax()), share_HW.shape)
        top, left = (
            int(np.clip(middle - _SIDE // 2, 0, max(side - _SIDE, 0)))
            for middle, side in ((row, height), (col, width))
        )
        rows = slice(top, min(top + _SIDE, height))
        cols = slice(left, min(left + _SIDE, width))
        yield _Window(block[:, rows, cols], camera.crop(rows, cols))


def _look(
    model: TrainedModel, window: _Window, sigma: float, precision: str
) -> tuple[Floats, float]:
    """Relative changes of width that a window's frames surely ask for; emitters per px."""
    camera = window.camera
    n, H, W = window.frames_nHW.shape
    engine = Engine(model, camera, sigma, H, W, _LEAST_PROB, precision=precision)
    parts, first = [], 0
    for found, count in engine.run([window.frames_nHW]):
        found.image += first
        first += count
        parts.append(found)
    found = Candidates.concat(parts)
    light_M = found.photons * found.prob / camera.excess
    drawn = Drawing.of(found.x, found.y, light_M, found.image, sigma)
    seen = drawn.beside(window.frames_nHW, camera)
    light_nHW, left_nHW, variance_nHW = seen.light_NHW, seen.left_NHW, seen.variance_NHW
    wider, narrower = (drawn.on_frames((n, H, W), by) for by in (1 + _STEP, 1 - _STEP))
    slope_nHW = (wider - narrower) / (2 * _STEP)
    answers = []
    for k in range(n):
        lit_HW = light_nHW[k] > 0.3 * variance_nHW[k].sqrt()
        weight_P = variance_nHW[k][lit_HW].double().rsqrt()
        columns = (light_nHW[k][lit_HW], slope_nHW[k][lit_HW], torch.ones_like(weight_P))
        design_P3 = torch.stack([c.double() for c in columns], 1) * weight_P[:, None]
        left_P = left_nHW[k][lit_HW].double() * weight_P
        inverse_33 = torch.linalg.pinv(design_P3.T @ design_P3)
        change_3 = inverse_33 @ (design_P3.T @ left_P)
        if 0 < float(inverse_33[1, 1]) < _SURE**2:
            answers.append(float(change_3[1] / (1 + change_3[0])))
    return np.array(answers), float(found.prob.sum()) / (n * H * W)
