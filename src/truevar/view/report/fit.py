"""How well what was found explains the movie: what is left of it, beside what noise leaves.

Around the emitters of some frames the light that the table says (Gaussians of the PSF's width, over
the emitters' background) is taken off what the camera saw. What is left, squared, over the noise
that camera and light have, is 1 in the mean if everything fits (the reduced χ² of a fit). A PSF of
another width or shape, a wrong gain or offset, emitters that were missed: each leaves more.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from truevar.camera import Camera
from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.evaluation.counting import nearest_other
from truevar.imaging.likelihood import pixel_variance
from truevar.imaging.residual import peaks, significance
from truevar.inference.drawn_again import Drawing
from truevar.inference.posterior_check import BAD
from truevar.view.report.section import number_in

Floats = NDArray[np.float64]

_NEAR = 2.0
"""PSF widths from an emitter up to which a pixel counts."""
_ALONE = 6.0
"""PSF widths to its nearest neighbour from which on an emitter is alone."""
_ENOUGH = 200
"""Pixels below which nothing is said."""


@dataclass(frozen=True)
class LeftOver:
    """What nothing explains in a frame.

    Attributes:
        z_HW: photons that a further emitter at a pixel would have, in their standard errors.
        peak_P2: (P, 2) row and column where that is more than noise.
        sums: (2, 2) near emitters that are alone, and all: squares in variances of noise, and
            pixels.
        left: the same near all of them, a mean, if their places and photons were as good as can
            be. NaN where there are none.
        known: emitters of the table.
    """

    z_HW: Floats
    peak_P2: NDArray[np.int64]
    sums: Floats
    left: float
    known: int

    @property
    def fits(self) -> bool:
        """Whether no more is left near the emitters than may be."""
        return not self.left > BAD


@dataclass(frozen=True)
class Fit:
    """What is left near emitters, over what noise leaves; 1 in the mean if all is right.

    Attributes:
        alone: near emitters without neighbours: the PSF and the camera's numbers. NaN for too few.
        all: near all of them: also whether emitters were missed or taken for one. NaN likewise.
        frames: what is left of each frame, by its number.
    """

    alone: float
    all: float
    frames: dict[int, LeftOver] = field(default_factory=dict, compare=False)

    @property
    def bad_frames(self) -> int:
        """Frames that do not fit."""
        return sum(not one.fits for one in self.frames.values())

    @property
    def missed(self) -> float:
        """Share of all emitters that only what is left speaks for."""
        missed = sum(len(one.peak_P2) for one in self.frames.values())
        known = sum(one.known for one in self.frames.values())
        return missed / max(missed + known, 1)


def fit_of(
    frames: Mapping[int, NDArray[Any]], emitters: Emitters, corner: tuple[int, int]
) -> Fit | None:
    """How well a table explains some frames.

    Args:
        frames: ADU, by their number in the movie.
        emitters: localisations as the camera saw them.
        corner: column and row in the movie of the frames' first pixel.

    Returns:
        None where the table does not tell enough: camera, pixel size, PSF, photons, background.
    """
    meta = emitters.meta
    camera, pixel = _camera(meta), number_in(meta, "pixel_size")
    sigma = number_in(meta, "psf_sigma")
    if camera is None or not pixel or not sigma or not {"photons", "bg"} <= set(emitters):
        return None
    known = ("x", "y", "photons", "bg")
    emitters = emitters.select(np.all([np.isfinite(emitters[name]) for name in known], axis=0))
    left = {}
    for number, frame_HW in frames.items():
        found = emitters.select(emitters.frame == number)
        if len(found):
            x_N, y_N = found.x / pixel - corner[0], found.y / pixel - corner[1]
            at = found.with_columns(x=x_N, y=y_N)
            left[number] = _left_over(frame_HW, at, sigma / pixel, camera, pixel)
    sums = sum((one.sums for one in left.values()), np.zeros((2, 2)))
    alone, together = (
        float(squares / pixels) if pixels >= _ENOUGH else float("nan") for squares, pixels in sums
    )
    return Fit(alone, together, left)


def _camera(meta: Mapping[str, Any]) -> Camera | None:
    """A table's camera; None where it is not known, or differs from pixel to pixel."""
    said = meta.get("camera")
    if not isinstance(said, Mapping) or said.get("per_pixel_maps"):
        return None
    names = ("baseline", "e_per_adu", "em_gain", "read_sigma")
    baseline, e_per_adu, em_gain, read_sigma = (number_in(said, name) for name in names)
    if baseline is None or e_per_adu is None or em_gain is None or read_sigma is None:
        return None
    with suppress(UserError):  # numbers that no camera can have
        return Camera(baseline, e_per_adu, em_gain, read_sigma)
    return None


