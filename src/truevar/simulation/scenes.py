"""Named scenes, as docs/protocol.md defines them: what is scored, never what is trained on.

Density is the mean number of emitters on at one instant per µm²; because emitters switch
on and off within frames, a frame shows about 1.5 times as many.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from truevar.camera import EMCCD, SCMOS, Camera
from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.numbers import above_zero, number, whole
from truevar.simulation.background import haze
from truevar.simulation.movie import SimulatedMovie
from truevar.simulation.pairs import PAIR, places, simulate_pairs
from truevar.simulation.photophysics import frames_on, sample_on_times
from truevar.wording import subject

LIFETIME = 2.0
"""Mean time an emitter is on, in frames."""

MOST_EMITTERS = 1e8
"""A movie that would hold more is refused: a slip, or more than fits into memory."""

BRIGHTEST = 1e6
"""Brightest background, photo-electrons per px; a camera is full at a tenth of it."""


@dataclass(frozen=True)
class Scene:
    """What a kind of movie looks like.

    Attributes:
        psf_sigma: width of the Gaussian PSF in nm.
        photons: range of photo-electrons per full frame, log-uniform.
        backgrounds: lowest, middle and highest, photo-electrons per px.
        camera: noise and conversion.
        structured: the background is multiplied by haze.
        filaments: emitters lie on curves through the frame's centre.
        pixel_size: nm.
        about: one line for the help.
    """

    psf_sigma: float
    photons: tuple[float, float]
    backgrounds: tuple[float, float, float]
    camera: Camera
    structured: bool = False
    filaments: bool = False
    pixel_size: float = 100.0
    about: str = ""


def _scmos(**changes: object) -> Scene:
    base = {
        "psf_sigma": 130.0,
        "photons": (500.0, 4000.0),
        "backgrounds": (10.0, 22.0, 50.0),
        "camera": SCMOS,
    }
    return Scene(**{**base, **changes})  # type: ignore[arg-type]


SCENES: dict[str, Scene] = {
    "2d-scmos": _scmos(about="sCMOS, PSF 130 nm, 500-4000 photons, background 10-50"),
    "2d-emccd": Scene(
        110.0,
        (7000.0, 13000.0),
        (90.0, 116.0, 150.0),
        EMCCD,
        about="EMCCD, PSF 110 nm, 7000-13000 photons, background 90-150",
    ),
    "2d-dim": _scmos(
        photons=(150.0, 800.0),
        backgrounds=(5.0, 10.0, 20.0),
        about="sCMOS, PSF 130 nm, 150-800 photons, background 5-20",
    ),
    "2d-structured": _scmos(structured=True, about="2d-scmos on a background with haze"),
    "filaments": _scmos(filaments=True, about="2d-scmos with emitters on six curves"),
    **{
        f"2d-widths-{width}": _scmos(
            psf_sigma=float(width),
            backgrounds=(22.0, 22.0, 22.0),
            about=f"2d-scmos with a PSF of {width} nm",
        )
        for width in (80, 130, 180, 220)
    },
}
"""The scenes that have a density, by name; beside them there is :data:`PAIR`."""


def simulate(
    scene: str = "2d-scmos",
    density: float | None = None,
    frames: int = 100,
    size: int = 64,
    seed: int = 0,
    background: float | None = None,
    separation: float | None = None,
    photons: float | None = None,
    ratio: float | None = None,
) -> SimulatedMovie:
    """A movie of a named scene, and its truth.

    Args:
        scene: a name of :data:`SCENES`, or ``"pair"`` (:mod:`truevar.simulation.pairs`).
        density: emitters on at one instant per µm², 1 by default; ``pair`` has none.
        frames: length of the movie.
        size: height and width in px.
        seed: the same seed gives the same movie.
        background: photo-electrons per px; the middle of the scene's range by default, 100 of
            ``pair``.
        separation: of ``pair`` only, nm between the two emitters; 0 for single emitters of
            their summed brightness; by default each pair its own of 50 to 400.
        photons: of ``pair`` only, photo-electrons per frame, mean of the two; by default 10,000.
        ratio: of ``pair`` only, brighter over dimmer; by default each pair 1 or 3.

    Raises:
        UserError: unknown scene, an argument that the scene does not have, or numbers out of
            range.
    """
    if not isinstance(scene, str) or scene not in (*SCENES, PAIR):
        raise UserError(f"unknown scene {scene!r}; choose one of {', '.join((*SCENES, PAIR))}")
    frames, size = whole("frames", frames, 1), whole("size", size, 16)
    seed = whole("seed", seed, 0)
    if background is not None:
        background = number("background", background, 0, BRIGHTEST)
    of_pairs = {"separation": separation, "photons": photons, "ratio": ratio}
    strange = {"density": density} if scene == PAIR else of_pairs
    for name, value in strange.items():
        if value is not None:
            raise UserError(f"the scene {scene} has no {subject(name)}; leave it out")
    if scene == PAIR:
        _refuse_too_many(2.0 * frames * places(size), "give fewer frames or a smaller size")
        return simulate_pairs(frames, size, seed, background, **of_pairs)
    density = above_zero("density", 1.0 if density is None else density)
    what = SCENES[scene]
    _refuse_too_many(
        density * (size * what.pixel_size / 1000) ** 2 * (1 + frames / LIFETIME),
        "give fewer frames, a smaller size or a lower density",
    )
    generator = torch.Generator().manual_seed(seed)
    level = what.backgrounds[1] if background is None else background
    background_HW = torch.full((size, size), float(level))
    if what.structured:
        background_HW = background_HW * haze(1, size, size, generator)[0]
    sigma = what.psf_sigma / what.pixel_size
    if what.filaments:
        place = _filaments(size, generator)
        x_N, y_N = place(4096)
        inside = (x_N > -0.5) & (x_N < size - 0.5)
        inside &= (y_N > -0.5) & (y_N < size - 0.5)
        area = size**2 / float(inside.float().mean())
    else:
        margin = math.ceil(4 * sigma)
        area = float((size + 2 * margin) ** 2)

        def place(n: int) -> tuple[torch.Tensor, torch.Tensor]:
            x_N, y_N = (size + 2 * margin) * torch.rand(2, n, generator=generator) - margin - 0.5
            return x_N, y_N

    on_at_once = torch.tensor([density * area * (what.pixel_size / 1000) ** 2])
    lifetime = torch.tensor([LIFETIME])
    _, start_N, end_N = sample_on_times(on_at_once, frames, lifetime, generator)
    x_N, y_N = place(len(start_N))
    low, high = (math.log(value) for value in what.photons)
    rate_N = (low + (high - low) * torch.rand(len(x_N), generator=generator)).exp()
    emitter_M, frame_M, part_M = frames_on(start_N, end_N, frames)
    order = torch.argsort(frame_M, stable=True)
    emitter_M, frame_M, part_M = emitter_M[order], frame_M[order], part_M[order]
    at_row_M = (y_N[emitter_M] + 0.5).long().clamp(0, size - 1)
    at_col_M = (x_N[emitter_M] + 0.5).long().clamp(0, size - 1)
    emitters = Emitters(
        {
            "frame": frame_M.numpy(),
            "x": (x_N[emitter_M].double() * what.pixel_size).numpy(),
            "y": (y_N[emitter_M].double() * what.pixel_size).numpy(),
            "photons": (rate_N[emitter_M] * part_M).double().numpy(),
            "bg": background_HW[at_row_M, at_col_M].double().numpy(),
            "id": emitter_M.numpy(),
        },
        meta={
            "pixel_size": what.pixel_size,
            "width": size,
            "height": size,
            "frames": frames,
            "psf_sigma": what.psf_sigma,
            "camera": what.camera.describe(),
            "scene": scene,
            "density": density,
            "background": float(level),
            "seed": seed,
        },
    )
    return SimulatedMovie(
        emitters,
        what.camera,
        what.psf_sigma,
        what.pixel_size,
        (frames, size, size),
        background_HW,
        generator,
    )


def _refuse_too_many(expected: float, way_out: str) -> None:
    """Stop a movie of more than :data:`MOST_EMITTERS`, rows of emitters and frames."""
    if expected > MOST_EMITTERS:
        raise UserError(f"such a movie holds about {expected:.1g} emitters; {way_out}")


def _filaments(
    size: int, generator: torch.Generator, curves: int = 6
) -> Callable[[int], tuple[torch.Tensor, torch.Tensor]]:
    """Bent lines through the frame's centre; called with n, gives (n,) x and y in px.

    Length 1.5 frame widths; a sine of amplitude 6 px and wavelength 56 px; lateral scatter
    0.12 px.
    """
    angle_C = math.pi * torch.rand(curves, generator=generator)
    phase_C = 2 * math.pi * torch.rand(curves, generator=generator)
    centre = (size - 1) / 2

    def place(n: int) -> tuple[torch.Tensor, torch.Tensor]:
        curve_N = torch.randint(curves, (n,), generator=generator)
        along_N = 1.5 * size * (torch.rand(n, generator=generator) - 0.5)
        # The sine is shifted to zero at the centre, so that every curve passes through it.
        bend_N = torch.sin(2 * math.pi * along_N / 56 + phase_C[curve_N])
        across_N = 6 * (bend_N - torch.sin(phase_C[curve_N]))
        across_N = across_N + 0.12 * torch.randn(n, generator=generator)
        cos_N, sin_N = angle_C[curve_N].cos(), angle_C[curve_N].sin()
        return (
            centre + along_N * cos_N - across_N * sin_N,
            centre + along_N * sin_N + across_N * cos_N,
        )

    return place
