"""The camera of a movie, by the order of precedence of those who say something about it.

The caller's numbers go first, then the camera file that the caller names, then the movie's
tags, then an estimate from the movie itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from truevar.calibration.photon_transfer import estimate_camera
from truevar.camera import Camera
from truevar.errors import UserError
from truevar.io.camera_file import (
    ASSUMED,
    BY_TRANSFER,
    FILE,
    MEDIANS,
    UNKNOWN_NOISE,
    CameraProfile,
    profile_from,
)
from truevar.io.camera_maps import check_maps, place_on_maps, read_camera_maps, turned_maps
from truevar.io.camera_names import CAMERA_NUMBERS, check_number
from truevar.io.movies.movie import Movie, check_values
from truevar.io.saved_cameras import SAVED, read_camera
from truevar.wording import Message, argument, subject

if TYPE_CHECKING:
    from truevar.calibration.imaging_setup import Setup

Stated = CameraProfile | Mapping[str, Any] | str | PathLike[str]
"""What numbers may be given as: a profile, a mapping, a saved camera's name, or a camera file."""

PER_PIXEL = "per-pixel maps"
"""Source of a camera that calibration maps give."""

TAGS = "the movie's tags"
"""Source of numbers that the movie's file gives."""

_LOW_GAIN = 10.0
"""EMCCDs are run at gains of 50 to 1000; conversions are 0.1 to 10."""


def as_profile(stated: Stated) -> CameraProfile:
    """What was said about the camera, in whatever form it was given.

    Raises:
        UserError: a file that cannot be read, a key or number that cannot be used, or
            something else altogether.
    """
    if isinstance(stated, CameraProfile):
        return stated
    if isinstance(stated, Mapping):
        return profile_from(stated)
    if isinstance(stated, (str, PathLike)):
        return read_camera(stated)
    raise UserError(
        "a camera is a mapping of numbers, the name of a saved one, a camera file or a "
        f"truevar.Camera, not {type(stated).__name__}"
    )


def tags_profile(meta: Mapping[str, Any]) -> CameraProfile:
    """What a movie's tags say (:attr:`truevar.io.movies.movie.Movie.meta`)."""
    names = ("pixel_size", *CAMERA_NUMBERS)
    numbers = {
        name: check_number(name, meta[name], f"{name} ({TAGS})")
        for name in names
        if meta.get(name) is not None
    }
    return CameraProfile(numbers, dict.fromkeys(numbers, TAGS))


def camera_of_maps(movie: Movie, maps: Any, offset: tuple[int, int] | None, setup: Setup) -> Camera:
    """The sCMOS of calibration maps, cut to the movie's region.

    Raises:
        UserError: maps that no camera has, or that do not belong to the movie.
    """
    values = read_camera_maps(maps) if isinstance(maps, (str, PathLike)) else check_maps(maps)
    rows, cols = place_on_maps(values.shape[1:], movie.field, offset)
    values = values[:, rows, cols]
    region = _region(movie)
    few = movie.read(0, min(len(movie), 12))
    check_values(few, movie.first_frame)
    setup.warnings.extend(turned_maps(values[1], *region, few))
    setup.sources["camera"] = PER_PIXEL
    return Camera.from_maps(values, PER_PIXEL).crop(*region)


def camera_given(
    movie: Movie, camera: Camera, offset: tuple[int, int] | None, setup: Setup
) -> Camera:
    """A whole camera, cut to the movie's region where it has maps.

    Raises:
        UserError: its maps are neither as large as the movie's frames nor as its region, and
            it was not said where the movie lies on them.
    """
    setup.sources["camera"] = camera.source
    _question_gain(camera.em_gain, setup)
    shape = camera.shape
    if shape is None:
        _refuse_offset(offset)
        return camera
    if offset is None and shape == movie.shape[1:] and shape != movie.field:
        return camera  # of the region already
    rows, cols = place_on_maps(shape, movie.field, offset, "the camera's maps")
    return camera.crop(rows, cols).crop(*_region(movie))


