import numpy as np
import pytest

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.view.field import inside
from truevar.view.render import STYLES, render

META = {"pixel_size": 100.0, "width": 40, "height": 30}


def table(x, y, sigma=None, meta=META):
    columns = {"frame": np.zeros(len(x)), "x": x, "y": y}
    if sigma is not None:
        columns |= {"sigma_x": np.full(len(x), sigma[0]), "sigma_y": np.full(len(x), sigma[1])}
    return Emitters(columns, meta)


def moments(picture, pixel):
    total = picture.sum()
    places = [(np.arange(n) + 0.5) * pixel - 50 for n in picture.shape]
    means, spreads = [], []
    for axis, at in enumerate(places):
        profile = picture.sum(1 - axis) / total
        means.append((profile * at).sum())
        spreads.append(np.sqrt((profile * (at - means[-1]) ** 2).sum()))
    return total, means, spreads


@pytest.mark.parametrize("sigma", [(40.0, 90.0), (12.0, 12.0), (25.0, 11.0)])
def test_one_localisation_is_its_gaussian(sigma):
    picture = render(table([1234.5], [876.5], sigma), 10.0)
    assert picture.shape == (300, 400)  # y along rows, from the corner of the first pixel
    total, (y, x), (sy, sx) = moments(picture, 10.0)
    assert total == pytest.approx(1, abs=1e-3)
    assert (x, y) == (pytest.approx(1234.5, abs=0.02), pytest.approx(876.5, abs=0.02))
    # A pixel's own width adds to it, as in a camera.
    assert sx == pytest.approx(np.hypot(sigma[0], 10 / np.sqrt(12)), rel=0.01)
    assert sy == pytest.approx(np.hypot(sigma[1], 10 / np.sqrt(12)), rel=0.01)


def test_very_sharp_ones_are_half_a_pixel_wide():
    _, _, (sy, sx) = moments(render(table([1234.5], [876.5], (0.1, 0.1)), 10.0), 10.0)
    assert sx == pytest.approx(np.hypot(5, 10 / np.sqrt(12)), rel=0.02)
    assert sy == pytest.approx(sx, rel=0.02)


def test_without_sigma_and_with_blur():
    _, _, (_, sx) = moments(render(table([1234.5], [876.5]), 10.0), 10.0)
    assert sx == pytest.approx(10, rel=0.1)
    _, _, (_, sx) = moments(render(table([1234.5], [876.5], (5, 5)), 10.0, blur=60.0), 10.0)
    assert sx == pytest.approx(60, rel=0.01)


def test_many_sum_up_and_the_outside_is_left_out():
    random = np.random.default_rng(0)
    x, y = random.uniform(500, 3500, 3000), random.uniform(500, 2500, 3000)
    many = table(np.r_[x, 1e6, -1e5], np.r_[y, 0, 0], (20, 30))
    assert render(many, 20.0).sum() == pytest.approx(3000, rel=1e-3)
    edge = table([-50.0], [1000.0], (30, 30))  # on the left edge: half of it is in
    assert render(edge, 10.0).sum() == pytest.approx(0.5, abs=1e-3)


def test_widths_that_are_no_numbers():
    odd = table([1000.0, 2000.0, 3000.0], [500.0] * 3, (10, 10))
    odd.columns["sigma_x"][:2] = np.nan, np.inf
    picture = render(odd, 10.0)
    assert np.isfinite(picture).all()
    assert picture.sum() == pytest.approx(3, abs=0.05)


def test_extent():
    picture = render(table([100.0], [55.0], (10, 10)), 10.0, extent=(0, 200, 50, 150))
    assert picture.shape == (10, 20)
    assert np.unravel_index(picture.argmax(), picture.shape) in [(0, 9), (0, 10)]


def test_nuclear_pores_are_rings(shared_data):
    from scipy.io import loadmat

    data = loadmat(shared_data / "real/nuclear-pores-table/sampledata_npc.mat")["data"][0, 0]
    x, y = data["x"].ravel(), data["y"].ravel()
    picture = render(table(x, y, (8, 8), meta={}), 20.0)
    assert picture.sum() == pytest.approx(len(x), rel=1e-3)


@pytest.mark.parametrize("style", STYLES)
def test_styles_agree_in_total_and_in_place(style, scattered):
    many = scattered(5000, 64)
    far_in = inside(many, (150, 6150, 150, 6150))
    some = many.select(far_in)
    picture = render(some, 20.0, style=style)
    assert picture.sum() == pytest.approx(len(some), rel=1e-5)
    gaussian = render(some, 20.0)
    # In squares of 1 µm, much larger than any error, all have the same but for their borders.
    squares, expected = (
        p[:300, :300].reshape(6, 50, 6, 50).sum((1, 3)) for p in (picture, gaussian)
    )
    np.testing.assert_allclose(squares, expected, atol=12)


def test_rows_without_a_place_are_left_out():
    picture = render(table([1000.0, np.nan], [500.0, 500.0], (10, 10)), 10.0)
    assert picture.sum() == pytest.approx(1, abs=1e-5)


def test_a_style_that_is_none():
    with pytest.raises(UserError, match="style is 'dots'; give one of gaussian, histogram"):
        render(table([0.0], [0.0]), 10.0, style="dots")
