"""Every line of docs/protocol.md's Scoring, on cases that can be counted by hand."""

import json

import numpy as np
import pytest

from truevar.camera import SCMOS
from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.evaluation import scoring
from truevar.evaluation.bootstrap import FrameSums, interval
from truevar.evaluation.limits import single_emitter_bound
from truevar.evaluation.matching import assign
from truevar.evaluation.scoring import best_threshold, evaluate, paired_difference, pool

SIZE = {"pixel_size": 100.0, "width": 64, "height": 64}
ALL = {**SIZE, "dim_share": 0.0}


def table(rows, meta=None, **more):
    frame, x, y = np.asarray(rows, dtype=float).reshape(-1, 3).T
    return Emitters({"frame": frame, "x": x, "y": y, **more}, meta)


def grid(n, frames=1, step=1000.0):
    """n x n emitters far from each other in every frame, off the border."""
    places = 900.0 + step * np.arange(n)
    return table([[f, x, y] for f in range(frames) for y in places for x in places])


def moved(truth, dx, dy, **more):
    return Emitters({"frame": truth.frame, "x": truth.x + dx, "y": truth.y + dy, **more})


def test_counted_by_hand():
    """Three found with 30, 40 and 0 nm, one missed, one false alarm."""
    truth = table([[0, 1000, 1000], [0, 3000, 1000], [1, 1000, 1000], [1, 3000, 3000]])
    pred = table([[0, 1030, 1000], [0, 3000, 1040], [1, 1000, 1000], [1, 1000, 3000]])
    found = evaluate(pred, truth, **ALL)
    assert (found.tp, found.fp, found.fn, found.frames) == (3, 1, 1, 2)
    assert found.jaccard == pytest.approx(60)
    assert found.precision == found.recall == pytest.approx(75)
    rmse = np.sqrt((900 + 1600) / 3)
    assert found.rmse == pytest.approx(rmse)
    assert found.efficiency == pytest.approx(100 - np.hypot(40, rmse))
    assert found.ece is found.coverage_68 is found.duplicates is found.limit_ratio is None


def test_border_goes_by_the_truth_of_a_pair_and_by_the_place_of_a_lone_prediction():
    truth = table([[0, 390, 1000], [0, 410, 2000], [0, 100, 5000]])
    pred = table(
        [
            [0, 420, 1000],  # matched with an emitter in the border: counts nowhere
            [0, 380, 2000],  # lies in the border, its emitter does not: TP
            [0, 200, 3000],  # lone, in the border: nowhere
            [0, 500, 4000],  # lone, inside: FP
        ]
    )
    found = evaluate(pred, truth, **ALL)
    assert (found.tp, found.fp, found.fn) == (1, 1, 0)


def test_the_dimmest_quarter_counts_nowhere():
    truth = table([[0, 1000 * i, 1000] for i in range(1, 5)], photons=[10.0, 500, 500, 600])
    pred = table([[0, 1010, 1000], [0, 2010, 1000]])
    found = evaluate(pred, truth, **SIZE)
    assert (found.tp, found.fp, found.fn) == (1, 0, 2)
    missed = evaluate(pred.select([1]), truth, **SIZE)
    assert (missed.tp, missed.fp, missed.fn) == (1, 0, 2)
    assert evaluate(pred, truth, **SIZE, dim_photons=550).fn == 1


def test_finding_nothing():
    truth, none = grid(3), Emitters.empty()
    found = evaluate(none, truth, **ALL)
    assert found.jaccard == 0
    assert np.isnan(found.rmse)
    assert found.efficiency == pytest.approx(100 - np.hypot(100, 250))
    silent = evaluate(none, none, **ALL)
    assert np.isnan(silent.efficiency)
    assert silent.as_dict()["efficiency"] is None
    assert evaluate(grid(2), none, **ALL).fp == 4


