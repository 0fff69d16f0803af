import dataclasses

import numpy as np
import pytest
from scipy.spatial import cKDTree

from truevar.camera import SCMOS, Camera
from truevar.inference.engine import Engine, frames_per_batch
from truevar.simulation.scenes import simulate


@pytest.fixture(scope="module")
def movie():
    return simulate("2d-scmos", 0.7, 7, 96, seed=11).frames()[:, :, :56]


def run(model, movie, blocks=None, camera=SCMOS, precision="float32", **options):
    """All emitters as rows (frame, x, y, photons, prob), sorted."""
    shape = movie.shape[1:]
    engine = Engine(model, camera, 1.3, *shape, min_prob=0.3, precision=precision, **options)
    blocks = blocks or [movie]
    rows, first = [], 0
    for found, count in engine.run(iter(blocks)):
        columns = (found.image + first, found.x, found.y, found.photons, found.prob)
        rows.append(np.stack(columns, 1))
        first += count
    assert first == len(movie)
    table = np.concatenate(rows)
    return table[np.lexsort((table[:, 1], table[:, 2], table[:, 0]))]


def test_blocks_do_not_show(model, movie):
    whole = run(model, movie)
    assert len(whole) > 100
    for cuts in ([1], [3], [1, 2, 3, 4, 5, 6], [2, 6]):
        np.testing.assert_allclose(
            run(model, movie, np.split(movie, cuts)), whole, rtol=2e-3, atol=2e-3
        )


def test_tiles_do_not_show(model, movie):
    whole = run(model, movie)
    tiled = run(model, movie, tile=40)
    assert len(tiled) == len(whole)
    np.testing.assert_allclose(tiled, whole, rtol=2e-3, atol=2e-3)


def test_fewer_digits_give_nearly_the_same(model, movie):
    whole = run(model, movie)
    short = run(model, movie, precision="bfloat16")
    assert len(short) == pytest.approx(len(whole), rel=0.02)
    tree = cKDTree(whole[:, :3] * [100, 1, 1])
    apart, _ = tree.query(short[:, :3] * [100, 1, 1])
    assert np.median(apart) < 0.01
    assert np.mean(apart < 0.3) > 0.97


def test_a_single_frame_works(model, movie):
    assert len(run(model, movie[3:4])) > 10


def test_neighbours_sharpen_the_answer(model):
    """Over frames with truth, three frames beat one: that is what the context is for."""
    simulated = simulate("2d-scmos", 1.0, 16, 64, seed=12)
    frames, truth = simulated.frames(), simulated.truth
    bright = truth.select(truth.photons > 400)

    def median_error(rows):
        errors = []
        for f in range(1, 15):
            mine = rows[rows[:, 0] == f]
            for x, y in zip(
                bright.x[bright.frame == f] / 100, bright.y[bright.frame == f] / 100, strict=True
            ):
                errors.append(np.hypot(mine[:, 1] - x, mine[:, 2] - y).min())
        return np.median(errors)

    together = run(model, frames)
    alone = np.concatenate(
        [run(model, frames[f : f + 1]) + np.array([f, 0, 0, 0, 0]) for f in range(16)]
    )
    assert median_error(together) < 0.97 * median_error(alone)


def test_emitters_lie_within_the_field(model, movie):
    found = run(model, movie[:, :, :50])
    assert found[:, 1].min() >= -0.5
    assert found[:, 1].max() < 49.5


@pytest.mark.parametrize("side", [60, 62])
def test_nothing_is_found_along_the_edges_of_a_padded_frame(model, side):
    """Squares of 8 px do not fill such frames; zeros beyond made emitters along their edges."""
    simulated = simulate("2d-scmos", 0.3, 12, side, seed=5, background=50.0)
    rows = run(model, simulated.frames())
    frame, x, y = rows[rows[:, 4] >= model.threshold, :3].T
    truth = simulated.truth
    true = np.stack([truth.x / 100, truth.y / 100, 100 * truth.frame], axis=1)
    far, _ = cKDTree(true).query(np.stack([x, y, 100 * frame], axis=1))
    assert len(x) > 100
    assert ((far > 2.5) & ((x > side - 4) | (y > side - 4))).sum() <= 2


