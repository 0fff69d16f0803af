"""Is the stated camera the one that took this movie? Its own noise is the witness.

Variance against brightness, as photon transfer measures it, is held against what the stated
numbers predict. Only a disagreement by a factor is told, once, in one line with the number
that would fit: real calibrations are off by some per cent, and nobody should be asked about
those. Read noise may be off by a factor of two, the baseline by two ADU.

Measured on 300 simulated movies over the training domain (seeds kept apart from those the
thresholds were chosen on; 16 to 128 px, 2 to 100 frames, sCMOS, EMCCD, maps, haze): none of
300 with the right numbers is doubted; one of 300 others was, before the error of low noise
was mended for it. All of 221 baselines 1000 ADU above the background are told, of gains off
by 100 all 140, of EMCCDs told as gain 1 all 81. Of gains off by 2.2 three quarters are told,
of an EMCCD's missing excess noise (a factor of 2) 47 of 81, of both all in movies of at least
50,000 px. The first number is within 30 % of the truth in 90, 76 and 88 % of the first three
(97, 71 and 97 % from 50,000 px): a camera below 0.17 electrons per ADU is taken for an EMCCD
first, and its own number is the second.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truevar.calibration.camera_advice import baseline_advice, gain_advice, looks_multiplied
from truevar.calibration.photon_transfer import (
    SURE,
    TransferCurve,
    darkest,
    estimate_camera,
    fit_line,
    fit_through,
    misfit_of,
    transfer_curve,
)
from truevar.camera import Camera
from truevar.wording import Message, argument

FACTOR = 1.6
"""Noise this many times above or below what the camera's numbers predict is told. An EMCCD
stated without its EM gain, but with the right product, is off by 2."""

_SLACK = 1.0  # ADU by which the baseline may be off
_READ_SLACK = 1.5  # times by which read noise may be
_CLEARLY = 1.4  # where brightness varies and its slope is off by FACTOR, this is enough
_DARKER = 0.3  # quantile of the bins
_BELOW = 0.05  # share of pixels darker than darkness
_WORSE = 25.0  # misfit from which one wrong number does not explain the curve
_MOST_PIXELS = 3_000_000  # of the sample; a second of one core for any movie
_MOST_READ = 10.0  # electrons
_LEAST_SLOPE = 0.2  # ADU² of variance per ADU of light: 5 electrons per ADU


@dataclass(frozen=True)
class _Stated:
    """What the numbers say of the movie, in its own units.

    Attributes:
        baseline: ADU.
        slope: of the variance against the mean, ADU: ``excess * em_gain / e_per_adu``.
        read: read noise in units of ``slope``, as :func:`fit_through` takes it.
    """

    baseline: float
    slope: float
    read: float


@dataclass(frozen=True)
class _Seen:
    """What the movie says.

    Attributes:
        curve: variance against mean.
        slope, misfit: of a free line through it.
        sure: brightness varies enough for the slope to be told.
        dark, noise: mean and variance of the background.
        below: share of pixels below the stated baseline, beyond what read noise allows.
        lowest: the darkest pixel, ADU.
        doubt: relative standard error of the noise as a whole.
    """

    curve: TransferCurve
    slope: float
    misfit: float
    sure: bool
    dark: float
    noise: float
    below: float
    lowest: float
    doubt: float


def camera_doubts(
    sample: Callable[[], NDArray[np.generic]], camera: Camera, estimated: Collection[str] = ()
) -> list[str]:
    """Hold a movie's noise against its camera.

    Args:
        sample: gives (n, H, W) frames in ADU, finite, runs of successive ones, of at least
            16 x 16 px. Of a single frame nothing is said. Not called where the camera was
            estimated altogether.
        camera: as stated.
        estimated: holds ``camera.baseline`` and ``camera.e_per_adu`` where they were taken
            from this movie and so prove nothing.

    Returns:
        at most one line: what does not fit, its likely cause, the number that would fit.
    """
    if {"camera.baseline", "camera.e_per_adu"} <= set(estimated):
        return []
    frames = sample()
    if len(frames) < 2:
        return []
    frames = frames[: max(2, _MOST_PIXELS // (frames.shape[1] * frames.shape[2]))]
    stated, values = _in_its_units(camera, frames)
    seen = _look(values, stated)
    if seen is None:
        return []
    if camera.shape is not None:
        return _doubt_of_maps(seen, stated)
    if "camera.e_per_adu" in estimated:
        if not _above_background(seen, stated):
            return []
        found, _ = estimate_camera(frames, em_gain=camera.em_gain)
        fitting = float(np.median(found.baseline))
        return [baseline_advice(stated.baseline, fitting, seen.dark, seen.noise)]
    if "camera.baseline" in estimated:
        return _doubt_of_gain(frames, camera, stated, seen)
    return _doubt_of_numbers(frames, camera, stated, seen)


def _in_its_units(
    camera: Camera, frames: NDArray[np.generic]
) -> tuple[_Stated, NDArray[np.generic]]:
    """The stated line and the frames: in ADU, or where there are maps in photo-electrons."""
    if camera.shape is None:
        slope = camera.excess * camera.em_gain / float(camera.e_per_adu)
        read = float(camera.read_sigma) / (camera.excess * camera.em_gain)
        return _Stated(float(camera.baseline), slope, read), frames
    read = math.sqrt(float(np.mean(camera.read_variance))) / camera.excess
    return _Stated(0.0, camera.excess, read), camera.to_photons(frames)


def _look(values: NDArray[np.generic], stated: _Stated) -> _Seen | None:
    """Measure; None where there is nothing to measure."""
    curve = transfer_curve(values)
    if not len(curve.mean) or curve.variance.max() <= 0:
        return None
    slope, error, offset, misfit = fit_line(curve)
    dark, noise = darkest(curve)
    few: NDArray[Any] = values[:, :: 1 + values.shape[1] // 256, :: 1 + values.shape[2] // 256]
    floor = stated.baseline - _SLACK - 4 * stated.read * stated.slope
    return _Seen(
        curve,
        slope,
        misfit,
        slope > SURE * error and offset < dark,
        dark,
        noise,
        float((few < floor).mean()),
        float(few.min()),
        1 / math.sqrt(float(np.sum((curve.variance / curve.error) ** 2))),
    )


def _doubt_of_gain(
    frames: NDArray[np.generic], camera: Camera, stated: _Stated, seen: _Seen
) -> list[str]:
    """Where the baseline was laid to where the stated gain puts it.

    A gain too small for the noise puts it far below zero, one too large into the background.
    """
    sure = 1 + 2 * seen.doubt
    under = (seen.dark - stated.baseline) / max(seen.dark, _SLACK)
    off = seen.lowest >= 0 and under > FACTOR * sure
    if seen.doubt < 0.1:
        off |= seen.below > _BELOW or (seen.sure and not _near(seen.slope, stated.slope))
    if not off:
        return []
    slope, baseline = _both(frames)
    # Else it is the baseline that was badly estimated, as in a crowd.
    return (
        [] if _near(slope, stated.slope) else [gain_advice(camera, stated.slope, slope, baseline)]
    )


def _doubt_of_numbers(
    frames: NDArray[np.generic], camera: Camera, stated: _Stated, seen: _Seen
) -> list[str]:
    above = _above_background(seen, stated)
    if not (above or seen.below > _BELOW or _misfits(seen, stated)):
        return []
    known, read, curve = stated.slope, stated.read, seen.curve

    def of_baseline() -> list[str]:
        line = baseline_advice(stated.baseline, fitting, seen.dark, seen.noise)
        rest = seen.noise - known * max(seen.dark - stated.baseline, 0.0)
        read = math.sqrt(max(rest, 0.0)) * float(camera.e_per_adu)
        # In the dark, read noise that was stated too low looks the same.
        dark = not above and seen.dark < stated.baseline + math.sqrt(seen.noise)
        if dark and camera.em_gain == 1 and read < _MOST_READ:
            noise = argument("camera", {"read_sigma": float(f"{read:.2g}")})
            line += Message(f"; or {noise}")
        return [line]

    light = (curve.variance - (read * known) ** 2) / known
    fitting = float(np.average(curve.mean - light, weights=1 / curve.error**2))
    believed = seen.lowest < 0 or fitting > -_SLACK
    if believed and seen.sure and _near(seen.slope, known):
        return of_baseline()
    shifted = misfit_of(curve, known * (curve.mean - fitting) + (read * known) ** 2)
    if seen.dark <= stated.baseline or seen.below > _BELOW:
        if believed and not (seen.sure and shifted > seen.misfit + _WORSE):
            return of_baseline()
        return [gain_advice(camera, stated.slope, *_both(frames))]
    slope, misfit = fit_through(curve, stated.baseline, 0.0)
    if camera.em_gain == 1 and not looks_multiplied(slope, camera):
        slope, misfit = fit_through(curve, stated.baseline, read)
    if seen.sure and misfit > seen.misfit + _WORSE and not _near(seen.slope, slope):
        if believed and shifted < misfit:
            return of_baseline()
        return [gain_advice(camera, stated.slope, *_both(frames))]
    if seen.sure or slope > known or not believed:
        return [gain_advice(camera, stated.slope, slope)]
    # An even background: brighter by a baseline left out, or by a gain that is off.
    if stated.baseline == 0 or (camera.em_gain == 1 and slope < _LEAST_SLOPE):
        return of_baseline()
    line = gain_advice(camera, stated.slope, slope)
    if known < 10 * slope:
        line += Message(f"; or {argument('camera', {'baseline': float(round(fitting))})}")
    return [line]


def _misfits(seen: _Seen, stated: _Stated) -> bool:
    """The noise is a factor away from any that the stated numbers allow."""
    curve = seen.curve
    light = np.maximum(curve.mean - stated.baseline, 0)
    read = stated.read * stated.slope
    most = stated.slope * (light + _SLACK) + (_READ_SLACK * read) ** 2
    least = stated.slope * np.maximum(light - _SLACK, 0)
    sure = 1 + 2 * seen.doubt
    # Noise that is low by chance looks surer than it is: its error is that of the expected.
    low = max(1 - 2 * seen.doubt, 0.0)
    # What is left of sharp and crowded spots adds to the noise where it is bright.
    loud = np.quantile(curve.variance / most, _DARKER)
    quiet = np.median(least / curve.variance)
    if loud > FACTOR * sure or quiet * low > FACTOR:
        return True
    # Read noise and baseline have no part in the slope.
    if not seen.sure or _near(seen.slope, stated.slope):
        return False
    times = curve.variance / (stated.slope * light + read**2 + 1e-12)
    if seen.slope > stated.slope:
        return bool(np.quantile(times, _DARKER) > _CLEARLY * sure)
    return bool(low / np.median(times) > _CLEARLY)


def _above_background(seen: _Seen, stated: _Stated) -> bool:
    return seen.dark < stated.baseline - _SLACK - 0.3 * math.sqrt(seen.noise)


def _near(a: float, b: float) -> bool:
    return max(a, b) < FACTOR * min(a, b)


def _both(frames: NDArray[np.generic]) -> tuple[float, float]:
    """Slope and baseline where neither of those stated can be trusted."""
    found, _ = estimate_camera(frames)
    return 1 / float(np.median(found.e_per_adu)), float(np.median(found.baseline))


def _doubt_of_maps(seen: _Seen, stated: _Stated) -> list[str]:
    if _above_background(seen, stated):
        return [
            f"camera: the background lies {-seen.dark:.3g} photo-electrons below the offset of the "
            "camera maps: are they of this camera, and in ADU?"
        ]
    if not _misfits(seen, stated):
        return []
    slope, _ = fit_through(seen.curve, 0.0, 0.0)
    return [
        f"camera: the movie's noise is {slope / stated.slope:.2g} times what the camera maps say: "
        "are they of this camera, variance in ADU^2 and gain in ADU per electron?"
    ]