def test_axial_error_and_efficiency():
    truth = grid(3).with_columns(z=np.zeros(9))
    pred = moved(truth, 40.0, 0.0, z=np.full(9, 60.0))
    found = evaluate(pred, truth, **ALL)
    assert found.rmse_axial == pytest.approx(60)
    assert found.efficiency_lateral == pytest.approx(60)
    assert found.efficiency_axial == pytest.approx(70)
    assert found.efficiency == pytest.approx(65)


def test_duplicates_are_predictions_within_a_sigma_of_one_of_their_frame():
    pred = table([[0, 1000, 1000], [0, 1130, 1000], [1, 1000, 1000], [1, 1131, 1000]])
    found = evaluate(pred, grid(2), **ALL, psf_sigma=130.0)
    assert found.duplicates == pytest.approx(50)


def normal_errors(n_frames=60, sigma=12.0, seed=0, jitter=300.0):
    rng = np.random.default_rng(seed)
    truth = grid(5, n_frames)
    truth = moved(truth, *rng.uniform(-jitter, jitter, (2, len(truth))))
    dx, dy = rng.normal(0, sigma, (2, len(truth)))
    told = {"sigma_x": np.full(len(truth), 12.0), "sigma_y": np.full(len(truth), 12.0)}
    return moved(truth, dx, dy, **told), truth


def test_coverage_of_normal_errors():
    found = evaluate(*normal_errors(), **ALL)
    assert found.coverage_50 == pytest.approx(50, abs=4)
    assert found.coverage_68 == pytest.approx(68, abs=4)
    assert found.coverage_95 == pytest.approx(95, abs=2)
    low, high = found.intervals["coverage_68"]
    assert low < 68 < high
    assert high - low < 10
    boastful = evaluate(*normal_errors(sigma=24.0), **ALL)
    assert boastful.coverage_95 < 60
    pred, truth = normal_errors(2)
    unknown = pred.with_columns(sigma_x=np.full(len(pred), np.nan))
    assert evaluate(unknown, truth, **ALL).coverage_95 == 0


def test_distance_from_the_limit():
    """Errors drawn with 1.3 times the bound; then with a bias; only isolated emitters count."""
    rng = np.random.default_rng(1)
    _, truth = normal_errors(40, jitter=100.0)
    photons = rng.uniform(500, 4000, len(truth))
    meta = {**SIZE, "psf_sigma": 130.0, "camera": SCMOS.describe(), "frames": 45}
    truth = Emitters({**truth.columns, "photons": photons, "bg": np.full(len(truth), 20.0)}, meta)
    own = single_emitter_bound(photons, 20.0, 1.3, SCMOS, truth.x / 100, truth.y / 100)
    dx, dy = (1.3 * 100 * std * rng.normal(size=len(truth)) for std in (own.x, own.y))
    pred = moved(truth, dx, dy)
    # A close pair is not isolated, though one of it is too dim to be scored.
    close = {"frame": [41, 41], "x": [3000.0, 3700.0], "y": [3000.0, 3000.0]}
    truth = Emitters.concat([truth, Emitters({**close, "photons": [3000, 5], "bg": [20, 20]})])
    pred = Emitters.concat([pred, Emitters({**close, "y": [3200.0, 3200.0]})])
    found = evaluate(pred, truth)
    assert found.frames == 45
    assert found.limit_ratio == pytest.approx(1.3, rel=0.08)
    low, high = found.intervals["limit_ratio"]
    assert low < 1.3 < high
    assert found.duplicates == 0
    shifted = evaluate(moved(pred, 0.0, 2.0), truth)
    assert shifted.bias_x == pytest.approx(found.bias_x)
    assert shifted.bias_y == pytest.approx(found.bias_y + 2.0)
    assert shifted.limit_ratio > found.limit_ratio
    assert abs(found.bias_y) < 0.6
    given = evaluate(pred, truth, bounds=np.full((len(truth), 2), 1e9))
    assert given.limit_ratio < 1e-6
    with pytest.raises(UserError, match="bounds"):
        evaluate(pred, truth, bounds=np.ones(3))


