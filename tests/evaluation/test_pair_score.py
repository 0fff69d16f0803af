"""When a pair counts as told apart, and a single emitter as split."""

import numpy as np
import pytest

from truevar.emitters import Emitters
from truevar.evaluation.pair_score import answers_near, pair_errors, share


def answers(*places):
    """Of frame 2, at x along y = 0."""
    x = np.array(places, dtype=float)
    return Emitters({"frame": np.full(len(x), 2), "x": x, "y": np.zeros(len(x))})


TRUTH = answers(0, 100, 2000, 2100).with_columns(id=[3, 2, 0, 1], pair=[1, 1, 0, 0])


def test_errors_stand_in_the_order_of_pairs_and_ids():
    errors = pair_errors(answers(2105, 1990, 1, 97), TRUTH, 100)
    np.testing.assert_allclose(errors, [[10, 5], [3, 1]])


@pytest.mark.parametrize(
    ("found", "both"),
    [
        ((0, 100), True),
        ((49, 51), True),
        ((49, 49), False),  # both on one side
        ((50,), False),  # one in the middle
        ((-20, 30), False),
        ((-60, 100), False),  # further away than half the separation
        ((-10, 40, 110), True),
        ((), False),
    ],
)
def test_both_are_found_one_to_one_within_half_the_separation(found, both):
    errors = pair_errors(answers(*found), TRUTH, 100)
    np.testing.assert_array_equal(np.isfinite(errors).all(1), [False, both])


def test_answers_in_other_frames_do_not_count():
    errors = pair_errors(answers(0, 100).with_columns(frame=[2, 3]), TRUTH, 100)
    np.testing.assert_array_equal(np.isfinite(errors), [[False, False], [False, True]])


def test_splits_are_counted_per_single_emitter():
    truth = answers(0, 1000, 2000)
    found = answers(-100, 120, 1010, 1600)
    np.testing.assert_array_equal(answers_near(found, truth), [2, 1, 0])
    np.testing.assert_array_equal(answers_near(answers(), truth), [0, 0, 0])


def test_shares_have_an_interval_even_where_all_agree():
    # Wilson's interval of 10 among 40, worked out by hand: 14.2 to 40.2 %.
    assert share(np.arange(40) < 10) == pytest.approx((25, 14.19, 40.19), abs=0.01)
    middle, low, high = share(np.zeros(100, dtype=bool))
    assert (middle, low) == (0, 0)
    assert 3 < high < 4
    assert share(np.ones(100, dtype=bool))[2] == 100
