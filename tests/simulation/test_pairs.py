"""The scene of two emitters close to each other."""

import math

import numpy as np
import pytest

from truevar.errors import UserError
from truevar.model.weights import available_models, load_model
from truevar.simulation.pairs import BLOCK, places
from truevar.simulation.scenes import simulate


def two_by_two(truth, name):
    """(frames and pairs, 2): the first and the second emitter of each."""
    return truth[name].reshape(-1, 2)


def test_pairs_are_as_asked_and_stay_for_a_block():
    truth = simulate(
        "pair", frames=12, size=64, seed=1, separation=104, photons=5000, ratio=3
    ).truth
    assert len(truth) == 12 * 2 * 9
    x, y, photons, pair = (two_by_two(truth, name) for name in ("x", "y", "photons", "pair"))
    np.testing.assert_allclose(np.hypot(x[:, 1] - x[:, 0], y[:, 1] - y[:, 0]), 104)
    np.testing.assert_allclose(photons, np.broadcast_to([7500, 2500], photons.shape))
    np.testing.assert_array_equal(pair[:, 0], pair[:, 1])
    assert len(np.unique(truth["pair"])) == 3 * 9  # the third block is cut short
    for which in np.unique(truth["pair"]):
        rows = truth.select(truth["pair"] == which)
        assert set(rows.frame // BLOCK) == {which // 9}
        assert len(np.unique(rows.x)) == len(np.unique(rows["id"])) == 2
    assert len(np.unique(truth["id"])) == 2 * 3 * 9


def test_single_emitters_are_as_bright_as_two_and_where_the_pairs_are():
    truth = simulate("pair", frames=5, size=64, seed=2, separation=0, photons=1000).truth
    assert len(truth) == 5 * 9
    np.testing.assert_allclose(truth.photons, 2000)
    pairs = simulate("pair", frames=5, size=64, seed=2, separation=300, ratio=1).truth
    np.testing.assert_allclose(two_by_two(pairs, "x").mean(1), truth.x)
    np.testing.assert_allclose(two_by_two(pairs, "y").mean(1), truth.y)


def test_each_pair_its_own_where_nothing_is_asked_for():
    movie = simulate("pair", frames=200, size=64, seed=3)
    truth = movie.truth.select(movie.truth.frame % BLOCK == BLOCK // 2)
    x, y, photons = (two_by_two(truth, name) for name in ("x", "y", "photons"))
    dx, dy = x[:, 1] - x[:, 0], y[:, 1] - y[:, 0]
    apart = np.hypot(dx, dy)
    assert 50 <= apart.min() < 60
    assert 390 < apart.max() <= 400
    ratio = np.round(photons[:, 0] / photons[:, 1], 6)
    assert set(ratio) == {1.0, 3.0}
    assert (ratio == 3).mean() == pytest.approx(0.5, abs=0.1)
    np.testing.assert_allclose(photons.mean(1), 10_000)
    assert movie.truth.meta["background"] == 100
    # No direction and no place within a px is preferred.
    assert abs(np.exp(2j * np.arctan2(dy, dx)).mean()) < 0.12
    assert abs(np.exp(2j * math.pi * x.mean(1) / 100).mean()) < 0.12


@pytest.mark.parametrize("size", [16, 40, 64, 100])
def test_pairs_are_far_from_pairs_and_within_the_field(size):
    truth = simulate("pair", frames=100, size=size, seed=4, separation=400).truth
    truth = truth.select(truth.frame % BLOCK == 0)
    assert len(truth) == 20 * 2 * places(size)
    assert truth.x.min() > 250
    assert truth.x.max() < 100 * size - 350
    for rows in truth.by_frame().values():
        one = truth.select(rows)
        apart = np.hypot(one.x[:, None] - one.x, one.y[:, None] - one.y)
        strangers = apart[one["pair"][:, None] != one["pair"]]
        assert strangers.size == 0 or strangers.min() > 9 * 130


def test_the_light_is_that_of_the_truth():
    movie = simulate("pair", frames=10, size=40, seed=5, photons=4000, background=20)
    light = movie.camera.to_photons(movie.frames()).mean() - 20
    assert light * 40**2 == pytest.approx(4 * 8000, rel=0.03)


def test_same_seed_same_movie():
    first, again, other = (simulate("pair", frames=3, size=24, seed=s).frames() for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("name", available_models())
def test_a_block_is_all_that_a_model_looks_at(name):
    assert 2 * load_model(name).network.around + 1 <= BLOCK


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({"separation": -1}, "separation"),
        ({"separation": 401}, "separation"),
        ({"ratio": 0.5}, "ratio"),
        ({"ratio": math.nan}, "ratio"),
        ({"photons": 0}, "photons"),
        ({"photons": "many"}, "photons"),
        ({"density": 1}, "the scene pair has no density"),
        ({"scene": "2d-scmos", "separation": 100}, "the scene 2d-scmos has no separation"),
        ({"scene": "2d-scmos", "photons": 100}, "the scene 2d-scmos has no photons"),
        ({"scene": "filaments", "ratio": 1}, "the scene filaments has no ratio"),
        ({"frames": 2**50}, "fewer frames"),
    ],
)
def test_impossible_pairs_are_refused(numbers, said):
    with pytest.raises(UserError, match=said):
        simulate(**{"scene": "pair", "frames": 2, **numbers})