def test_calibration_of_prob():
    """Candidates of which the share p is real, and all above 0.05 count, kept or not."""
    rng = np.random.default_rng(2)
    every = grid(5, 200)
    prob = rng.choice([0.03, 0.25, 0.85], len(every))
    truth = every.select(rng.random(len(every)) < prob)
    pred = every.with_columns(prob=prob)
    fair = evaluate(pred, truth, **ALL, min_prob=0.5)
    assert fair.ece < 0.03
    assert fair.fp == ((prob == 0.85).sum() - fair.tp)
    shy = evaluate(pred.with_columns(prob=np.where(prob > 0.5, 0.65, prob)), truth, **ALL)
    assert shy.ece == pytest.approx(0.1, abs=0.03)
    with pytest.raises(UserError, match="prob"):
        evaluate(every, truth, **ALL, min_prob=0.5)


def test_pixel_grid_bias():
    """An estimator that is drawn 10 % of the way to the pixel's centre."""
    rng = np.random.default_rng(3)
    truth = grid(5, 40)
    truth = moved(truth, *rng.uniform(-200, 200, (2, len(truth))))
    centre_x, centre_y = (np.round(v / 100) * 100 for v in (truth.x, truth.y))
    pred = moved(truth, 0.1 * (centre_x - truth.x), 0.1 * (centre_y - truth.y))
    assert evaluate(pred, truth, **ALL).grid_bias == pytest.approx(4.5, abs=0.3)
    assert evaluate(truth, truth, **ALL).grid_bias == 0


def test_interval_is_that_of_frames():
    """Half of the frames perfect, half empty-handed: JI 50 ± 1.96 √(0.25 / F)."""
    truth = grid(2, 100)
    found = evaluate(truth.select(truth.frame % 2 == 0), truth, **ALL)
    low, high = found.intervals["jaccard"]
    assert found.jaccard == 50
    assert low == pytest.approx(50 - 9.8, abs=1.5)
    assert high == pytest.approx(50 + 9.8, abs=1.5)
    assert not evaluate(truth, truth, **ALL, resamples=0).intervals


def test_medians_of_resamples_are_those_of_the_values_written_out():
    frame_sums = FrameSums(3)
    frame, value = np.array([0, 0, 1, 2, 2]), np.array([5.0, 1.0, 2.0, 9.0, 4.0])
    frame_sums.add_values("v", frame, value)
    weights = np.array([[1.0, 1, 1], [2, 1, 0], [0, 0, 3], [0, 2, 1]])
    medians = frame_sums.weighed(weights)[1]["v"]
    plain = [np.median(np.repeat(value, w[frame].astype(int))) for w in weights]
    np.testing.assert_allclose(medians, plain)
    assert np.isnan(interval(np.full(3, np.nan))[0])


def test_paired_difference_sees_what_single_intervals_hide():
    """Frames differ a lot, the two methods little, but always the same way."""
    rng = np.random.default_rng(4)
    truth = grid(5, 60)
    hard = rng.uniform(0.2, 1.0, 60)[truth.frame]
    kept = rng.random(len(truth)) < hard
    a = truth.select(kept)
    b = truth.select(kept & (rng.random(len(truth)) < 0.95))
    score_a, score_b = evaluate(a, truth, **ALL), evaluate(b, truth, **ALL)
    assert score_a.intervals["efficiency"][0] < score_b.intervals["efficiency"][1]
    apart = paired_difference(score_a, score_b)
    assert apart.value == pytest.approx(score_a.efficiency - score_b.efficiency)
    assert 0 < apart.low < apart.value < apart.high
    assert apart.clear
    assert not paired_difference(score_a, score_a).clear
    with pytest.raises(UserError, match="paired"):
        paired_difference(score_a, evaluate(truth, grid(5, 61), **ALL))
    with pytest.raises(UserError, match="ece"):
        paired_difference(score_a, score_b, "ece")


