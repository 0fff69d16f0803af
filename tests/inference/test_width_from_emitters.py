"""The PSF's width where no spot stands alone."""

import numpy as np
import pytest

from truevar.calibration.psf_width import estimate_psf_sigma
from truevar.camera import SCMOS
from truevar.inference.asked import Asked
from truevar.inference.localize import localize
from truevar.inference.width_from_emitters import FoundWidth, width_from_emitters
from truevar.io.movies.movie import open_movie
from truevar.simulation.scenes import simulate

pytestmark = pytest.mark.filterwarnings("ignore::truevar.errors.TrueVARWarning")


@pytest.fixture(scope="module")
def crowd():
    """Frames so dense that single spots give a width a tenth too large."""
    return simulate("2d-scmos", 4, 24, 64, 900, 50.0).frames()


def found_from(frames, model, guess, camera=SCMOS):
    with open_movie(frames) as part:
        return width_from_emitters(model, part, camera, guess)


@pytest.mark.parametrize("guess", [1.0, 1.8])
def test_a_dense_movie_tells_its_width_whatever_the_guess(crowd, model, guess):
    spots = estimate_psf_sigma(SCMOS.to_photons(crowd), SCMOS.read_variance)
    assert spots.sigma_px > 1.05 * 1.3
    found = found_from(crowd, model, guess)
    assert found.sigma_px == pytest.approx(1.3, rel=0.03)
    assert found.overlapping
    assert found.per_px == pytest.approx(0.04, rel=0.5)


@pytest.mark.parametrize(("scene", "width"), [("2d-widths-80", 0.8), ("2d-widths-180", 1.8)])
def test_other_widths(scene, width, model):
    movie = simulate(scene, 1, 12, 64, 901)
    found = found_from(movie.frames(), model, 1.3, movie.camera)
    assert found.sigma_px == pytest.approx(width, rel=0.04)


def test_nothing_is_told_of_what_tells_nothing(model):
    noise = (np.random.default_rng(0).poisson(30.0, (6, 64, 64)) + 100).astype(np.float32)
    assert found_from(noise, model, 1.3) is None
    tiny = simulate("2d-scmos", 4, 6, 20, 902).frames()
    assert found_from(tiny, model, 1.3) is None


def test_localising_takes_it_where_single_spots_are_doubtful(crowd, model):
    how = {"model": model, "camera": SCMOS, "pixel_size": 100}
    found = localize(crowd[:8], **how)
    assert found.meta["psf_sigma"] == pytest.approx(130, rel=0.03)
    assert found.meta["sources"]["psf_sigma"] == "estimated from the movie"
    [note] = [line for line in found.meta["notes"] if "PSF width" in line]
    assert "emitters that the model finds" in note
    assert not any("PSF width" in line for line in found.meta["warnings"])
    # What was stated is left alone.
    assert localize(crowd[:2], psf_sigma=140, **how).meta["psf_sigma"] == 140


def test_where_spots_stand_alone_they_are_believed(model):
    movie = simulate("2d-scmos", 0.1, 20, 64, 903).frames()
    found = localize(movie, model=model, camera=SCMOS, pixel_size=100)
    [note] = [line for line in found.meta["notes"] if "PSF width" in line]
    assert "spots of the movie" in note
    assert found.meta["psf_sigma"] == pytest.approx(130, rel=0.04)


def width_of(frames, model):
    asked = Asked(model=model, camera=SCMOS, pixel_size=100)
    with open_movie(frames) as part:
        return asked.setup_of(part).psf_sigma / 100


def test_where_emitters_are_few_sound_spots_are_kept(model):
    """The few that a dozen frames of a dim movie hold say 6 % too little here."""
    frames = simulate("2d-dim", 0.1, 42, 64, 7_800_334, 20.0).frames()
    spots = estimate_psf_sigma(SCMOS.to_photons(frames), SCMOS.read_variance)
    assert not spots.note
    found = found_from(frames, model, spots.sigma_px)
    assert abs(found.sigma_px / spots.sigma_px - 1) > 0.04
    assert not found.overlapping
    assert width_of(frames, model) == pytest.approx(spots.sigma_px)
    assert spots.sigma_px == pytest.approx(1.3, rel=0.04)


def test_few_emitters_that_all_are_pairs_overrule_their_spots(model):
    frames = simulate("pair", None, 20, 128, 7_800_000, 100.0, 234.0, 10_000.0, 1.0).frames()
    spots = estimate_psf_sigma(SCMOS.to_photons(frames), SCMOS.read_variance)
    assert not spots.note
    assert spots.sigma_px > 1.15 * 1.3
    assert width_of(frames, model) == pytest.approx(1.3, rel=0.03)


@pytest.mark.parametrize(
    ("found_px", "per_px", "error", "so"),
    [
        (1.2, 0.001, 0.01, True),  # few emitters: narrower by more than six errors
        (1.2, 0.001, 0.02, False),
        (1.4, 0.001, 0.005, False),  # overlaps make no spot narrower
        (1.27, 0.001, 0.001, False),
        (1.4, 0.05, 0.02, True),  # a crowd: by 4 %
        (1.33, 0.05, 0.001, False),
    ],
)
def test_what_contradicts_spots(found_px, per_px, error, so):
    assert FoundWidth(found_px, per_px, error).contradicts(1.3) is so
