"""Light that nothing explains: found where it is, and not in noise."""

import pytest
import torch

from truevar.imaging.gaussian import render_frames
from truevar.imaging.residual import LEAST, peaks, significance

SIGMA, BACK = 1.3, 20.0


def left_of(x, y, photons, n=1, size=64, seed=0):
    """Counts above the background, and their variance."""
    given = [torch.tensor(v, dtype=torch.float32) for v in (x, y, photons)]
    image = torch.zeros(len(x), dtype=torch.int64)
    light = render_frames(*given, image, torch.full((len(x),), SIGMA), n, size, size)
    counts = torch.poisson(light + BACK, generator=torch.Generator().manual_seed(seed))
    return counts - BACK, torch.full_like(counts, BACK)


def test_a_missing_emitter_is_a_peak_as_high_as_its_photons_over_their_error():
    left, variance = left_of([20.0, 50.0], [30.0, 11.0], [800.0, 500.0])
    z = significance(left, variance, SIGMA)
    assert peaks(z, SIGMA).tolist() == [[0, 11, 50], [0, 30, 20]]
    # The error of photons at a known place over an even background: 2 σ √(π b).
    error = 2 * SIGMA * (torch.pi * BACK) ** 0.5
    assert float(z[0, 30, 20]) == pytest.approx(800 / error, rel=0.15)
    assert float(z.std()) > 1


def test_noise_has_no_peaks_and_a_variance_of_one():
    left, variance = left_of([], [], [], n=16)
    z = significance(left, variance, SIGMA)
    assert float(z.std()) == pytest.approx(1, abs=0.05)
    assert len(peaks(z, SIGMA)) == 0
    assert len(peaks(z, SIGMA, least=3.0)) > 0
    assert LEAST > 4