def test_pooled_movies_are_one_movie():
    pred, truth = normal_errors(10)
    early = [t.select(t.frame < 4) for t in (pred, truth)]
    late = [t.select(t.frame >= 4) for t in (pred, truth)]
    late = [t.with_columns(frame=t.frame - 4) for t in late]
    pooled = pool([evaluate(*early, **ALL, resamples=0), evaluate(*late, **ALL, resamples=0)])
    whole = evaluate(pred, truth, **ALL)
    both = [score.as_dict() for score in (pooled, whole)]
    for plain in both:
        del plain["intervals"]
    assert both[0] == pytest.approx(both[1])
    assert (pooled.tp, pooled.frames) == (whole.tp, whole.frames)
    assert pooled.intervals["rmse"] == pytest.approx(whole.intervals["rmse"])
    with pytest.raises(UserError, match="no scores"):
        pool([])


def test_best_threshold():
    """Right ones with 0.6, false ones with 0.3 and nothing else."""
    truth = grid(5, 4)
    wrong = moved(truth, 500.0, 500.0)
    wrong = wrong.select(np.flatnonzero((wrong.x < 5900) & (wrong.y < 5900)))
    pred = Emitters.concat(
        [
            truth.with_columns(prob=np.full(len(truth), 0.6)),
            wrong.with_columns(prob=np.full(len(wrong), 0.3)),
        ]
    )
    best = best_threshold(pred, truth, **ALL)
    assert best.efficiency == 100
    assert 0.3 < best.threshold <= 0.6
    assert len(best.thresholds) == len(best.efficiencies) == 19
    for least, found in zip(best.thresholds, best.efficiencies, strict=True):
        single = evaluate(pred, truth, **ALL, min_prob=least, resamples=0)
        assert found == pytest.approx(single.efficiency)
    brightness = pred.with_columns(photons=1000 * pred.prob)
    assert best_threshold(brightness, truth, **ALL, thresholds=[500.0], by="photons").efficiency
    with pytest.raises(UserError, match="no thresholds"):
        best_threshold(pred, truth, **ALL, thresholds=[])


def test_what_is_written():
    found = evaluate(*normal_errors(5), **ALL, psf_sigma=130.0)
    plain = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert plain["limit_ratio"] is None
    assert len(plain["intervals"]["efficiency"]) == 2
    text = found.text()
    assert len(text.splitlines()) < 24
    assert max(map(len, text.splitlines())) <= 80
    for label in ("Jaccard", "RMSE", "coverage", "duplicates", "pixel-grid"):
        assert label in text


def test_wrong_input():
    with pytest.raises(UserError, match="width"):
        evaluate(grid(2), grid(2), 100.0)
    with pytest.raises(UserError, match="from 0"):
        evaluate(table([[-1, 0, 0]]), grid(2), **ALL)
    with pytest.raises(UserError, match="tables of truevar.Emitters are scored, not str"):
        evaluate("a.csv", grid(2), **ALL)
    given = {"pixel_size": 100.0, "width": 64, "height": 64}
    for wrong in (
        {"pixel_size": "100"},
        {"pixel_size": 0},
        {"width": -3},
        {"height": 6.5},
        {"psf_sigma": "130"},
        {"psf_sigma": -130},
        {"psf_sigma": [130, 140, 150]},
        {"border": "wide"},
        {"dim_share": 25},
        {"dim_photons": -1},
        {"radius": 0},
        {"frames": 0},
        {"resamples": -1},
    ):
        with pytest.raises(UserError, match=f"^{next(iter(wrong))} is "):
            evaluate(grid(2), grid(2), **{**given, **wrong})


def test_a_thousand_resamples_match_no_emitter_again(monkeypatch):
    """They draw from sums per frame; matching again would take as long a thousand times."""
    assigned = []

    def counting(pairs):
        assigned.append(len(pairs))
        return assign(pairs)

    monkeypatch.setattr(scoring, "assign", counting)
    truth = grid(3, 20)
    pred = moved(truth, *np.random.default_rng(5).normal(0, 10, (2, len(truth))))
    found = evaluate(pred, truth, **ALL)
    assert assigned == [len(truth)]
    low, high = found.intervals["rmse"]
    assert low < found.rmse < high