def test_gain_and_offset_do_not_change_photons(model, movie):
    """The same light through another conversion gives the same emitters."""
    electrons = SCMOS.to_photons(movie)
    other = Camera(baseline=0.0, e_per_adu=1.0, read_sigma=1.5)
    np.testing.assert_allclose(
        run(model, electrons, camera=other), run(model, movie), rtol=2e-3, atol=2e-3
    )


def test_an_emccd_frame_has_photons_of_the_light(model):
    simulated = simulate("2d-emccd", 0.1, 12, 64, seed=2)
    engine = Engine(model, simulated.camera, 1.1, 64, 64, 0.5)
    found = [batch for batch, _ in engine.run([simulated.frames()])]
    photons = np.concatenate([batch.photons for batch in found])
    truth = simulated.truth.photons
    assert np.percentile(photons, 90) == pytest.approx(np.percentile(truth, 90), rel=0.15)


def test_emitters_get_the_frame_they_are_in(model):
    simulated = simulate("2d-scmos", 0.3, 5, 48, seed=4)
    rows = run(dataclasses.replace(model), simulated.frames())
    truth = simulated.truth
    for f in range(5):
        mine, true = rows[rows[:, 0] == f], truth.select((truth.frame == f) & (truth.photons > 600))
        for x, y in zip(true.x / 100, true.y / 100, strict=True):
            if 2 < x < 45 and 2 < y < 45:
                assert np.hypot(mine[:, 1] - x, mine[:, 2] - y).min() < 1.5


def test_batches_fit_any_machine():
    assert frames_per_batch(16, 16) == 64
    assert frames_per_batch(64, 64) == 16
    assert frames_per_batch(4096, 4096) == 1


def test_draws_are_whole_answers_and_the_same_for_a_seed(model, movie):
    table, *draws = (run(model, movie, samples=samples) for samples in (None, 1, 1))
    assert (draws[0][:, 4] == 1).all()
    assert len(draws[0]) == pytest.approx(table[:, 4].sum(), rel=0.25)
    np.testing.assert_array_equal(draws[0], draws[1])
    many = run(model, movie, samples=4)
    assert len(many) == pytest.approx(4 * len(draws[0]), rel=0.1)
    first = [row in many[:, 1].tolist() for row in draws[0][:, 1].tolist()]
    assert all(first)
    assert len(np.unique(many[:, 1])) > 3 * len(draws[0])


def test_blocks_do_not_show_however_far_a_model_looks(model, far_sighted, movie):
    whole = run(far_sighted, movie)
    assert len(whole) > 50
    near = run(model, movie)
    assert len(whole) != len(near) or not np.allclose(whole, near, atol=0.01)  # it does look
    for cuts in ([1], [3], [1, 2, 3, 4, 5, 6], [2, 6]):
        np.testing.assert_allclose(
            run(far_sighted, movie, np.split(movie, cuts)), whole, rtol=2e-3, atol=2e-3
        )


def test_frames_beside_a_part_make_it_what_it_is_in_the_whole(far_sighted, movie):
    whole = run(far_sighted, movie)
    engine = Engine(far_sighted, SCMOS, 1.3, 96, 56, min_prob=0.3, precision="float32")
    for first, end in ((0, 1), (1, 2), (2, 5), (3, 4), (5, 7)):
        before, after = movie[max(first - 4, 0) : first], movie[end : end + 4]
        parts = [found for found, _ in engine.run([movie[first:end]], before, after)]
        x = np.sort(np.concatenate([part.x for part in parts]))
        there = whole[(whole[:, 0] >= first) & (whole[:, 0] < end)]
        np.testing.assert_allclose(x, np.sort(there[:, 1]), atol=2e-3)
