"""Two emitters answered for as one become two, and what only looks like two does not."""

import numpy as np
import pytest
import torch

from truevar.imaging.gaussian import render_frames
from truevar.imaging.light import LightOnFrames
from truevar.refinement.common_shape import common_misfit
from truevar.refinement.fitted import Fitted
from truevar.refinement.one_more import one_more
from truevar.refinement.patch_fit import Patches, Several, fit_patches
from truevar.refinement.refine import refine
from truevar.refinement.stack import Answers
from truevar.refinement.tangents import neighbours_of

SIGMA, BACK, PHOTONS, SIDE, FRAMES = 1.3, 60.0, 8000.0, 120, 3
GRID = np.arange(15.0, 110.0, 18.0)
PLACES = np.stack(np.meshgrid(GRID, GRID), -1).reshape(-1, 2)


def counts_of(place_N2, photons_N, seed=0, wide=1.0, tall=1.0):
    """(FRAMES, SIDE, SIDE) counts of emitters that stay on."""
    many = FRAMES * len(place_N2)
    x, y = np.tile(place_N2, (FRAMES, 1)).T
    given = [
        torch.tensor(v, dtype=torch.float32)
        for v in (x, y, np.tile(photons_N, FRAMES), np.full(many, SIGMA * wide))
    ]
    image = torch.arange(FRAMES).repeat_interleave(len(place_N2))
    tall_N = torch.full((many,), SIGMA * tall)
    light = render_frames(*given[:3], image, given[3], FRAMES, SIDE, SIDE, tall_N)
    return torch.poisson(light + BACK, generator=torch.Generator().manual_seed(seed)).numpy()


def answers_at(place_N2, photons, seed=1):
    """One answer in each frame, 4 nm off."""
    many = FRAMES * len(place_N2)
    place = np.tile(place_N2, (FRAMES, 1))
    place = place + np.random.default_rng(seed).normal(0, 0.04, place.shape)
    return Answers(
        np.repeat(np.arange(FRAMES), len(place_N2)),
        *place.T.copy(),
        *(np.full(many, v) for v in (0.05, 0.05, photons, 0.02 * photons)),
    )


def refined(answers, counts):
    return refine(answers, counts, np.full((SIDE, SIDE), 2.0, np.float32), SIGMA)


def pairs_at(place_N2, apart, seed=2):
    """(N, 2, 2) two places each, in any direction."""
    angle_N = np.random.default_rng(seed).uniform(0, 2 * np.pi, len(place_N2))
    way_N2 = 0.5 * apart * np.stack([np.cos(angle_N), np.sin(angle_N)], 1)
    return np.stack([place_N2 - way_N2, place_N2 + way_N2], 1)


def test_two_that_were_answered_for_as_one_are_two():
    pair_N22 = pairs_at(PLACES, 0.9 * SIGMA)
    counts = counts_of(pair_N22.reshape(-1, 2), np.full(2 * len(PLACES), PHOTONS))
    found = refined(answers_at(PLACES, 2 * PHOTONS), counts)
    D = FRAMES * len(PLACES)
    assert len(found.x_R) > 1.9 * D
    assert found.answer_R[:D].tolist() == list(range(D))
    second = found.answer_R[D:]
    assert set(np.flatnonzero(found.of_pair_R)) == {*second, *range(D, len(found.x_R))}
    both_E22 = np.stack(
        [
            np.stack([found.x_R[row], found.y_R[row]], 1)
            for row in (second, np.arange(len(second)) + D)
        ],
        1,
    )
    true_E22 = pair_N22[second % len(PLACES)]
    off_E = np.minimum(
        np.abs(both_E22 - true_E22).max((1, 2)), np.abs(both_E22 - true_E22[:, ::-1]).max((1, 2))
    )
    assert np.median(off_E) < 0.1
    assert np.mean(off_E < 0.4) > 0.9
    assert np.median(found.photons_R[second]) == pytest.approx(PHOTONS, rel=0.2)
    assert np.all(found.sigma_photons_R[second] > 0.02 * PHOTONS)
    assert np.median(found.llr_R[D:]) > 100


@pytest.mark.parametrize(("wide", "tall"), [(1.0, 1.0), (1.06, 1.06), (0.94, 0.94), (1.07, 0.93)])
def test_one_is_not_two_for_a_psf_that_is_not_quite_what_it_was_taken_for(wide, tall):
    counts = counts_of(PLACES, np.full(len(PLACES), 2 * PHOTONS), wide=wide, tall=tall)
    found = refined(answers_at(PLACES, 2 * PHOTONS), counts)
    assert len(found.x_R) == FRAMES * len(PLACES)
    # What is not two keeps the photons it had.
    assert np.all(found.photons_R == 2 * PHOTONS)
    assert not found.of_pair_R.any()


