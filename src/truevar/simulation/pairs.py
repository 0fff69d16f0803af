"""The scene ``pair`` of docs/protocol.md: how near may two emitters be and still be told apart?

Pairs stand on a lattice, far from each other, each at a place and at an angle of its own, and are
on through :data:`BLOCK` whole frames; then others take their places. The middle frame of a block
is the one to be scored: whatever a model looks at beside it shows the same emitters.
"""

from __future__ import annotations

import math

import torch

from truevar.camera import SCMOS
from truevar.emitters import Emitters
from truevar.numbers import number
from truevar.simulation.movie import SimulatedMovie

PAIR = "pair"
"""The scene's name."""

BLOCK = 5
"""Frames that a pair is on through: as many as the widest of the shipped models looks at."""

SEPARATIONS = (50.0, 400.0)
"""nm, where none is asked for: each pair its own, uniformly from this range."""

RATIOS = (1.0, 3.0)
"""Brighter over dimmer emitter, where none is asked for: each pair one of these."""

PHOTONS, BACKGROUND = 10_000.0, 100.0
"""Where none are asked for; photo-electrons per emitter and frame, and per px."""

MOST_PHOTONS, LARGEST_RATIO = 1e6, 100.0

_PSF_SIGMA, _PIXEL_SIZE = 130.0, 100.0  # nm

_SPACING = 20
"""px between places at least: more than nine PSF widths between emitters of different pairs."""

_JITTER = 2.0
"""A pair's middle is uniform within so many px of its place: no phase of a grid is preferred,
up to cells of four px."""


def places(size: int) -> int:
    """Places of pairs in one frame of ``size`` × ``size`` px."""
    return max(1, size // _SPACING) ** 2


def simulate_pairs(
    frames: int,
    size: int,
    seed: int,
    background: float | None = None,
    separation: float | None = None,
    photons: float | None = None,
    ratio: float | None = None,
) -> SimulatedMovie:
    """A movie of pairs; the truth has a column ``pair`` beside the emitters' ``id``.

    Frames, size, seed and background are those of :func:`truevar.simulation.scenes.simulate`,
    already checked.

    Args:
        separation: nm between the two, up to 400; 0 for one emitter as bright as two.
        photons: photo-electrons in a frame, mean of the two emitters.
        ratio: of the brighter to the dimmer emitter.

    Raises:
        UserError: a number out of range, naming the argument.
    """
    if separation is not None:
        separation = number("separation", separation, 0, SEPARATIONS[1])
    photons = PHOTONS if photons is None else number("photons", photons, 1, MOST_PHOTONS)
    if ratio is not None:
        ratio = number("ratio", ratio, 1, LARGEST_RATIO)
    level = BACKGROUND if background is None else background
    generator = torch.Generator().manual_seed(seed)
    n_blocks, n_places = math.ceil(frames / BLOCK), places(size)
    n_pairs = n_blocks * n_places
    x_P2, y_P2, share_P2 = _pairs(n_pairs, size, separation, ratio, generator)
    if separation == 0:  # the two are one emitter
        x_P2, y_P2, share_P2 = x_P2[:, :1], y_P2[:, :1], share_P2.sum(1, keepdim=True)
    n_each = x_P2.shape[1]
    frame_F = torch.arange(frames)
    # Rows run over frames, the pairs of a frame, and the emitters of a pair.
    pair_FL = (frame_F // BLOCK)[:, None] * n_places + torch.arange(n_places)
    emitter_FLE = n_each * pair_FL[:, :, None] + torch.arange(n_each)
    emitter_M = emitter_FLE.flatten()
    emitters = Emitters(
        {
            "frame": frame_F.repeat_interleave(n_places * n_each).numpy(),
            "x": (x_P2.flatten()[emitter_M] * _PIXEL_SIZE).numpy(),
            "y": (y_P2.flatten()[emitter_M] * _PIXEL_SIZE).numpy(),
            "photons": (photons * share_P2.flatten()[emitter_M]).numpy(),
            "bg": torch.full(emitter_M.shape, float(level)).numpy(),
            "id": emitter_M.numpy(),
            "pair": (emitter_M // n_each).numpy(),
        },
        meta={
            "pixel_size": _PIXEL_SIZE,
            "width": size,
            "height": size,
            "frames": frames,
            "psf_sigma": _PSF_SIGMA,
            "camera": SCMOS.describe(),
            "scene": PAIR,
            "separation": separation,
            "photons": photons,
            "ratio": ratio,
            "background": float(level),
            "seed": seed,
        },
    )
    background_HW = torch.full((size, size), float(level))
    return SimulatedMovie(
        emitters, SCMOS, _PSF_SIGMA, _PIXEL_SIZE, (frames, size, size), background_HW, generator
    )


def _pairs(
    n_pairs: int,
    size: int,
    separation: float | None,
    ratio: float | None,
    generator: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(P, 2) x and y in px and brightness, of mean 1 in each pair; float64.

    All is drawn whether or not it is asked for, so that one seed puts pairs of every separation
    and ratio at the same places and angles.
    """
    unit_5P = torch.rand(5, n_pairs, generator=generator, dtype=torch.float64)
    along = max(1, size // _SPACING)
    at_P = torch.arange(n_pairs) % along**2
    spacing = size / along
    x_P = (at_P % along + 0.5) * spacing - 0.5 + _JITTER * (2 * unit_5P[0] - 1)
    y_P = (at_P // along + 0.5) * spacing - 0.5 + _JITTER * (2 * unit_5P[1] - 1)
    angle_P = 2 * math.pi * unit_5P[2]
    low, high = SEPARATIONS
    apart_P = low + (high - low) * unit_5P[3]
    if separation is not None:
        apart_P = torch.full_like(apart_P, separation)
    ratio_P = torch.tensor(RATIOS, dtype=torch.float64)[(unit_5P[4] < 0.5).long()]
    if ratio is not None:
        ratio_P = torch.full_like(ratio_P, ratio)
    side_2 = torch.tensor([-0.5, 0.5], dtype=torch.float64)
    reach_P2 = (apart_P / _PIXEL_SIZE)[:, None] * side_2
    return (
        x_P[:, None] + reach_P2 * angle_P.cos()[:, None],
        y_P[:, None] + reach_P2 * angle_P.sin()[:, None],
        2 * torch.stack([ratio_P, torch.ones_like(ratio_P)], 1) / (1 + ratio_P)[:, None],
    )
