import numpy as np
import pytest

from truevar.view.histogram import draw_histogram, draw_jittered

SHAPE = (30, 50)


def test_a_histogram_counts():
    random = np.random.default_rng(0)
    x, y = random.uniform(-5, 55, 4000), random.uniform(-5, 35, 4000)
    weights = random.uniform(0, 1, (4000, 2)).astype(np.float32)
    drawn = draw_histogram(x, y, weights, SHAPE)
    for channel in range(2):
        true, _, _ = np.histogram2d(
            y, x, (range(31), range(51)), weights=weights[:, channel].astype(float)
        )
        np.testing.assert_allclose(drawn[channel], true, rtol=1e-5)


def test_edges_belong_to_the_pixel_behind_them():
    x, y = np.array([0.0, 50.0, 49.999, 7.0]), np.array([0.0, 3.0, 29.999, -1e-9])
    drawn = draw_histogram(x, y, np.ones((4, 1), np.float32), SHAPE)[0]
    assert drawn[0, 0] == 1
    assert drawn[29, 49] == 1
    assert drawn.sum() == 2


def test_jitter_is_as_wide_as_the_errors_and_the_same_every_time():
    n = 20_000
    x, y = np.full(n, 25.25), np.full(n, 15.5)
    ones = np.ones((n, 1), np.float32)
    drawn = draw_jittered(x, y, np.full(n, 4.0), np.full(n, 2.0), ones, SHAPE)[0]
    assert drawn.sum() == pytest.approx(n, rel=1e-5)
    cols, rows = np.arange(50) + 0.5, np.arange(30) + 0.5
    along_x, along_y = drawn.sum(0) / n, drawn.sum(1) / n
    assert along_x @ cols == pytest.approx(25.25, abs=0.05)
    assert np.sqrt(along_x @ (cols - 25.25) ** 2) == pytest.approx(np.hypot(4, 12**-0.5), rel=0.02)
    assert np.sqrt(along_y @ (rows - 15.5) ** 2) == pytest.approx(np.hypot(2, 12**-0.5), rel=0.02)
    again = draw_jittered(x, y, np.full(n, 4.0), np.full(n, 2.0), ones, SHAPE)[0]
    np.testing.assert_array_equal(drawn, again)
