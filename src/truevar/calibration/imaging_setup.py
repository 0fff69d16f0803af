"""The imaging setup of a movie: what the user says, what the file says, what is estimated.

Order of precedence: the user's numbers, the saved camera or the camera file that the user names,
the movie's tags, an estimate from the movie itself. What was used and where it came from goes into
the table's metadata.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truevar.calibration.camera_sources import (
    Stated,
    as_profile,
    camera_given,
    camera_of_maps,
    camera_of_numbers,
    disagreements,
    tags_profile,
    without_how,
)
from truevar.calibration.lengths import check_length, length_doubts
from truevar.calibration.plausibility import camera_doubts
from truevar.calibration.psf_width import ESTIMATE, estimate_psf_sigma
from truevar.camera import Camera
from truevar.errors import UserError
from truevar.io.camera_file import ASSUMED, BY_WIDTH, FILE, GIVEN, MEDIANS, CameraProfile
from truevar.io.camera_names import check_number
from truevar.io.movies.movie import Movie, check_values
from truevar.wording import Message, argument, listed, subject

ASSUMED_PIXEL_SIZE = 100.0
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
    camera: Camera | Stated | None = None,
    profile: Stated | None = None,
    maps: NDArray[np.float32] | str | PathLike[str] | None = None,
    offset: tuple[int, int] | None = None,
) -> Setup:
    """Settle pixel size, PSF width and camera.

    Args:
        movie: opened at the frames and region to localise.
        pixel_size: nm, from the user.
        psf_sigma: nm, from the user.
        camera: from the user: a whole camera, some of its numbers, a saved camera's name, or a
            camera file.
        profile: a saved camera, a camera file, or its numbers, where ``camera`` is not one.
        maps: (3, H, W) calibration maps of the movie's whole field, or of more, or their file.
        offset: (x, y) in px of the movie's first pixel on maps that are larger.

    Raises:
        UserError: a number out of range, maps that do not belong to the movie, or two of the
            arguments that say the same.
    """
    setup = Setup(0.0, 0.0, Camera(), {}, list(movie.notes), list(movie.warnings))
    sources = setup.sources
    user, file = _who_says(camera, profile, maps)
    tags = tags_profile(movie.meta)
    stated = (user, file, tags)
    setup.notes.extend((*user.notes, *file.notes))
    lengths: dict[str, float | None] = {}
    for name, given in {"pixel_size": pixel_size, "psf_sigma": psf_sigma}.items():
        said = next((one for one in stated if name in one.numbers), None)
        if given is not None:
            lengths[name], sources[name] = check_number(name, given, subject(name)), GIVEN
        elif said is not None:
            lengths[name], sources[name] = said.numbers[name], said.sources[name]
        else:
            lengths[name] = None
        value = lengths[name]
        # Tags have been judged where they were read.
        if value is not None and (given is not None or said is not tags):
            where = subject(name) if given is not None else f"{name} in {_who(sources[name])}"
            check_length(name, value, where, lengths["pixel_size"])
    px = lengths["pixel_size"]
    if px is None:
        px, sources["pixel_size"] = ASSUMED_PIXEL_SIZE, ASSUMED
        setup.warnings.append(
            Message(
                f"pixel size not given: {px:g} nm assumed, so lengths are in hundredths of a "
                f"pixel; give {argument('pixel_size', 'NM')}"
            )
        )
    setup.pixel_size = px
    setup.warnings.extend(length_doubts(px, lengths["psf_sigma"]))
    sample = cache(partial(_sample, movie))  # read once, if at all, for both estimates
    if maps is None:
        maps = _maps_of(file, user, camera, setup)
    if maps is not None:
        setup.camera = camera_of_maps(movie, maps, offset, setup)
        unused = [name for name in ("baseline", "e_per_adu", "read_sigma") if name in file.numbers]
        if not all(MEDIANS in file.sources[name] for name in unused):
            setup.notes.append(
                f"camera maps used; {listed(unused)} of {_who(file.sources[unused[0]])} not, for "
                "the maps say them"
            )
        for one in (file, tags):
            if one.numbers.get("em_gain", 1.0) > 1:
                setup.warnings.append(
                    f"camera maps are of an sCMOS: the EM gain of {one.numbers['em_gain']:g} "
                    f"({one.sources['em_gain']}) was not used"
                )
    elif isinstance(camera, Camera):
        setup.camera = camera_given(movie, camera, offset, setup)
    else:
        setup.camera = camera_of_numbers(stated, offset, setup, sample)
    setup.notes.extend(disagreements(file, tags, sources))
    estimated = [name for name, source in sources.items() if source.startswith("estimated")]
    if len(movie) > 1:
        setup.warnings.extend(camera_doubts(sample, setup.camera, estimated))
    sigma = lengths["psf_sigma"]
    if sigma is None:
        width = estimate_psf_sigma(
            setup.camera.to_photons(sample()),
            setup.camera.read_variance,
            setup.camera.excess,
        )
        sigma = width.sigma_px * px
        sources["psf_sigma"] = BY_WIDTH if width.spots else ASSUMED
        if width.spots:
            setup.notes.append(
                f"{ESTIMATE} from {width.spots} spots of the movie: {sigma:.0f} nm "
                f"({width.sigma_px:.2f} px)"
            )
        if width.note:
            setup.warnings.append(width.note)
    elif BY_WIDTH in sources["psf_sigma"]:
        setup.notes.append(f"PSF width of {sigma:.0f} nm as it was estimated from another movie")
    setup.psf_sigma = sigma
    return setup


def _who_says(
    camera: Camera | Stated | None, profile: Stated | None, maps: Any
) -> tuple[CameraProfile, CameraProfile]:
    """What the user's own numbers say, and the camera file."""
    if isinstance(profile, Camera):
        raise UserError("camera_profile is a camera file; give a Camera as camera")
    if isinstance(camera, (str, PathLike)):
        if profile is not None:
            raise UserError("camera and camera_profile are both a camera file; give one of them")
        camera, profile = None, camera
    whole = camera is None or isinstance(camera, Camera)
    user = CameraProfile() if whole else as_profile(camera)  # type: ignore[arg-type]
    # What a table's metadata say of maps, their medians, is no contradiction to the maps.
    twice = any(user.sources.get(name) == GIVEN for name in ("baseline", "e_per_adu", "read_sigma"))
    twice = twice or isinstance(camera, Camera) or user.numbers.get("em_gain", 1.0) > 1
    if maps is not None and twice:
        raise UserError("camera_maps and camera both say what the camera is; give one of them")
    return user, CameraProfile() if profile is None else as_profile(profile)


def _maps_of(file: CameraProfile, user: CameraProfile, camera: Any, setup: Setup) -> Path | None:
    """The maps that a camera file names, unless the user says what they would say."""
    if file.maps is None:
        return None
    of_maps = ("baseline", "e_per_adu", "read_sigma")
    said: list[str] = [name for name in of_maps if name in user.numbers]
    if user.numbers.get("em_gain", 1.0) > 1:
        said.append("em_gain")
    if isinstance(camera, Camera):
        said.append("camera")
    if said:
        setup.notes.append(f"{listed(said)} given: the camera maps {file.maps} are not used")
        return None
    return file.maps


def _who(source: str) -> str:
    """What messages call the one who states a number."""
    return FILE if source == GIVEN else without_how(source)


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