def camera_of_numbers(
    stated: Sequence[CameraProfile],
    offset: tuple[int, int] | None,
    setup: Setup,
    sample: Callable[[], NDArray[Any]],
) -> Camera:
    """The camera of the first that says each number, the rest estimated or assumed.

    Args:
        stated: who goes first, first.
        offset: refused, for there are no maps that it could refer to.
        setup: told where the numbers came from.
        sample: gives some of the movie's frames.
    """
    _refuse_offset(offset)
    numbers: dict[str, float] = {}
    origin: dict[str, str] = {}
    for one in stated:
        for name in CAMERA_NUMBERS:
            if name in one.numbers and name not in numbers:
                numbers[name], origin[name] = one.numbers[name], one.sources[name]
    _say_what_is_second_hand(origin, setup)
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
                origin[name] = BY_TRANSFER
    if "read_sigma" not in numbers:
        if any(BY_TRANSFER in source for source in origin.values()):
            # Read noise that is not known has been counted as background.
            numbers["read_sigma"], origin["read_sigma"] = 0.0, UNKNOWN_NOISE
        else:
            numbers["read_sigma"] = 1.5 if numbers.get("em_gain", 1.0) == 1 else 75.0
            origin["read_sigma"] = ASSUMED
            setup.notes.append(
                Message(
                    f"read noise not given: {numbers['read_sigma']:g} electrons assumed; give "
                    f"{argument('camera', {'read_sigma': 'E'})}"
                )
            )
    _question_gain(numbers.get("em_gain", 1.0), setup)
    setup.sources.update({f"camera.{name}": source for name, source in origin.items()})
    return Camera(**numbers, source=" and ".join(dict.fromkeys(origin.values())))


def disagreements(stated: CameraProfile, tags: CameraProfile, used: Mapping[str, str]) -> list[str]:
    """Notes on numbers that the movie's tags say otherwise than the camera that was named.

    Args:
        stated: the camera file's, or the saved camera's.
        tags: the movie's.
        used: source of every number that was used.
    """
    return [
        f"{name} {stated.numbers[name]:g} of {without_how(stated.sources[name])} used; the movie's "
        f"tags say {said:g}"
        for name, said in tags.numbers.items()
        if used.get(name, used.get(f"camera.{name}", "")).startswith((FILE, SAVED))
        and name in stated.numbers
        and abs(stated.numbers[name] - said) > 1e-3 * abs(said)
    ]


def without_how(source: str) -> str:
    """Who says a number: ``the camera file`` of ``the camera file (estimated …)``."""
    return source.partition(" (")[0]


def _say_what_is_second_hand(origin: Mapping[str, str], setup: Setup) -> None:
    """Warn of numbers that a settings file has from an estimate, or instead of maps."""
    themselves = argument("camera_maps", "FILE")
    for how, what in (
        (BY_TRANSFER, "had been estimated from another movie by photon transfer, not calibrated"),
        (MEDIANS, f"are medians of per-pixel maps; give the maps themselves with {themselves}"),
    ):
        names = [name for name, source in origin.items() if how in source]
        if names:
            setup.warnings.append(Message(f"{' and '.join(names)} of the camera's settings {what}"))


def _question_gain(em_gain: float, setup: Setup) -> None:
    if 1 < em_gain < _LOW_GAIN:
        instead = argument("camera", {"em_gain": 1, "e_per_adu": em_gain})
        setup.warnings.append(
            Message(
                f"an EM gain of {em_gain:g} is unusually low, and any above 1 doubles the variance "
                "of photon noise: it looks like the conversion of a camera without "
                f"multiplication; if so, give {instead} (or {1 / em_gain:.3g} where it is in ADU "
                "per electron)"
            )
        )


def _refuse_offset(offset: tuple[int, int] | None) -> None:
    if offset is not None:
        raise UserError(
            f"{subject('camera_offset')} says where a movie lies on camera maps; there are none"
        )


def _region(movie: Movie) -> tuple[slice, slice]:
    """Rows and columns of the movie's region in its whole frames."""
    _, height, width = movie.shape
    return slice(movie.y0, movie.y0 + height), slice(movie.x0, movie.x0 + width)
