"""What errors are multiplied by: from the header and back, and used where answers are refined."""

import json

import numpy as np
import pytest
import torch

from truevar.imaging.gaussian import render_frames
from truevar.refinement.error_scale import LIMITS, NAMES, ErrorScale, circumstances
from truevar.refinement.refine import refine
from truevar.refinement.stack import Answers

SIGMA = 1.3


def scale_of(offset=0.0, seed=0, hidden=3):
    rng = np.random.default_rng(seed)
    Q = len(NAMES)
    return ErrorScale(
        rng.normal(size=Q),
        rng.uniform(0.5, 2, Q),
        rng.normal(size=(Q, hidden)),
        rng.normal(size=hidden),
        np.zeros(hidden) if offset else rng.normal(0, 0.3, hidden),
        offset,
    )


def test_it_comes_back_from_plain_values():
    scale, known = scale_of(), np.random.default_rng(1).normal(size=(50, len(NAMES)))
    again = ErrorScale.from_dict(json.loads(json.dumps(scale.to_dict())))
    assert again(known) == pytest.approx(scale(known), rel=1e-3)
    assert np.ptp(scale(known)) > 0.05


def test_none_and_those_of_other_columns_are_none():
    assert ErrorScale.from_dict({}) is None
    other = scale_of().to_dict()
    other["columns"] = other["columns"][:-1]
    assert ErrorScale.from_dict(other) is None


def test_it_stays_within_what_was_seen():
    known = np.zeros((1, len(NAMES)))
    assert scale_of(5.0)(known) == pytest.approx([LIMITS[1]])
    assert scale_of(-5.0)(known) == pytest.approx([LIMITS[0]])


def test_neighbours_are_counted_in_their_own_frame():
    place = np.array([[10.0, 10.0], [11.0, 10.0], [14.0, 10.0], [10.5, 10.0]])
    ones = np.ones(4)
    frame = np.array([0, 0, 0, 1])
    known = circumstances(
        frame, place, 0.1 * ones, 0.05 * ones, np.array([1, 1, 1, 3]), ones, ones, 500 * ones, SIGMA
    )
    columns = dict(zip(NAMES, known.T, strict=True))
    within_2 = columns["log neighbours within 2 PSF widths"]
    assert within_2 == pytest.approx(np.log1p([1, 1, 0, 0]))
    assert columns["log neighbours within 4"] == pytest.approx(np.log1p([2, 2, 2, 0]))
    nearest = columns["distance to the nearest, PSF widths"]
    assert nearest == pytest.approx([1 / SIGMA, 1 / SIGMA, 3 / SIGMA, 6.0])
    assert columns["log frames"] == pytest.approx(np.log([1, 1, 1, 3]))
    assert columns["log bound over error"] == pytest.approx(np.full(4, np.log(0.5)))


def test_refined_errors_are_the_answers_times_the_scale():
    x, y = (torch.tensor(v) for v in ([12.2, 30.4], [11.7, 29.1]))
    photons, sigma = torch.full((2,), 800.0), torch.full((2,), SIGMA)
    light = render_frames(x, y, photons, torch.zeros(2, dtype=torch.int64), sigma, 1, 40, 40)
    counts = torch.poisson(light + 10, generator=torch.Generator().manual_seed(0)).numpy()
    given = (np.full(2, v) for v in (0.12, 0.1, 800.0, 40.0))
    answers = Answers(np.zeros(2, np.int64), x.double().numpy(), y.double().numpy(), *given)
    scale = scale_of()
    found = refine(answers, counts, np.zeros((40, 40), np.float32), SIGMA, scale)
    factor = scale(found.known_RQ)
    assert found.sigma_x_R == pytest.approx(0.12 * factor)
    assert found.sigma_y_R == pytest.approx(0.1 * factor)
    columns = dict(zip(NAMES, found.known_RQ.T, strict=True))
    # Two frames apart from each other, explained well.
    assert np.exp(columns["log residual"]) == pytest.approx([1, 1], abs=0.35)
    assert np.exp(columns["log photons"]) == pytest.approx([800, 800])
    plain = refine(answers, counts, np.zeros((40, 40), np.float32), SIGMA)
    assert plain.sigma_x_R == pytest.approx([0.12, 0.12])
    np.testing.assert_array_equal(plain.x_R, found.x_R)
