"""Likelihood ratios against explicit sums and refits, p-values against the noise they are for."""

import numpy as np
import pytest
import torch

from truevar.imaging.gaussian import render_frames
from truevar.refinement.evidence import log_likelihood_ratios, p_value
from truevar.refinement.fisher_scoring import Fit, JointFit
from truevar.refinement.fitted import Fitted
from truevar.refinement.tangents import neighbours_of

SIGMA, BACK = 1.3, 10.0


def frame_of(x, y, photons, seed=0, size=40):
    """(1, size, size) counts of a Poisson camera."""
    given = [torch.tensor(v, dtype=torch.float32) for v in (x, y, photons)]
    image, sigma = torch.zeros(len(x), dtype=torch.int64), torch.full((len(x),), SIGMA)
    light = render_frames(*given, image, sigma, 1, size, size)
    return torch.poisson(light + BACK, generator=torch.Generator().manual_seed(seed))


def explained(counts, x, y, photons, prior=1.0):
    """Fit of answers that are all in one frame, and their evidence."""
    start = Fit(torch.tensor(np.stack([x, y], 1), dtype=torch.float32), torch.tensor(photons))
    n, size = len(x), counts.shape[1]
    track, frame, read = torch.arange(n), torch.zeros(n, dtype=torch.int64), torch.zeros(size, size)
    sigma = torch.full((n,), prior)
    found = JointFit(counts, read, frame, track, start, sigma, SIGMA).run()
    place, expected = found.fit.place_K2, found.expected_THW
    near = neighbours_of(place, frame, SIGMA)
    fitted = Fitted(found.light, place, frame, track, sigma, *near, counts, expected)
    return found, log_likelihood_ratios(fitted).numpy()


def test_of_one_that_stands_alone_it_is_the_likelihood_with_it_and_without():
    counts = frame_of([20.3], [18.8], [400.0])
    found, llr = explained(counts, [20.3], [18.8], [380.0])
    level = found.expected_THW.double()
    without = level - found.light.expected().double()
    ratio = (counts * (level / without).log() - (level - without)).sum()
    assert llr[0] == pytest.approx(float(ratio), rel=0.02)
    assert llr[0] > 50


def test_neighbours_take_up_what_they_can():
    """A second emitter beside the only one: what it adds is what a refit without it loses."""
    for seed in range(4):
        counts = frame_of([20.0], [20.0], [1500.0], seed)
        both, llr = explained(counts, [19.6, 20.5], [20.0, 20.2], [700.0, 700.0])
        one, _ = explained(counts, [20.0], [20.0], [1400.0])

        def value(found, counts=counts):
            level = found.expected_THW.double()
            return float((counts * level.log() - level).sum())

        lost = value(both) - value(one)
        assert lost < 8
        assert llr.min() < 8 + 1.5 * max(lost, 0)
    # Two that are there, as far apart: neither can do without the other's light.
    counts = frame_of([19.0, 21.4], [20.0, 20.2], [1500.0, 1500.0])
    _, llr = explained(counts, [19.1, 21.3], [20.0, 20.2], [1400.0, 1400.0])
    assert llr.min() > 60


def test_noise_makes_small_p_values_as_rarely_as_they_say():
    rng = np.random.default_rng(0)
    p = []
    for seed in range(12):
        counts = frame_of([-50.0], [-50.0], [1.0], 100 + seed, 80)
        grid = np.arange(6, 78, 11.0)
        x, y = (v.ravel() + rng.uniform(-2, 2, 49) for v in np.meshgrid(grid, grid))
        # Known places: a free one finds the brightest noise around, which p-values are not for.
        _, llr = explained(counts, x, y, np.full(49, 60.0, np.float32), prior=0.02)
        p.append(p_value(llr.astype(np.float64)))
    p = np.concatenate(p)
    # Half of all noise asks for less light than none; the test is of two sides.
    assert 0.01 < np.mean(p < 0.1) < 0.1
    assert np.mean(p < 0.001) < 0.005


def test_p_values_are_those_of_chi_square():
    assert p_value(np.array([0.0, 1.92, 3.317])) == pytest.approx([1, 0.05, 0.01], abs=2e-3)
    assert p_value(np.array([2.996]), 2) == pytest.approx([0.05], abs=1e-4)
    assert p_value(np.array([2.996, 1.92]), np.array([2, 1])) == pytest.approx([0.05, 0.05], 1e-2)


def test_no_answers_have_no_evidence():
    counts = frame_of([-50.0], [-50.0], [1.0])
    none = torch.zeros(0, dtype=torch.int64)
    assert len(none) == len(explained(counts, [], [], np.zeros(0, np.float32))[1])
