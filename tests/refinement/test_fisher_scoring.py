"""The joint fit against closed forms and known truths."""

import numpy as np
import pytest
import torch

from truevar.imaging.gaussian import render_frames
from truevar.imaging.light import LightOnFrames
from truevar.refinement.background import background_of
from truevar.refinement.fisher_scoring import Fit, JointFit, _total
from truevar.refinement.refine import refine
from truevar.refinement.stack import Answers
from truevar.refinement.tracks import tracks_of

SIGMA = 1.3


def light_of(x, y, photons, frame, shape=(2, 30, 34)):
    given = [torch.tensor(v, dtype=torch.float32) for v in (x, y, photons)]
    return LightOnFrames(*given, torch.tensor(frame), SIGMA, shape)


def test_the_light_is_that_of_the_imaging_model():
    x, y, photons, frame = [4.3, 5.1, 33.2], [7.6, 8.8, 0.1], [900.0, 500.0, 700.0], [0, 0, 1]
    mine = light_of(x, y, photons, frame).expected()
    theirs = render_frames(
        *(torch.tensor(v) for v in (x, y, photons)), torch.tensor(frame),
        torch.full((3,), SIGMA), 2, 30, 34,
    )  # fmt: skip
    torch.testing.assert_close(mine, theirs, rtol=0, atol=900 * 1e-3)


def test_products_of_the_jacobian_are_differences_of_the_light():
    given = [[4.3, 5.1, 20.2], [7.6, 8.8, 11.1], [900.0, 500.0, 700.0]]
    step = [[0.01, -0.02, 0.015], [0.02, 0.01, -0.01], [3.0, -2.0, 1.0]]
    frame = [0, 0, 1]
    light = light_of(*given, frame)
    ahead, behind = (
        light_of(*(np.add(v, s * np.array(d)) for v, d in zip(given, step, strict=True)), frame)
        for s in (0.5, -0.5)
    )
    by_step = light.change(*(torch.tensor(d) for d in step))
    torch.testing.assert_close(by_step, ahead.expected() - behind.expected(), rtol=1e-2, atol=2e-3)
    # The gradient is the transpose of it.
    torch.manual_seed(0)
    weight = torch.rand(2, 30, 34)
    along = sum(
        (g * torch.tensor(d)).sum() for g, d in zip(light.gradient(weight), step, strict=True)
    )
    assert float(along) == pytest.approx(float((weight * by_step).sum()), rel=1e-4)
    # And an emitter's own information is the square of its derivative.
    only_x = light.change(torch.tensor([1.0, 0.0, 0.0]), torch.zeros(3), torch.zeros(3))
    own = light.information(weight)[0][0]
    assert float(own) == pytest.approx(float((weight * only_x**2).sum()), rel=1e-4)


def test_a_background_without_emitters_is_found_and_a_weightless_pixel_does_not_tell():
    row = torch.linspace(10, 20, 40)
    truth = row[None, :, None].expand(2, 40, 36)
    left = truth.clone()
    weight = torch.ones_like(left)
    left[:, 5, 5], weight[:, 5, 5] = 1e4, 0.0
    found = background_of(left, weight, SIGMA)
    assert found.shape == left.shape
    torch.testing.assert_close(found[:, 12:-12], truth[:, 12:-12], rtol=0.03, atol=0)
    assert background_of(-left, weight, SIGMA).min() > 0


def frames_of(x, y, photons, frame, n_frames, background, seed=0):
    """Counts (T, 48, 48) of emitters of a Poisson camera."""
    given = [torch.tensor(v, dtype=torch.float32) for v in (x, y, photons)]
    light = render_frames(
        *given, torch.tensor(frame), torch.full((len(x),), SIGMA), n_frames, 48, 48
    )
    generator = torch.Generator().manual_seed(seed)
    return torch.poisson(light + background, generator=generator)


