import math

import numpy as np
import pytest
import torch

from truevar.errors import UserError
from truevar.simulation.background import haze
from truevar.simulation.scenes import SCENES, simulate


def test_same_seed_same_movie_other_seed_another():
    first, again, other = (simulate("2d-scmos", 0.5, 4, 32, seed) for seed in (1, 1, 2))
    frames = first.frames()
    assert frames.dtype == np.uint16
    assert frames.shape == (4, 32, 32)
    np.testing.assert_array_equal(frames, again.frames())
    assert not np.array_equal(frames, other.frames())


@pytest.mark.parametrize("name", sorted(SCENES))
def test_photons_of_the_movie_are_those_of_truth_and_background(name):
    movie = simulate(name, 0.5, 40, 48, seed=5)
    photons = movie.camera.to_photons(movie.frames())
    background = float(movie.background_HW.mean())
    # Light of emitters near the border falls partly outside; the truth inside is a good bound.
    light = movie.truth.photons.sum() / photons.size
    assert photons.mean() - background == pytest.approx(light, rel=0.1)


def test_density_and_brightness_are_as_asked():
    movie = simulate("2d-scmos", 1.0, 400, 64, seed=3)
    per_frame = len(movie.truth) / 400
    assert per_frame == pytest.approx(1.5 * 6.4**2, rel=0.08)
    full = movie.truth.select(movie.truth.photons > 3000)
    assert full.photons.max() <= 4000
    assert set(movie.truth.columns) == {"frame", "x", "y", "photons", "bg", "id"}
    assert movie.truth.meta["background"] == 22.0


def test_truth_lies_within_the_field_and_frames_are_sorted():
    truth = simulate("2d-scmos", 2.0, 20, 32, seed=9).truth
    assert truth.x.min() >= -50
    assert truth.x.max() < 3150
    assert (np.diff(truth.frame) >= 0).all()


def test_filaments_pass_through_the_centre_and_keep_the_density():
    movie = simulate("filaments", 1.0, 300, 64, seed=4)
    assert len(movie.truth) / 300 == pytest.approx(1.5 * 6.4**2, rel=0.15)
    counts, _, _ = np.histogram2d(movie.truth.x, movie.truth.y, bins=64, range=[[0, 6400]] * 2)
    # Emitters on curves fill few of the px that uniform ones would fill.
    assert (counts > 0).mean() < 0.45
    assert counts[29:35, 29:35].mean() > 3 * counts.mean()


def test_haze_is_at_least_one_and_structured():
    factor = haze(8, 40, 40, torch.Generator().manual_seed(0))
    assert float(factor.min()) >= 1
    assert float(factor.flatten(1).std(1).min()) > 0.1


@pytest.mark.parametrize(
    "numbers",
    [
        {"scene": "4d"},
        {"density": 0.0},
        {"density": math.nan},
        {"frames": 0},
        {"size": 8},
        {"background": -1.0},
        {"density": "1"},
        {"frames": 2.5},
        {"size": None},
        {"seed": "a"},
        {"seed": 2**70},
        {"background": [10]},
    ],
)
def test_impossible_scenes_are_refused(numbers):
    with pytest.raises(UserError, match=next(iter(numbers))):
        simulate(**numbers)


def test_a_scene_is_a_name():
    with pytest.raises(UserError, match="unknown scene"):
        simulate(["2d-scmos"])


@pytest.mark.parametrize(
    "slip", [{"frames": 2**61}, {"density": 1e308}, {"background": 1e300}, {"size": 10**6}]
)
def test_slips_are_refused_before_the_work(slip):
    with pytest.raises(UserError):
        simulate("2d-scmos", **slip)
