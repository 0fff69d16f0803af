"""Who is matched with whom, and who counts."""

import numpy as np
import pytest

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.evaluation import matching
from truevar.evaluation.matching import (
    assign,
    candidate_pairs,
    efficiency,
    in_field,
    is_bright,
    is_scored,
    match,
)


def table(rows, **more):
    frame, x, y = np.asarray(rows, dtype=float).reshape(-1, 3).T
    return Emitters({"frame": frame, "x": x, "y": y, **more})


def test_optimal_where_greedy_loses_a_pair():
    """The nearest pair (p1, t0: 100 nm) would leave p0 and t1 500 nm apart."""
    truth = table([[0, 0, 0], [0, 300, 0]])
    pred = table([[0, -200, 0], [0, 100, 0]])
    pairs = match(pred, truth)
    assert pairs.pred.tolist() == [0, 1]
    assert pairs.truth.tolist() == [0, 1]
    np.testing.assert_allclose(pairs.distance, [200, 200])


def test_least_total_distance_among_full_matchings():
    truth = table([[0, 0, 0], [0, 100, 0]])
    pred = table([[0, 90, 0], [0, 10, 0]])
    assert match(pred, truth).truth.tolist() == [1, 0]


def test_the_radius_is_the_limit_and_frames_do_not_mix():
    truth = table([[0, 0, 0], [1, 0, 0], [3, 0, 0]])
    pred = table([[0, 250, 0], [1, 250.1, 0], [2, 0, 0]])
    pairs = match(pred, truth)
    assert list(zip(pairs.pred, pairs.truth, strict=True)) == [(0, 0)]
    assert len(match(pred, truth, radius=100)) == 0


def test_one_prediction_for_one_emitter():
    pairs = match(table([[0, 20, 0], [0, 10, 0], [0, 30, 0]]), table([[0, 0, 0]]))
    assert pairs.pred.tolist() == [1]


def test_empty_tables_and_wrong_numbers():
    one, none = table([[0, 0, 0]]), Emitters.empty(("frame", "x", "y"))
    assert len(match(none, one)) == len(match(one, none)) == len(match(none, none)) == 0
    with pytest.raises(UserError, match="not finite"):
        match(table([[0, np.nan, 0]]), one)


def test_axially_within_500_nm():
    truth = table([[0, 0, 0], [1, 0, 0]], z=[0.0, 0.0])
    pred = table([[0, 10, 0], [1, 10, 0]], z=[500.0, 501.0])
    assert match(pred, truth).pred.tolist() == [0]


def random_tables(n, frames, size, seed=0):
    rng = np.random.default_rng(seed)
    truth = np.stack([rng.integers(0, frames, n), *rng.uniform(0, size, (2, n))], axis=1)
    pred = truth + np.stack([np.zeros(n), *rng.normal(0, 120, (2, n))], axis=1)
    return table(pred[rng.random(n) < 0.8]), table(truth)


@pytest.mark.parametrize("dense_cells", [4_000_000, 0])
def test_groups_give_what_the_whole_frame_gives(monkeypatch, dense_cells):
    """Against one assignment of a whole frame, by the dense and by the sparse solver."""
    from scipy.optimize import linear_sum_assignment

    monkeypatch.setattr(matching, "_DENSE_CELLS", dense_cells)
    pred, truth = random_tables(300, 1, 6400)
    far = np.hypot(pred.x[:, None] - truth.x, pred.y[:, None] - truth.y)
    i, j = linear_sum_assignment(np.where(far <= 250, far, 1e6))
    near = far[i, j] <= 250
    pairs = assign(candidate_pairs(pred, truth))
    assert len(pairs) == near.sum()
    assert pairs.distance.sum() == pytest.approx(far[i, j][near].sum())
    assert len(set(pairs.pred)) == len(set(pairs.truth)) == len(pairs)


def test_big_dense_frames_are_matched_in_small_groups(monkeypatch):
    """A choice among n by m costs about n²m: all of a frame at once would be 6,000 by 7,500."""
    pred, truth = random_tables(30_000, 4, 100_000)
    cells = []

    def counting(pred_k, truth_k, distance_k):
        cells.append(len(np.unique(pred_k)) * len(np.unique(truth_k)))
        return assign_group(pred_k, truth_k, distance_k)

    assign_group = matching._assign_group
    monkeypatch.setattr(matching, "_assign_group", counting)
    assert len(match(pred, truth)) > 15_000
    assert len(cells) > 1000
    assert max(cells) < 10_000


def test_the_border_is_measured_from_the_frames_edge():
    """A frame of 20 x 10 px of 100 nm reaches from -50 to 1950 and to 950 nm."""
    places = table([[0, 400, 400], [0, 399, 450], [0, 1500, 500], [0, 1501, 500], [0, 900, 501]])
    assert in_field(places, 100.0, 20, 10).tolist() == [True, False, True, False, False]


def test_the_dimmest_quarter():
    truth = table([[0, 1000, 1000]] * 8, photons=[8, 7, 6, 5, 4, 3, 2, 1])
    assert is_bright(truth).tolist() == [True] * 6 + [False] * 2
    assert is_bright(truth, dim_share=0).all()
    assert is_bright(truth.with_columns(photons=[5.0] * 8)).all()
    assert is_bright(table([[0, 0, 0]])).all()
    assert is_scored(truth, 100.0, 64, 64).sum() == 6


def test_efficiency_of_the_challenge():
    assert efficiency(100, 0) == 100
    assert efficiency(70, 40) == pytest.approx(50)
    assert efficiency(70, 80, alpha=0.5) == pytest.approx(50)
