import numpy as np
import pytest

from truevar.view.picture import GAMMA, PERCENTILE
from truevar.view.render import render
from truevar.view.tone import brightness, white_level


def test_brightness_is_not_ruled_by_one_pixel():
    picture = np.ones((100, 100))
    picture[0, 0] = 500
    shown = brightness(picture, 99.9)
    assert shown.max() == 1
    assert np.median(shown) > 0.5
    picture[0, 0] = 1e6  # a bead brighter than all the rest together
    assert np.median(brightness(picture, 99.9)) > 0.5
    assert brightness(np.zeros((3, 3))).max() == 0


def test_a_lower_percentile_and_a_lower_gamma_are_brighter():
    picture = np.random.default_rng(0).exponential(1, (50, 50))
    plain, lower, lifted = (brightness(picture, *how) for how in ((99.0,), (90.0,), (99.0, 0.5)))
    assert (lower >= plain).all()
    assert lower.mean() > 1.2 * plain.mean()
    np.testing.assert_allclose(lifted, np.sqrt(plain), rtol=1e-5)
    assert white_level(picture, 100.0) == pytest.approx(picture.max())


def test_what_is_dark_does_not_count():
    few = np.zeros((100, 100))
    few[::20, ::20] = 3.0
    assert white_level(few, 50.0) == 3
    few += 1e-4  # the tails of Gaussians
    assert white_level(few, 99.0) < 3.001


@pytest.mark.parametrize("n", [20, 2000, 100_000])
def test_sparse_and_dense_tables_are_visible(n, scattered):
    table = scattered(n)
    picture = render(table)
    shown = brightness(picture, PERCENTILE, GAMMA)
    col, row = ((place / s).astype(int) for place, s in zip(*_places(table, picture), strict=True))
    assert np.median(shown[row, col]) > 0.4  # where a localisation is, one sees it


def _places(table, picture):
    return (table.x + 50, table.y + 50), (25600 / picture.shape[1], 25600 / picture.shape[0])