def _left_over(
    frame_HW: NDArray[Any], found: Emitters, sigma: float, camera: Camera, pixel: float
) -> LeftOver:
    """What a frame's emitters leave of it.

    Args:
        frame_HW: ADU.
        found: the frame's emitters, ``x`` and ``y`` in px of the frame.
        sigma: width of the PSF, px.
        camera: it was taken with.
        pixel: nm.
    """
    height, width = frame_HW.shape
    reach = int(np.ceil(3 * sigma)) + 1
    offset_K = np.arange(-reach, reach + 1)
    row_NK, col_NK = (np.rint(at)[:, None].astype(int) + offset_K for at in (found.y, found.x))
    down_NK, across_NK = row_NK - found.y[:, None], col_NK - found.x[:, None]
    apart_NKK = down_NK[:, :, None] ** 2 + across_NK[:, None, :] ** 2
    weight_NKK = np.exp(-apart_NKK / (2 * (2 * sigma) ** 2))
    inside_NKK = ((row_NK >= 0) & (row_NK < height))[:, :, None]
    inside_NKK = inside_NKK & ((col_NK >= 0) & (col_NK < width))[:, None, :]
    place = (row_NK[:, :, None] * width + col_NK[:, None, :])[inside_NKK]

    def laid(values_NKK: Floats) -> Floats:
        whole = np.broadcast_to(values_NKK, inside_NKK.shape)[inside_NKK]
        summed = np.bincount(place, whole, height * width).astype(np.float64)
        return summed.reshape(height, width)

    back_HW = laid(weight_NKK * found["bg"][:, None, None])
    back_HW /= np.maximum(laid(weight_NKK), 1e-12)
    light_N, frame_N = found["photons"] / camera.excess, np.zeros(len(found), np.int64)
    drawn = Drawing.of(found.x, found.y, light_N, frame_N, sigma)
    seen = drawn.beside(frame_HW[None], camera)
    expected_HW = back_HW + camera.excess * seen.light_NHW[0].double().numpy()
    # Rounding to whole ADU is noise as well.
    read = camera.read_variance + (camera.e_per_adu / camera.em_gain) ** 2 / 12
    variance_HW = pixel_variance(np.maximum(expected_HW, 0), camera, read)
    squares_HW = (camera.to_photons(frame_HW) - expected_HW) ** 2 / variance_HW
    near_NKK = (apart_NKK <= (_NEAR * sigma) ** 2).astype(np.float64)
    alone_N = nearest_other(found, _ALONE * sigma) > _ALONE * sigma
    nears = [laid(near_NKK * alone_N[:, None, None]) > 0, laid(near_NKK) > 0]
    sums = [[float(squares_HW[near_HW].sum()), float(near_HW.sum())] for near_HW in nears]
    if {"sigma_x", "sigma_y"} <= set(found):
        error_N = np.minimum(found["sigma_x"], found["sigma_y"]) / pixel
        seen = seen.fitted(drawn, torch.as_tensor(error_N, dtype=torch.float32))
    z_1HW = significance(seen.left_NHW, seen.variance_NHW, sigma)
    peak_P2 = peaks(z_1HW, sigma)[:, 1:].numpy()
    left_HW = (seen.left_NHW.square() / seen.variance_NHW)[0].double().numpy()
    left = float(left_HW[nears[1]].mean()) if nears[1].any() else float("nan")
    z_HW = z_1HW[0].double().numpy()
    return LeftOver(z_HW, peak_P2, np.array(sums, np.float64), left, len(found))
