"""The imaging setup of a movie: what the user says, what the file says, what is estimated.

Order of precedence: the user, the file's tags, a camera profile, an estimate from the movie
itself. What was used and where it came from goes into the table's metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truevar.camera import Camera
from truevar.errors import UserError
from truevar.infer.photon_transfer import estimate_camera
from truevar.infer.psf_width import estimate_psf_sigma
from truevar.io.camera_file import check_maps, check_number, fit_maps
from truevar.io.movies import Movie, check_values

ASSUMED_PIXEL_SIZE = 100.0
_CAMERA_NUMBERS = ("baseline", "e_per_adu", "em_gain", "read_sigma", "qe", "cic")
_SAMPLE_PIXELS = 8_000_000


@dataclass
class Setup:
    """What a movie was taken with.

    Attributes:
        pixel_size: nm.
        psf_sigma: nm.
        camera: of the region that is localised.
        sources: where each came from.
        notes: what was found, one line each.
        warnings: what may be wrong with the result, one line each.
    """

    pixel_size: float
    psf_sigma: float
    camera: Camera
    sources: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def find_setup(
    movie: Movie,
    pixel_size: float | None = None,
    psf_sigma: float | None = None,
    camera: Camera | Mapping[str, float] | None = None,
    profile: Mapping[str, float] | None = None,
    maps: NDArray[np.float32] | None = None,
) -> Setup:
    """Settle pixel size, PSF width and camera.

    Args:
        movie: opened at the frames and region to localise.
        pixel_size: nm, from the user.
        psf_sigma: nm, from the user.
        camera: a whole camera, or some of its numbers, from the user.
        profile: numbers of a camera file.
        maps: (3, H, W) calibration maps of the movie's whole field.

    Raises:
        UserError: a number out of range, or maps that do not belong to the movie.
    """
    setup = Setup(0.0, 0.0, Camera(), {}, list(movie.notes))
    sources = setup.sources
    tags = dict(movie.meta)
    profile = dict(profile or {})
    given = {"pixel_size": pixel_size, "psf_sigma": psf_sigma}
    lengths: dict[str, float | None] = {}
    for name, user in given.items():
        shown = f"--{name.replace('_', '-')}"
        if user is not None:
            lengths[name], sources[name] = check_number(name, user, shown), "given"
        elif name == "pixel_size" and tags.get(name):
            lengths[name], sources[name] = float(tags[name]), "the movie's tags"
        elif profile.get(name):
            lengths[name], sources[name] = float(profile[name]), "the camera file"
        else:
            lengths[name] = None
    px = lengths["pixel_size"]
    if px is None:
        px, sources["pixel_size"] = ASSUMED_PIXEL_SIZE, "assumed"
        setup.warnings.append(
            f"pixel size not given: {px:g} nm assumed, so lengths are in hundredths of a "
            "pixel; give --pixel-size NM"
        )
    setup.pixel_size = px
    sample = cache(partial(_sample, movie))  # read once, if at all, for both estimates
    setup.camera = _settle_camera(movie, camera, tags, profile, maps, setup, sample)
    sigma = lengths["psf_sigma"]
    if sigma is None:
        width = estimate_psf_sigma(
            setup.camera.to_photons(sample()),
            setup.camera.read_variance,
            setup.camera.excess,
        )
        sigma, sources["psf_sigma"] = width.sigma_px * px, "estimated from the movie"
        if width.spots:
            setup.notes.append(
                f"PSF width estimated from {width.spots} spots of the movie: {sigma:.0f} nm "
                f"({width.sigma_px:.2f} px)"
            )
        if width.note:
            setup.warnings.append(width.note)
    setup.psf_sigma = sigma
    return setup


def _settle_camera(
    movie: Movie,
    camera: Camera | Mapping[str, float] | None,
    tags: Mapping[str, Any],
    profile: Mapping[str, float],
    maps: NDArray[np.float32] | None,
    setup: Setup,
    sample: Callable[[], NDArray[Any]],
) -> Camera:
    """The camera by the order of precedence; says in ``setup`` where it came from."""
    sources = setup.sources
    _, height, width = movie.shape
    rows = slice(movie.y0, movie.y0 + height)
    cols = slice(movie.x0, movie.x0 + width)
    if maps is not None:
        maps = check_maps(maps)
        few = movie.read(0, min(len(movie), 12))
        check_values(few, movie.first_frame)
        setup.warnings.extend(fit_maps(maps, movie.field, rows, cols, few))
        sources["camera"] = "per-pixel maps"
        return Camera.from_maps(maps, "per-pixel maps").crop(rows, cols)
    if isinstance(camera, Camera):
        sources["camera"] = camera.source
        shape = camera.shape
        if shape is not None and shape != (height, width):
            if movie.y0 + height > shape[0] or movie.x0 + width > shape[1]:
                raise UserError(
                    f"the camera's maps are {shape[1]} x {shape[0]} px, the movie "
                    f"{width} x {height} px"
                )
            return camera.crop(rows, cols)
        return camera
    unknown = sorted(set(camera or {}) - set(_CAMERA_NUMBERS))
    if unknown:
        raise UserError(
            f"a camera has no {unknown[0]!r}; its numbers are {', '.join(_CAMERA_NUMBERS)}"
        )
    numbers: dict[str, float] = {}
    origin: dict[str, str] = {}
    for source, values in (
        ("given", camera or {}),
        ("the movie's tags", tags),
        ("the camera file", profile),
    ):
        for name in _CAMERA_NUMBERS:
            value = values.get(name)
            if value is None or name in numbers:
                continue
            numbers[name] = check_number(name, value, f"{name} ({source})")
            origin[name] = source
    if "baseline" not in numbers or "e_per_adu" not in numbers:
        estimated, said = estimate_camera(
            sample(),
            numbers.get("baseline"),
            numbers.get("e_per_adu"),
            em_gain=numbers.get("em_gain", 1.0),
            read_sigma=numbers.get("read_sigma", 0.0),
        )
        setup.warnings.extend(said)
        for name in ("baseline", "e_per_adu"):
            if name not in numbers:
                numbers[name] = float(np.median(getattr(estimated, name)))
                origin[name] = "estimated by photon transfer"
    if "read_sigma" not in numbers:
        if "estimated by photon transfer" in origin.values():
            # Read noise that is not known has been counted as background.
            numbers["read_sigma"], origin["read_sigma"] = 0.0, "part of the estimated background"
        else:
            numbers["read_sigma"] = 1.5 if numbers.get("em_gain", 1.0) == 1 else 75.0
            origin["read_sigma"] = "assumed"
    sources.update({f"camera.{name}": source for name, source in origin.items()})
    said_by = " and ".join(dict.fromkeys(origin.values()))
    return Camera(**numbers, source=said_by)


def _sample(movie: Movie) -> NDArray[Any]:
    """Runs of successive frames spread over the movie, few enough to be quick."""
    n_frames, height, width = movie.shape
    wanted = int(np.clip(_SAMPLE_PIXELS // (height * width), 2, 200))
    if wanted >= n_frames:
        picked = [(0, n_frames)]
    else:
        run = min(10, wanted)
        starts = np.unique(np.linspace(0, n_frames - run, max(wanted // run, 1)).astype(int))
        picked = [(int(start), int(start) + run) for start in starts]
    blocks = []
    for start, stop in picked:
        block = movie.read(start, stop)
        check_values(block, movie.first_frame + start)
        blocks.append(block)
    return np.concatenate(blocks)
