"""The table held against the movie: quiet where all is right, and clear where it is not."""

import dataclasses

import numpy as np
import pytest

from truevar.calibration.imaging_setup import Setup
from truevar.camera import SCMOS
from truevar.errors import TrueVARWarning
from truevar.inference.localize import localize
from truevar.inference.posterior_check import FRAMES, NOISE, WIDTH, Fit, doubts
from truevar.simulation.scenes import simulate

pytestmark = pytest.mark.filterwarnings("ignore::truevar.errors.TrueVARWarning")


@pytest.fixture(scope="module")
def movie():
    return simulate("2d-scmos", 0.2, 10, 64, 555, 10.0).frames()


def said(movie, model, **changes):
    how = {"camera": SCMOS, "pixel_size": 100.0, "psf_sigma": 130.0, "model": model, **changes}
    found = localize(movie, **how)
    return found.meta["fit"], found.meta["warnings"]


def test_a_movie_that_fits_is_not_remarked_on(movie, model):
    fit, warned = said(movie, model)
    assert warned == []
    assert fit["frames"] == len(movie)
    assert fit["emitters"] > 20
    assert 0.9 < fit["noise"] < 1.2
    assert abs(fit["width"]) < 0.04
    assert fit["misfit"] < 0.15
    assert fit["ellipse"] < 0.03


@pytest.mark.parametrize(("scene", "density"), [("2d-scmos", 4), ("2d-structured", 1)])
def test_dense_and_uneven_movies_are_not_remarked_on(scene, density, model):
    simulated = simulate(scene, density, 4, 64, 556)
    fit, warned = said(
        simulated.frames(), model, camera=simulated.camera, psf_sigma=simulated.psf_sigma
    )
    assert fit["noise"] is None or NOISE[0] < fit["noise"] < NOISE[1]
    assert warned == []


@pytest.mark.parametrize("factor", [3.0, 1 / 3])
def test_a_gain_that_is_wrong_shows_in_the_noise(movie, model, factor):
    camera = dataclasses.replace(SCMOS, e_per_adu=SCMOS.e_per_adu * factor)
    fit, warned = said(movie, model, camera=camera)
    assert fit["noise"] == pytest.approx(factor, rel=0.35)
    # That is told before the first frame; nothing is said twice.
    [line] = warned
    assert "noise" in line
    assert "e_per_adu" in line


@pytest.mark.parametrize("factor", [1.3, 1 / 1.3])
def test_a_width_that_is_wrong_shows_in_single_emitters(movie, model, factor):
    fit, warned = said(movie, model, psf_sigma=130.0 * factor)
    assert fit["width"] * (factor - 1) < 0
    assert abs(fit["width"]) > WIDTH
    [line] = [line for line in warned if "stand alone" in line]
    # It says which way to go, and about how far.
    better = float(line.split("psf_sigma=")[1])
    assert abs(better - 130) < 0.6 * abs(130 * factor - 130)


def test_elliptical_emitters_are_told_from_round_ones(model):
    rng = np.random.default_rng(4)
    rows, cols = np.mgrid[:64, :64]
    frames = []
    for number in range(8):
        expected = np.full((64, 64), 20.0)
        for y in range(8, 64, 16):
            for x in range(8, 64, 16):
                at_x, at_y = (v + rng.uniform(-2, 2) for v in (x, y))
                wide, high = (1.7, 1.1) if number % 2 else (1.1, 1.7)
                spot = np.exp(
                    -((cols - at_x) ** 2) / 2 / wide**2 - (rows - at_y) ** 2 / 2 / high**2
                )
                expected += 4000 / (2 * np.pi * wide * high) * spot
        frames.append(rng.poisson(expected) + 100.0)
    camera = {"baseline": 100.0, "e_per_adu": 1.0, "read_sigma": 0.1, "em_gain": 1.0}
    fit, warned = said(np.stack(frames).astype(np.float32), model, camera=camera, psf_sigma=135.0)
    assert fit["ellipse"] > 0.12
    assert abs(fit["width"]) < WIDTH
    assert any("elliptical" in line for line in warned)


def test_noise_that_an_estimated_camera_does_not_have_is_told():
    camera = dataclasses.replace(SCMOS, source="estimated by photon transfer")
    off = Fit(frames=8, emitters=0, noise=2.7, misfit=None, width=None, ellipse=None)
    [line] = doubts(off, Setup(100.0, 130.0, camera))
    assert "2.7 times" in line
    assert "--e-per-adu" in line.for_command_line()
    assert doubts(dataclasses.replace(off, noise=1.3), Setup(100.0, 130.0, camera)) == []


def test_light_that_lies_elsewhere_is_told():
    setup = Setup(100.0, 130.0, SCMOS)
    off = Fit(frames=8, emitters=50, noise=1.0, misfit=0.4, width=0.01, ellipse=0.01)
    [line] = doubts(off, setup)
    assert line.startswith("40%")
    assert doubts(dataclasses.replace(off, misfit=0.2), setup) == []


def test_frames_that_emitters_do_not_explain_are_told_whatever_was_given():
    setup = Setup(100.0, 130.0, SCMOS)
    awful = Fit(12, 0, None, None, None, None, left=334.5, bad_frames=1.0)
    [line] = doubts(awful, setup)
    assert "leave 334 times what noise would" in line
    assert doubts(dataclasses.replace(awful, left=7.4), setup) == []
    # A wrong gain, which has been told of before.
    assert doubts(dataclasses.replace(awful, left=95.0, noise=91.0), setup) == []


def test_it_is_told_as_warnings_are(movie, model):
    heard = []
    with pytest.warns(TrueVARWarning, match="stand alone"):
        localize(
            movie,
            model=model,
            camera=SCMOS,
            pixel_size=100,
            psf_sigma=170,
            announce=lambda setup: heard.extend(setup.warnings),
        )
    assert any("stand alone" in line for line in heard)


def test_frames_are_looked_at_all_over_the_movie(model):
    movie = simulate("2d-scmos", 0.05, 2 * FRAMES + 5, 24, 3).frames()
    fit, _ = said(movie, model, frames=(3, None))
    assert fit["frames"] == FRAMES
    assert said(movie[:1], model)[0]["frames"] == 1


def test_draws_and_previews_are_not_held_against_the_movie(movie, model):
    how = {"camera": SCMOS, "pixel_size": 100, "psf_sigma": 130, "model": model}
    assert "fit" not in localize(movie[:2], samples=1, **how).meta
    assert "fit" not in localize(movie[:2], preview=True, **how).meta


def test_a_movie_of_nothing_has_noise_only(model):
    rng = np.random.default_rng(0)
    movie = (rng.poisson(20.0, (3, 48, 48)) + 100).astype(np.float32)
    camera = {"baseline": 100.0, "e_per_adu": 1.0, "read_sigma": 0.0, "em_gain": 1.0}
    fit, warned = said(movie, model, camera=camera)
    assert fit["noise"] == pytest.approx(1.0, abs=0.15)
    assert fit["width"] is None
    assert not any("stand alone" in line for line in warned)


def test_what_is_missing_from_the_table_is_told(model):
    simulated = simulate("2d-scmos", 0.5, 8, 64, 557)
    how = {"camera": simulated.camera, "pixel_size": 100.0, "psf_sigma": 130.0, "model": model}
    frames = simulated.frames()
    right = localize(frames, **how).meta["fit"]
    assert 0.8 < right["left"] < 1.5
    assert right["bad_frames"] == 0
    assert right["missed"] < 0.04
    # So sure a model as hardly any emitter makes it.
    few = localize(frames, min_prob=0.995, **how).meta["fit"]
    assert few["missed"] > 0.15
