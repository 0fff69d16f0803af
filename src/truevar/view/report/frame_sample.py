"""A sample of a movie's frames with what was found in them, and what each scale says there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truevar.camera import Camera
from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.inference.arguments import MovieLike, as_movie
from truevar.io.movies.movie import Movie, check_values, open_movie
from truevar.view.report.fit import Fit, LeftOver, fit_of
from truevar.view.report.png import colour_table, png
from truevar.view.report.section import number_in, numbers_in, steps_of
from truevar.wording import words_of

MOST_FRAMES = 50
LEAST_FRAMES = 5
FRAME_BYTES = 2_000_000
"""PNGs of frames take about so many bytes at most."""
MOST_SIDE = 512
"""px; larger frames are shown binned."""

MOST_Z = 8.0
"""Standard errors shown in the darkest colours of what is left."""

SCALE_SIDE = 128
"""px; of a larger region the scales show the middle."""
_SCALE_PIXELS = 50 * 64 * 64
"""Pixels that scales are predicted for: a few seconds on one core."""

_MOVED = ("drift", "undrift", "align")
"""Steps after which a position is not where the camera saw it."""

Span = tuple[float, float, float, float]
"""(x0, x1, y0, y1) in nm: outer edges of what an image shows."""


@dataclass(frozen=True)
class Shown:
    """An image with the emitters found in it.

    Attributes:
        image: PNG.
        at_N2: (N, 2) x and y as shares of its width and height.
        cell: nm, width of a cell of a scale; 0 for the camera's frame.
    """

    image: bytes
    at_N2: NDArray[np.float64]
    cell: float = 0.0


@dataclass(frozen=True)
class FrameSample:
    """Frames of a movie, evenly chosen.

    Attributes:
        frames: by their number in the movie, from 0.
        left: what the emitters leave of them, of the frames where that can be told; rings where a
            further emitter would explain it.
        scales: coarse to fine, of the frames that have them.
        span, scale_span: what frames and scales show, nm.
        binned: px that one of the image is the mean of, along each side.
        greys: ADU of black and of white.
        without_scales: why there are none; empty if there are.
        molecules: whether what is marked are molecules, not single localisations.
        moved: whether they were moved after localising, as by drift correction.
        fit: how well they explain the frames; None where that cannot be told.
    """

    frames: dict[int, Shown]
    left: dict[int, Shown] = field(default_factory=dict)
    scales: dict[int, list[Shown]] = field(default_factory=dict)
    span: Span = (0.0, 1.0, 0.0, 1.0)
    scale_span: Span = (0.0, 1.0, 0.0, 1.0)
    binned: int = 1
    greys: tuple[float, float] = (0.0, 1.0)
    without_scales: str = ""
    molecules: bool = False
    moved: bool = False
    fit: Fit | None = None


def sample_frames(emitters: Emitters, movie: MovieLike, axes: str | None = None) -> FrameSample:
    """Frames of the movie that a table was made from.

    Args:
        emitters: the table.
        movie: as for :func:`truevar.localize`.
        axes: the order of its axes, as there.

    Raises:
        UserError: the movie cannot be read, or is not the table's.
    """
    meta = emitters.meta
    pixel_size = number_in(meta, "pixel_size")
    if not pixel_size:
        raise UserError("the table does not tell the pixel size, so frames cannot be shown with it")
    source, region = as_movie(movie), numbers_in(meta, "region", 4)
    roi = None
    if region is not None:
        roi = (int(region[0]), int(region[1]), int(region[2]), int(region[3]))
    ends = numbers_in(meta, "frame_range", 2)
    frames = None if ends is None else (int(ends[0]), int(ends[1]))
    with open_movie(source, axes=axes) as whole:
        _check_same(whole, meta)
    with open_movie(source, frames, roi, axes) as part:
        binned = -(-max(part.shape[1:]) // MOST_SIDE)
        raw = _read(part, binned)
        blocks = {frame: _binned(block, binned) for frame, block in raw.items()}
        greys = _greys(list(blocks.values()))
        images = {frame: png(_as_bytes(block, greys)) for frame, block in blocks.items()}
        h, w = next(iter(blocks.values())).shape
    x0, y0 = part.x0, part.y0
    span = _in_nm(x0, x0 + w * binned, y0, y0 + h * binned, pixel_size)
    shown = {
        frame: Shown(image, _places(in_frame(emitters, frame), span))
        for frame, image in images.items()
    }
    try:
        scales, scale_span = _scales(meta, source, part, list(images), axes)
        without = ""
    except UserError as error:
        scales, scale_span, without = {}, span, words_of(error)
    molecules = "last_frame" in emitters
    moved = any(isinstance(step, Mapping) and step.get("step") in _MOVED for step in steps_of(meta))
    # What a later step left out or moved is no failure to explain the movie.
    fit = None if steps_of(meta) else fit_of(raw, emitters, (part.x0, part.y0))
    left = {number: _left(one, binned) for number, one in fit.frames.items()} if fit else {}
    return FrameSample(
        shown, left, scales, span, scale_span, binned, greys, without, molecules, moved, fit
    )


def in_frame(emitters: Emitters, frame: int) -> Emitters:
    """What is on in a frame, be a row a localisation or a molecule."""
    if "last_frame" not in emitters:
        return emitters.select(emitters.frame == frame)
    return emitters.select((emitters.frame <= frame) & (emitters["last_frame"] >= frame))


def _check_same(movie: Movie, meta: Mapping[str, Any]) -> None:
    height, width = movie.field
    known = [meta.get(name) for name in ("frames", "width", "height")]
    if None not in known and known != [movie.total_frames, width, height]:
        raise UserError(
            f"{movie.name} has {movie.total_frames} frames of {width} x {height} px, and the table "
            f"is of {known[0]} of {known[1]} x {known[2]}; give the movie that was localised"
        )


def _read(movie: Movie, binned: int) -> dict[int, NDArray[Any]]:
    """Frames, evenly chosen, by their number."""
    n_frames, height, width = movie.shape
    h, w = height // binned, width // binned
    # Noise compresses badly: 0.8 bytes a pixel.
    wanted = int(np.clip(FRAME_BYTES / (0.8 * h * w), LEAST_FRAMES, MOST_FRAMES))
    chosen = np.unique(np.round(np.linspace(0, n_frames - 1, min(wanted, n_frames))).astype(int))
    blocks = {}
    for k in chosen.tolist():
        frame = movie.read(k, k + 1)
        check_values(frame, movie.first_frame + k)
        blocks[movie.first_frame + k] = frame[0]
    return blocks


def _binned(frame_HW: NDArray[Any], binned: int) -> NDArray[np.float32]:
    """Means of squares of so many px."""
    h, w = (side // binned for side in frame_HW.shape)
    cut = frame_HW[: h * binned, : w * binned].astype(np.float32)
    return cut.reshape(h, binned, w, binned).mean((1, 3))


def _greys(blocks: list[NDArray[np.float32]]) -> tuple[float, float]:
    """ADU shown black and white, the same in all frames, so that these can be compared."""
    low, high = np.percentile(np.stack(blocks), [1, 99])
    return float(low), float(max(high, low + 1e-6))


def _as_bytes(block: NDArray[np.float32], greys: tuple[float, float]) -> NDArray[np.uint8]:
    share = (block - greys[0]) / (greys[1] - greys[0])
    return np.round(255 * np.clip(share, 0, 1)).astype(np.uint8)


def _in_nm(x0: int, x1: int, y0: int, y1: int, pixel_size: float) -> Span:
    """The outer edges of pixels x0 to x1 - 1, y0 to y1 - 1."""
    return (
        (x0 - 0.5) * pixel_size,
        (x1 - 0.5) * pixel_size,
        (y0 - 0.5) * pixel_size,
        (y1 - 0.5) * pixel_size,
    )


def _places(emitters: Emitters, span: Span) -> NDArray[np.float64]:
    x0, x1, y0, y1 = span
    return np.stack([(emitters.x - x0) / (x1 - x0), (emitters.y - y0) / (y1 - y0)], 1)


def _left(left: LeftOver, binned: int) -> Shown:
    """Too dark to too bright, from blue over white to red."""
    share_hw = (_binned(left.z_HW, binned) * binned + MOST_Z) / (2 * MOST_Z)
    image = png(np.round(255 * np.clip(share_hw, 0, 1)).astype(np.uint8), colour_table("RdBu_r"))
    height, width = (side * binned for side in share_hw.shape)
    return Shown(image, (left.peak_P2[:, ::-1] + 0.5) / (width, height))


def _scales(
    meta: Mapping[str, Any], source: Any, part: Movie, frames: list[int], axes: str | None
) -> tuple[dict[int, list[Shown]], Span]:
    """What every scale says about some of the frames.

    Raises:
        UserError: it cannot be worked out; the line says why.
    """
    from truevar.calibration.imaging_setup import Setup
    from truevar.inference.modes import FrameStack, predict_scales
    from truevar.model.weights import load_model

    pixel, sigma = number_in(meta, "pixel_size"), number_in(meta, "psf_sigma")
    said = meta.get("camera")
    if not (pixel and sigma and isinstance(said, Mapping) and isinstance(meta.get("model"), str)):
        raise UserError("the table does not tell camera, PSF width and model")
    if meta["model"] == "default":  # written by 0.1.0 only: the name stands for another one now
        raise UserError("the table was made with truevar 0.1.0's model, which is no longer run")
    if said.get("per_pixel_maps"):
        raise UserError("the table was made with camera maps, which it does not hold")
    numbers: dict[str, Any] = {
        name: value
        for name in ("baseline", "e_per_adu", "em_gain", "read_sigma", "cic")
        if (value := number_in(said, name)) is not None
    }
    model = load_model(meta["model"])
    setup = Setup(pixel, sigma, Camera(**numbers))
    _, height, width = part.shape
    h, w = min(height, SCALE_SIDE), min(width, SCALE_SIDE)
    x0, y0 = part.x0 + (width - w) // 2, part.y0 + (height - h) // 2
    span = _in_nm(x0, x0 + w, y0, y0 + h, pixel)
    wanted = min(max(_SCALE_PIXELS // (h * w), 1), len(frames))
    chosen = [frames[k] for k in np.unique(np.linspace(0, len(frames) - 1, wanted).astype(int))]
    colours = colour_table("inferno")
    found = {}
    for frame in chosen:
        roi = (x0, x0 + w, y0, y0 + h)
        with open_movie(source, (frame, frame + 1), roi, axes) as one:
            stack = FrameStack.read(one, setup, model.network.around)
        found[frame] = [
            Shown(
                png(np.round(255 * scale.prob_hw).astype(np.uint8), colours),
                _places(scale.emitters, span),
                scale.cell * pixel,
            )
            for scale in predict_scales(model, stack, min_prob=number_in(meta, "min_prob"))
        ]
    return found, span
