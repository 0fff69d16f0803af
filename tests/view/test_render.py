import os

import numpy as np
import pytest
from matplotlib.image import imread

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.view.field import field
from truevar.view.picture import save_picture
from truevar.view.render import render
from truevar.view.tone import brightness

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
    assert (x, y) == (pytest.approx(1234.5, abs=0.1), pytest.approx(876.5, abs=0.1))
    # A pixel's own width adds to it, as in a camera.
    assert sx == pytest.approx(np.hypot(sigma[0], 10 / np.sqrt(12)), rel=0.08)
    assert sy == pytest.approx(np.hypot(sigma[1], 10 / np.sqrt(12)), rel=0.08)


def test_very_sharp_ones_are_half_a_pixel_wide():
    _, _, (sy, sx) = moments(render(table([1234.5], [876.5], (0.1, 0.1)), 10.0), 10.0)
    assert sx == pytest.approx(np.hypot(5, 10 / np.sqrt(12)), rel=0.05)
    assert sy == pytest.approx(sx, rel=0.05)


def test_without_sigma_and_with_blur():
    _, _, (_, sx) = moments(render(table([1234.5], [876.5]), 10.0), 10.0)
    assert sx == pytest.approx(10, rel=0.1)
    _, _, (_, sx) = moments(render(table([1234.5], [876.5], (5, 5)), 10.0, blur=60.0), 10.0)
    assert sx == pytest.approx(60, rel=0.08)


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
    assert field(table([0.0], [0.0])) == (-50, 3950, -50, 2950)
    x0, x1, y0, y1 = field(table([10.0, 500.0], [0.0, 90.0], meta={}))
    assert x0 < 10 < 500 < x1
    assert y0 < 0 < 90 < y1
    assert field(Emitters.empty()) == (0, 1000, 0, 1000)


def test_pictures_that_cannot_be():
    one = table([0.0], [0.0])
    with pytest.raises(UserError, match="choose a larger pixel than pixel_size=0.01 nm"):
        render(one, 0.01)
    with pytest.raises(UserError, match=r"give \(x0, x1, y0, y1\) in nm"):
        render(one, 10.0, (0, 100))
    for size in (0.0, -1.0, np.nan, "10"):
        with pytest.raises(UserError, match="pixel_size is .*; give a number above 0"):
            render(one, size)
    with pytest.raises(UserError, match="cannot go from"):
        render(one, 10.0, extent=(5, 5, 0, 10))


def test_saved_picture(tmp_path):
    random = np.random.default_rng(0)
    some = table(random.uniform(0, 3900, 500), random.uniform(0, 2900, 500), (15, 15))
    save_picture(some, tmp_path / "a.png", 10.0)
    image = imread(tmp_path / "a.png")
    assert image.shape[:2] == (300, 400)
    assert os.listdir(tmp_path) == ["a.png"]
    # The bar: 500 nm, white, in the lower right corner.
    white = (image[:, :, :3] == 1).all(2)
    assert white[285:295, 200:].sum(1).max() == 50
    assert not white[:200, :200].all()
    assert image[:, :, :3].max() == 1


def test_saved_picture_of_nothing_is_black(tmp_path):
    save_picture(Emitters.empty(meta=META), tmp_path / "a.png", 100.0)
    assert imread(tmp_path / "a.png")[:, :, :3].max() == 0  # too small for a bar


def test_where_a_picture_cannot_go(tmp_path):
    one = table([0.0], [0.0])
    with pytest.raises(UserError, match=r"\.png"):
        save_picture(one, tmp_path / "a.jpg")
    with pytest.raises(UserError, match="no folder"):
        save_picture(one, tmp_path / "no" / "a.png", 100.0)


def test_brightness_is_not_ruled_by_one_pixel():
    picture = np.ones((100, 100))
    picture[0, 0] = 500
    shown = brightness(picture, 99.9)
    assert shown.max() == 1
    assert np.median(shown) > 0.5
    assert brightness(np.zeros((3, 3))).max() == 0


def test_nuclear_pores_are_rings(shared_data):
    from scipy.io import loadmat

    data = loadmat(shared_data / "real/nuclear-pores-table/sampledata_npc.mat")["data"][0, 0]
    x, y = data["x"].ravel(), data["y"].ravel()
    picture = render(table(x, y, (8, 8), meta={}), 20.0)
    assert picture.sum() == pytest.approx(len(x), rel=1e-3)


def test_a_picture_is_replaced_only_where_that_is_wanted(tmp_path):
    table = Emitters({"frame": [0], "x": [100.0], "y": [100.0]})
    path = tmp_path / "a.png"
    path.write_text("old")
    with pytest.raises(UserError, match=r"a\.png exists already.*overwrite=True"):
        save_picture(table, path)
    assert path.read_text() == "old"
    save_picture(table, path, overwrite=True)
    assert path.read_bytes().startswith(b"\x89PNG")
