import numpy as np
import pytest
from scipy.special import ndtr

from truevar.view.gaussian import draw_gaussians

SHAPE = (150, 211)


def shares(centres, sigmas, n):
    """(N, n) every Gaussian integrated over every pixel of an axis."""
    return np.diff(ndtr((np.arange(n + 1) - centres[:, None]) / sigmas[:, None]), axis=1)


def direct(x, y, sigma_x, sigma_y, shape=SHAPE):
    """(N, H, W) every Gaussian integrated over every pixel."""
    return shares(y, sigma_y, shape[0])[:, :, None] * shares(x, sigma_x, shape[1])[:, None, :]


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.4, 2.5, 2.6, 3.7, 4.9, 5.1, 7.0, 10.3, 25.0])
def test_one_width_against_direct_summation(sigma):
    random = np.random.default_rng(3)
    x, y = random.uniform(0, 211, 8), random.uniform(0, 150, 8)
    widths = np.full(8, sigma)
    true = direct(x, y, widths, widths)
    for k in range(8):  # one by one: no error hides under another's peak
        one = slice(k, k + 1)
        drawn = draw_gaussians(x[one], y[one], widths[one], widths[one], _ones(1), SHAPE)[0]
        worst = 1e-6 if sigma < 1 else 4e-3  # 4 sigma cut, narrow; by way of coarser pixels, wide
        np.testing.assert_allclose(drawn, true[k], atol=worst * _peak(sigma), rtol=0)
        assert drawn.sum() == pytest.approx(true[k].sum(), abs=1e-3)


@pytest.mark.parametrize("widths", [(1.0, 6.0), (9.0, 0.7), (2.4, 2.6), (40.0, 3.0)])
def test_different_widths_along_x_and_y(widths):
    x, y = np.array([100.3]), np.array([70.8])
    sigma_x, sigma_y = (np.array([sigma]) for sigma in widths)
    true = direct(x, y, sigma_x, sigma_y)[0]
    drawn = draw_gaussians(x, y, sigma_x, sigma_y, _ones(1), SHAPE)[0]
    np.testing.assert_allclose(drawn, true, atol=4e-3 * true.max(), rtol=0)


def test_many_of_all_widths_and_weights_add_up():
    random = np.random.default_rng(4)
    n = 9000  # more than are taken at a time
    x, y = random.uniform(-30, 240, n), random.uniform(-30, 180, n)
    sigma_x, sigma_y = random.lognormal(0.5, 0.8, (2, n)).clip(0.5)
    weights = random.uniform(0, 2, (n, 3)).astype(np.float32)
    drawn = draw_gaussians(x, y, sigma_x, sigma_y, weights, SHAPE)
    assert drawn.shape == (3, *SHAPE)
    down, across = shares(y, sigma_y, SHAPE[0]), shares(x, sigma_x, SHAPE[1])
    true = np.stack([(weight[:, None] * down).T @ across for weight in weights.T])
    np.testing.assert_allclose(drawn, true, rtol=5e-3)


def test_narrow_infinite_and_far_ones():
    one = np.array([20.5])
    narrow = draw_gaussians(one, one, one * 0, one * 0, _ones(1), (40, 40))[0]
    np.testing.assert_allclose(
        narrow, direct(one, one, one * 0 + 0.5, one * 0 + 0.5, (40, 40))[0], atol=1e-6
    )
    even = draw_gaussians(one, one, one * np.inf, one * np.inf, _ones(1), (40, 40))[0]
    assert np.ptp(even) < 0.5 * even.max()  # infinitely wide is as good as even
    assert even.sum() < 0.2
    far = draw_gaussians(one + 1e300, one, one / 10, one / 10, _ones(1), (40, 40))
    assert far.max() == 0
    assert draw_gaussians(one[:0], one[:0], one[:0], one[:0], _ones(0), (3, 5)).shape == (1, 3, 5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (64, 64), (65, 63), (129, 7)])
@pytest.mark.parametrize("sigma", [0.8, 3.0, 11.0])
def test_pictures_of_any_shape(shape, sigma):
    x, y = np.array([0.2, shape[1] - 0.1]), np.array([shape[0] - 0.3, 0.4])
    sigma = np.full(2, min(sigma, max(shape)))
    drawn = draw_gaussians(x, y, sigma, sigma, _ones(2), shape)[0]
    true = direct(x, y, sigma, sigma, shape).sum(0)
    np.testing.assert_allclose(drawn, true, atol=5e-3 * true.max())


def _ones(n):
    return np.ones((n, 1), np.float32)


def _peak(sigma):
    return (ndtr(0.5 / sigma) - ndtr(-0.5 / sigma)) ** 2