def test_at_the_border_light_may_be_of_what_is_beside_it():
    edge = np.stack([np.full(5, 0.3), np.arange(12.0, 100.0, 18.0)], 1)
    beside = edge + np.array([-1.6, 0.0])
    counts = counts_of(np.concatenate([edge, beside]), np.full(10, PHOTONS))
    assert len(refined(answers_at(edge, PHOTONS), counts).x_R) == FRAMES * len(edge)


def light_at(place_N2, photons):
    x, y = torch.tensor(place_N2, dtype=torch.float32).T
    frame = torch.zeros(len(x), dtype=torch.int64)
    return LightOnFrames(x, y, torch.full((len(x),), photons), frame, SIGMA, (1, SIDE, SIDE))


def fitted_by(light, place_N2, noisy, level):
    """Answers of one frame that were fitted as they are."""
    place, one_each = torch.tensor(place_N2, dtype=torch.float32), torch.arange(len(place_N2))
    frame = torch.zeros_like(one_each)
    near = neighbours_of(place, frame, SIGMA)
    sigma = torch.full((len(place),), 0.04)
    return Fitted(light, place, frame, one_each, sigma, *near, noisy, level)


def test_the_score_test_says_what_a_second_emitter_would_add():
    """Against likelihoods with and without it, of frames without noise."""
    light = light_at(PLACES, 1000.0)
    # So faint that second order is enough; 1.2 widths to the right, one of the places asked at.
    further = light_at(PLACES + [1.2 * SIGMA, 0.0], 40.0)
    level = light.expected() + BACK
    fitted = fitted_by(light, PLACES, level + further.expected(), level)
    assert not fitted.known_DM.any()
    at, photons, gain = one_more(fitted, torch.arange(len(PLACES)))
    way = (at - fitted.place_D2) / SIGMA
    assert way[:, 1].abs().max() < 1e-3
    assert way[:, 0].min() > 0
    same = (way[:, 0] - 1.2).abs() < 1e-3
    assert same.float().mean() > 0.5
    assert photons[same].numpy() == pytest.approx(40.0, rel=0.05)
    # What the host can take up is no gain: it is less than all that the light is worth.
    worth = 0.5 * light.patches(further.expected() ** 2 / level).sum((1, 2))
    assert torch.all(gain > 0.02 * worth)
    assert torch.all(gain < 0.6 * worth)


def test_errors_of_patches_are_as_large_as_said():
    pair_N22 = pairs_at(PLACES, 1.5 * SIGMA)
    counts = torch.from_numpy(counts_of(pair_N22.reshape(-1, 2), np.full(2 * len(PLACES), 2000.0)))
    light = light_at(PLACES, 1.0)
    first = torch.stack(
        [torch.tensor(np.floor(PLACES[:, k] - 0.5 * light.size + 1)).long() for k in (0, 1)], 1
    )
    z = []
    for frame in range(FRAMES):
        noisy = light.patches(counts[frame : frame + 1]).double()
        inside = torch.ones_like(noisy, dtype=torch.bool)
        patches = Patches(first, noisy, torch.full_like(noisy, BACK), inside, SIGMA)
        start = Several(
            torch.tensor(pair_N22 + 0.2),
            torch.full((len(PLACES), 2), 1500.0, dtype=torch.float64),
            torch.full((len(PLACES), 2), SIGMA),
            torch.ones(len(PLACES), 2, dtype=torch.bool),
        )
        found = fit_patches(patches, start)
        z.append(((found.place_BM2 - torch.tensor(pair_N22)) / found.error_BM2).flatten())
        assert found.photons_BM.median() == pytest.approx(2000.0, rel=0.05)
    assert 0.85 < float(torch.cat(z).square().mean().sqrt()) < 1.15


def test_what_all_have_in_common_is_drawn_and_what_one_has_is_not():
    counts = torch.from_numpy(
        counts_of(PLACES, np.full(len(PLACES), PHOTONS), wide=1.05, tall=0.95)[:1]
    )
    light = light_at(PLACES, PHOTONS)
    level = light.expected() + BACK
    left = counts - level
    without = left - common_misfit(fitted_by(light, PLACES, counts, level))
    before, after = (float(light.patches(v**2 / level).mean()) for v in (left, without))
    assert before > 1.3
    assert 0.9 < after < 1.1
    # One that is elliptical among many that are not.
    counts[:, :, 24:] = torch.from_numpy(
        counts_of(PLACES, np.full(len(PLACES), PHOTONS))[:1, :, 24:]
    )
    left = counts - level
    drawn = common_misfit(fitted_by(light, PLACES, counts, level))
    first = light.patches(drawn)[0].abs().max()
    assert first < 0.3 * light.patches(left)[0].abs().max()
