"""Gain and offset of a camera, estimated from the movie itself.

Where light is the only noise, the variance of a pixel grows in proportion to its mean;
the slope of that line is the gain and the point where it meets zero is the offset
(photon transfer; Janesick, Klaasen and Elliott, Optical Engineering 26, 972 (1987)). A movie
has no pairs of evenly lit exposures, so both coordinates are measured locally:

* noise: frames are passed through a sixth difference along rows and columns, which
  leaves white noise and next to nothing of an image that a lens has blurred; the
  difference of successive frames removes what is fixed to the pixels;
* mean: the average of the same pixels with the filter's weights squared, so that it is
  exactly the mean which belongs to the noise that was measured.

Samples are sorted into bins by light measured elsewhere (a ring of pixels around, and the
frames before and after), for sorting by a noisy mean itself would bend the line.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d, uniform_filter

from truevar.camera import EMCCD_EXCESS, Camera
from truevar.wording import Message, argument

SOURCE = "estimated by photon transfer"

_FILTER = np.array([1.0, -6.0, 15.0, -20.0, 15.0, -6.0, 1.0])
_RING = 9  # width in px of the square whose rim sorts the samples
_MOST_PIXELS = 6_000_000
_SHARES = (0.0, 0.02, 0.1, 0.25, 0.45, 0.65, 0.78, 0.87, 0.93, 0.96, 0.98, 0.99, 0.995, 0.998, 1.0)
_OVERLAP = 15.0  # samples per independent one: filters overlap in space and in time
_MODEL_ERROR = 0.04  # relative; what is left of sharp images in a bin's variance
_COARSE_SHARES = (0.0, 0.5, 0.85, 1.0)  # for a few small frames
_FEWEST = 20  # samples in a bin
SURE = 5.0  # a slope must be so many standard errors above 0
_USUAL_OFFSET = 100.0  # ADU; what most scientific cameras are set to


@dataclass(frozen=True)
class TransferCurve:
    """Variance against mean: (K,) bins, from dark to bright.

    Attributes:
        mean: ADU.
        variance: ADU².
        error: standard error of the variance, ADU².
    """

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    error: NDArray[np.float64]


def transfer_curve(blocks: NDArray[np.generic]) -> TransferCurve:
    """Measure variance against mean.

    Args:
        blocks: (n, H, W) frames in ADU, finite, of at least 16 x 16 px; runs of successive
            frames are best, others do. Of a large sample only a part is used.

    Returns:
        the curve; with no bin at all if no two pixels differ.
    """
    frames = np.asarray(_thinned(blocks), dtype=np.float32)
    level = float(np.median(frames))
    frames = frames - level  # float32 keeps its digits for the noise
    sharp, mean = _filtered(frames, _FILTER), _filtered(frames, _FILTER**2)
    inner = _RING**2 - (_RING - 2) ** 2
    around = uniform_filter(frames, (0, _RING, _RING)) * (_RING**2 / inner)
    around -= uniform_filter(frames, (0, _RING - 2, _RING - 2)) * ((_RING - 2) ** 2 / inner)
    sorting = around
    if len(frames) > 1:
        # A frame's neighbours but one, for the neighbours themselves are in the difference.
        before, after = mean[:-3], mean[3:]
        sharp = (sharp[1:] - sharp[:-1]) * math.sqrt(0.5)
        mean = 0.5 * (mean[1:] + mean[:-1])
        sorting = 0.5 * (around[1:] + around[:-1])
        weight = np.ones((len(sorting), 1, 1), np.float32)
        sorting[1:-1] += 0.5 * before
        weight[1:-1] += 0.5
        sorting[1:-1] += 0.5 * after
        weight[1:-1] += 0.5
        sorting /= weight
    edge = _RING // 2
    inside = (slice(None), slice(edge, -edge), slice(edge, -edge))
    power_S = np.square(sharp[inside]).ravel()
    return _binned(power_S, mean[inside].ravel() + level, sorting[inside].ravel())


def estimate_camera(
    blocks: NDArray[np.generic],
    baseline: float | None = None,
    e_per_adu: float | None = None,
    *,
    em_gain: float = 1.0,
    read_sigma: float = 0.0,
) -> tuple[Camera, list[str]]:
    """Estimate what is not known of a camera from a movie.

    Read noise that was not given cannot be told from a little more background; it is
    counted as background, so that the noise is right. An EMCCD whose ``em_gain`` was not
    given looks like a camera of twice its gain: the photons that the returned camera
    gives have Poisson noise, and are half of the detected ones.

    Args:
        blocks: (n, H, W) frames in ADU, finite, as :func:`transfer_curve` takes them.
        baseline: ADU, if known; kept.
        e_per_adu: electrons per ADU, if known; kept.
        em_gain: multiplication of an EMCCD, if known; above 1 the excess noise is
            reckoned with.
        read_sigma: read noise in electrons after multiplication, if known.

    Returns:
        the camera, and notes of one line each for the user: what was estimated, how sure.
    """
    excess = EMCCD_EXCESS if em_gain > 1 else 1.0
    notes: list[str] = []
    curve = transfer_curve(blocks)
    if not len(curve.mean) or curve.variance.max() <= 0:
        both = argument("camera", {"baseline": None, "e_per_adu": None})
        offset, e = _hopeless(blocks, baseline, e_per_adu)
        notes.append(
            Message(
                f"camera: this movie has no noise to go by; offset {offset:.4g} ADU and {e:.3g} "
                f"e-/ADU are a guess; give {both}"
            )
        )
        return _camera(offset, e, em_gain, read_sigma), notes
    known = None if e_per_adu is None else excess * em_gain / e_per_adu
    read = read_sigma / (excess * em_gain)
    slope, offset, how = _line(curve, baseline, known, read, excess, blocks)
    e = excess * em_gain / slope if e_per_adu is None else float(e_per_adu)
    parts = [] if baseline is not None else [f"offset {offset:.4g} ADU"]
    parts += [] if e_per_adu is not None else [f"{e:.3g} e-/ADU"]
    if parts:
        notes.append(
            f"camera: {' and '.join(parts)} estimated from the movie by photon transfer ({how})"
        )
    if em_gain == 1 and e_per_adu is None:
        notes.append(
            Message(
                "camera: if it is an EMCCD, its photon numbers come out at half; give "
                f"{argument('camera', {'em_gain': None})}"
            )
        )
    return _camera(offset, e, em_gain, read_sigma), notes


def _thinned(blocks: NDArray[np.generic]) -> NDArray[np.generic]:
    """A part of a large sample: its first frames, and of large ones the middle."""
    n, height, width = blocks.shape
    side = max(_RING + 7, int(math.sqrt(_MOST_PIXELS / max(min(n, 20), 1))))
    top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
    blocks = blocks[:, top : top + side, left : left + side]
    return blocks[: max(2, _MOST_PIXELS // (blocks.shape[1] * blocks.shape[2]))]


def _filtered(frames: NDArray[np.float32], weights: NDArray[np.float64]) -> NDArray[np.float32]:
    """Filter along rows and columns; white noise comes out, or an even level, as it went in."""
    norm = weights / (math.sqrt((weights**2).sum()) if weights.min() < 0 else weights.sum())
    return convolve1d(convolve1d(frames, norm, axis=1), norm, axis=2)


def _binned(
    power_S: NDArray[np.float32], mean_S: NDArray[np.float32], sorting_S: NDArray[np.float32]
) -> TransferCurve:
    shares = _SHARES if len(power_S) >= 4000 else _COARSE_SHARES
    edges = np.quantile(sorting_S, shares)
    which_S = np.searchsorted(edges[1:-1], sorting_S, side="right")
    rows = []
    for k in range(len(shares) - 1):
        chosen = which_S == k
        count = int(chosen.sum())
        if count < _FEWEST:
            continue
        power, mean = power_S[chosen].astype(np.float64), float(mean_S[chosen].mean(dtype=float))
        # Hot pixels and cosmic rays: 25 times the mean is 5 standard deviations.
        for _ in range(3):
            power = np.minimum(power, 25 * power.mean())
        variance = float(power.mean())
        rows.append((mean, variance, variance * math.sqrt(2 * _OVERLAP / count + _MODEL_ERROR**2)))
    table = np.array(rows).reshape(-1, 3)
    table = table[table[:, 1] > 0]
    return TransferCurve(table[:, 0], table[:, 1], table[:, 2])


def _line(
    curve: TransferCurve,
    baseline: float | None,
    slope: float | None,
    read: float,
    excess: float,
    blocks: NDArray[np.generic],
) -> tuple[float, float, str]:
    """Slope of the variance in ADU, offset in ADU, and how they were found.

    The slope is ``excess * em_gain / e_per_adu``. ``read`` is the read noise divided by
    ``excess * em_gain``: the part of the variance that is not light is ``(read * slope)²``.
    """
    dark, noise = darkest(curve)
    if slope is not None:
        light = (curve.variance - (read * slope) ** 2) / slope
        found = float(np.average(curve.mean - light, weights=1 / curve.error**2))
        return slope, found if baseline is None else baseline, "the gain was given"
    free, error, offset, misfit = fit_line(curve)
    sure = free > SURE * error and offset < dark
    if baseline is not None:
        if baseline < dark:
            return fit_through(curve, baseline, read)[0], baseline, "the offset was given"
        # Nothing but the shape of the curve is left; without one, a spread of 1 electron.
        slope = free if sure else math.sqrt(noise)
        return slope, baseline, "poorly: the offset that was given lies above the background"
    # Simple numbers are taken wherever the curve does not speak against them (by 2 standard
    # errors, or 3 if a line cannot be told from it): an estimate would only add its error.
    allowed = misfit + (4.0 if sure else 9.0)
    plain = excess == 1 and read == 0 and abs(dark / noise - 1) < 0.05
    if plain and misfit_of(curve, curve.mean) < allowed + 5.0:
        return 1.0, 0.0, "its values look like photo-electrons already"
    lowest = float(np.quantile(np.asarray(blocks[:, ::2, ::2], dtype=np.float64), 1e-4))
    doubt = "" if sure else "poorly, for brightness hardly varies; "
    spread = math.sqrt(noise)
    for likely in (_USUAL_OFFSET, 0.0):
        # The background would be the square of this many photo-electrons.
        tried = 1.2 < (dark - likely) / spread < (40 if sure else 16) and likely <= lowest + spread
        if tried and not (likely == 0 and sure):
            slope, misfit = fit_through(curve, likely, read)
            if misfit < allowed:
                return slope, likely, f"{doubt}an offset of {likely:.0f} ADU fits and was taken"
    if sure:
        return free, offset + read**2 * free, f"the gain to about {100 * error / free:.0f} %"
    offset = dark - 5 * spread
    return noise / (dark - offset), offset, f"{doubt}the offset is a guess"


def fit_line(curve: TransferCurve) -> tuple[float, float, float, float]:
    """The line: slope, its standard error, the mean at which it meets 0, and its misfit."""
    weight = 1 / curve.error**2
    for _ in range(6):
        centre = np.average(curve.mean, weights=weight)
        at = curve.mean - centre
        spread = (weight * at**2).sum()
        level = np.average(curve.variance, weights=weight)
        if len(at) < 3 or not spread > 0:
            return 0.0, math.inf, 0.0, misfit_of(curve, np.full_like(at, level))
        slope = (weight * at * curve.variance).sum() / spread
        # Bins that stand out (sharp images, a hot row) pull less: Huber's weights.
        off = np.abs(curve.variance - level - slope * at) / curve.error
        weight = np.minimum(1, 1.5 / np.maximum(off, 1e-9)) / curve.error**2
    misfit = misfit_of(curve, level + slope * at)
    if not slope > 0:
        return 0.0, math.inf, 0.0, misfit
    return float(slope), math.sqrt(1 / spread), float(centre - level / slope), misfit


def fit_through(curve: TransferCurve, offset: float, read: float) -> tuple[float, float]:
    """Slope and misfit of the line that meets the read noise at ``offset``."""
    light = curve.mean - offset
    weight = 1 / curve.error**2
    dark, noise = darkest(curve)
    slope = noise / (dark - offset)
    for _ in range(8):
        # The variance is (light + read² slope) slope: the bracket changes little by slope.
        lever = light + read**2 * slope
        found = (weight * lever * curve.variance).sum() / (weight * lever**2).sum()
        slope = found if found > 0 else slope
        off = np.abs(curve.variance - slope * lever) / curve.error
        weight = np.minimum(1, 1.5 / np.maximum(off, 1e-9)) / curve.error**2
    return float(slope), misfit_of(curve, slope * lever)


def misfit_of(curve: TransferCurve, variance: NDArray[np.float64]) -> float:
    """Sum of squared errors in units of their size; none counts for more than 3 of them."""
    return float(np.minimum(((curve.variance - variance) / curve.error) ** 2, 9).sum())


def darkest(curve: TransferCurve) -> tuple[float, float]:
    """Mean and variance of the background: the darkest bin that is measured well."""
    first = int(np.argmax(curve.error < 0.15 * curve.variance))
    return float(curve.mean[first]), float(curve.variance[first])


def _hopeless(
    blocks: NDArray[np.generic], baseline: float | None, e_per_adu: float | None
) -> tuple[float, float]:
    """A guess where there is nothing to measure: a little light everywhere."""
    e = 1.0 if e_per_adu is None else float(e_per_adu)
    low = float(np.quantile(np.asarray(blocks, dtype=np.float64), 0.01))
    return (low - 10.0 / e if baseline is None else float(baseline)), e


def _camera(offset: float, e: float, em_gain: float, read_sigma: float) -> Camera:
    return Camera(float(offset), float(e), em_gain, read_sigma, source=SOURCE)
