"""The PSF's width where no spot stands alone."""

import numpy as np
import pytest

from truevar.calibration.psf_width import estimate_psf_sigma
from truevar.camera import SCMOS
from truevar.inference.localize import localize
from truevar.inference.width_from_emitters import width_from_emitters
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