def test_crowded_emitters_are_placed_as_well_as_light_allows():
    """Pairs 1.5 PSF widths apart over four frames: errors as the Fisher information has them."""
    rng = np.random.default_rng(1)
    errors, bounds = [], []
    for seed in range(6):
        place = np.array([[8 + 16 * i, 8 + 16 * j] for i in range(3) for j in range(3)], float)
        place += rng.uniform(-0.5, 0.5, place.shape)
        way = rng.uniform(0, 2 * np.pi, len(place))
        pair = 0.75 * SIGMA * np.stack([np.cos(way), np.sin(way)], 1)
        place = np.concatenate([place - pair, place + pair])
        track = np.tile(np.arange(len(place)), 4)
        frame = np.repeat(np.arange(4), len(place))
        photons = np.full(len(frame), 1000.0)
        counts = frames_of(*place[track].T, photons, frame, 4, 20.0, seed)
        start = place + rng.normal(0, 0.15, place.shape)
        joint = JointFit(
            counts, torch.zeros(48, 48), torch.tensor(frame), torch.tensor(track),
            Fit(torch.tensor(start, dtype=torch.float32), torch.full((len(frame),), 900.0)),
            torch.full((len(place),), 1.0), SIGMA,
        )  # fmt: skip
        errors.append(joint.run().fit.place_K2.numpy() - place)
        light = LightOnFrames(
            *(torch.tensor(v, dtype=torch.float32) for v in (*place[track].T, photons)),
            torch.tensor(frame), SIGMA, (4, 48, 48),
        )  # fmt: skip
        jacobian = []
        for k in range(len(place)):
            on = torch.tensor(track == k, dtype=torch.float32)
            for axis in range(2):
                zero = torch.zeros_like(on)
                given = (on, zero, zero) if axis == 0 else (zero, on, zero)
                jacobian.append(light.change(*given).flatten())
        for d in range(len(frame)):
            one = torch.zeros(len(frame))
            one[d] = 1.0
            jacobian.append(
                light.change(torch.zeros_like(one), torch.zeros_like(one), one).flatten()
            )
        matrix = torch.stack(jacobian).double()
        information = (matrix / (light.expected() + 20.0).flatten()) @ matrix.T
        bounds.append(torch.linalg.inv(information).diagonal()[: 2 * len(place)].numpy())
    error = np.concatenate(errors).ravel()
    ratio = np.sqrt(np.mean(error**2) / np.mean(np.concatenate(bounds)))
    assert 0.85 < ratio < 1.15


def test_emitters_are_followed_through_frames_within_their_errors():
    frame = np.array([0, 0, 1, 1, 2, 4])
    x = np.array([10.0, 20.0, 10.1, 20.8, 10.05, 10.0])
    y = np.full(6, 5.0)
    track = tracks_of(frame, x, y, np.full(6, 0.1), SIGMA)
    # 0.8 px is further than their errors allow; frame 3 is missing before the last one.
    assert track.tolist() == [0, 1, 0, 2, 0, 3]


def test_two_emitters_never_become_one_in_a_frame():
    frame = np.array([0, 1, 1])
    track = tracks_of(frame, np.array([10.0, 10.02, 10.1]), np.full(3, 5.0), np.full(3, 0.1), SIGMA)
    assert track[1] == track[0] != track[2]


def test_answers_of_an_emitter_are_brought_together():
    rng = np.random.default_rng(3)
    frame = np.repeat(np.arange(5), 4)
    truth = np.tile(np.array([[10.2, 10.4], [35.1, 12.3], [12.7, 36.6], [36.0, 35.5]]), (5, 1))
    counts = frames_of(*truth.T, np.full(20, 1500.0), frame, 5, 20.0).numpy()
    given = truth + rng.normal(0, 0.1, truth.shape)
    answers = Answers(
        frame, given[:, 0], given[:, 1],
        np.full(20, 0.15), np.full(20, 0.15), np.full(20, 1500.0),
        np.full(20, 60.0),
    )  # fmt: skip
    better = refine(answers, counts, np.zeros((48, 48), np.float32), SIGMA)
    found = np.stack([better.x_R, better.y_R], 1)
    assert np.sqrt(np.mean((found - truth) ** 2)) < 0.65 * np.sqrt(np.mean((given - truth) ** 2))
    linked = np.bincount(tracks_of(frame, *given.T, np.full(20, 0.21), SIGMA)) > 1
    assert linked.sum() == 4  # one answer is too far off to be taken for the same emitter
    assert np.sum(better.sigma_x_R < 0.13) == 19


def test_an_emitter_is_not_taken_along_by_one_that_nobody_listed():
    frame = np.repeat(np.arange(3), 2)
    pair = np.tile(np.array([[24.0, 24.0], [26.0, 24.0]]), (3, 1))
    counts = frames_of(*pair.T, np.full(6, 3000.0), frame, 3, 20.0).numpy()
    listed = pair[::2]
    answers = Answers(
        frame[::2], listed[:, 0], listed[:, 1],
        np.full(3, 0.05), np.full(3, 0.05), np.full(3, 3000.0), np.full(3, 90.0),
    )  # fmt: skip
    better = refine(answers, counts, np.zeros((48, 48), np.float32), SIGMA)
    # Alone the fit would go to the middle of the two, 1 px away.
    assert np.abs(better.x_R - listed[:, 0]).max() < 0.05


def test_nothing_found_is_nothing_to_refine():
    none = np.empty(0)
    answers = Answers(none.astype(np.int64), none, none, none, none, none, none)
    found = refine(answers, np.zeros((1, 8, 8), np.float32), np.zeros((8, 8), np.float32), 1.3)
    assert len(found.x_R) == len(found.llr_R) == 0


def test_the_number_of_threads_does_not_matter():
    values = torch.randn(100_000, generator=torch.Generator().manual_seed(2))
    before = torch.get_num_threads()
    try:
        totals = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            totals.append(float(_total(values * values)))
    finally:
        torch.set_num_threads(before)
    assert totals[0] == totals[1] == totals[2]
    assert totals[0] == pytest.approx(float((values.double() ** 2).sum()), rel=1e-6)
