"""Emitters near each other in a frame."""

from __future__ import annotations

import numpy as np

from truevar.imaging.neighbours import distance_to_nearest, set_apart


def test_only_what_is_in_one_frame_is_near() -> None:
    point_N3 = set_apart([0.0, 3.0, 0.0, 9.0], [0.0, 4.0, 0.0, 0.0], [7, 7, 8, 8], reach=5.0)
    assert distance_to_nearest(point_N3, 5.0).tolist() == [5.0, 5.0, np.inf, np.inf]


def test_nothing_is_near_to_one_alone() -> None:
    for n in (0, 1):
        point_N3 = set_apart(np.zeros(n), np.zeros(n), np.zeros(n), reach=5.0)
        assert distance_to_nearest(point_N3, 5.0).tolist() == n * [np.inf]
