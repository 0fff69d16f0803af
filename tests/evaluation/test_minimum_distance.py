"""RMSMD by hand, and where it differs from an assignment."""

import math

import numpy as np
import pytest

from truevar.evaluation.minimum_distance import root_mean_square_minimum_distance as rmsmd


def test_of_one_to_one_neighbours_it_is_their_error():
    true = np.array([[0.0, 0], [1000, 0], [0, 1000]])
    assert rmsmd(true + [3, 4], true) == pytest.approx(5)


def test_by_hand():
    """Missed: 90 from the answer at 10. Found twice: 10 each."""
    found = [[10, 0], [-10, 0]]
    true = [[0, 0], [100, 0]]
    assert rmsmd(found, true) == pytest.approx(math.sqrt((10**2 + 90**2 + 10**2 + 10**2) / 4))
    assert rmsmd(true, found) == rmsmd(found, true)


def test_without_points_it_is_not_known():
    assert math.isnan(rmsmd(np.empty((0, 2)), [[0, 0]]))
