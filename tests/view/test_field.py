import numpy as np
import pytest

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.view.field import field, grid, inside, suitable_pixel

META = {"pixel_size": 100.0, "width": 40, "height": 30}


def at(x, y, meta=META):
    return Emitters({"frame": np.zeros(len(x)), "x": x, "y": y}, meta)


def test_field():
    assert field(at([0.0], [0.0])) == (-50, 3950, -50, 2950)
    x0, x1, y0, y1 = field(at([10.0, 500.0], [0.0, 90.0], meta={}))
    assert x0 < 10 < 500 < x1
    assert y0 < 0 < 90 < y1
    assert field(Emitters.empty()) == (0, 1000, 0, 1000)


def test_of_a_part_of_a_movie_it_is_that_part():
    assert field(at([0.0], [0.0], META | {"region": [10, 20, 0, 5]})) == (950, 1950, -50, 450)


def test_inside():
    table = at([0.0, 5.0, 10.0, np.nan], [0.0, 5.0, 5.0, 5.0])
    assert inside(table, (0, 10, 0, 10)).tolist() == [True, True, False, False]


@pytest.mark.parametrize("n", [0, 1, 30, 3000, 100_000])
@pytest.mark.parametrize("size", [16, 256, 1000])
@pytest.mark.parametrize("sigma", [1.0, 10.0, 60.0])
def test_the_long_side_fits(n, size, sigma, scattered):
    pixels = grid(scattered(n, size, sigma))
    assert 800 <= max(pixels.shape) <= 4001
    assert pixels.extent[1] - pixels.extent[0] == pytest.approx(100 * size, rel=0.002)


def test_a_pixel_by_the_errors_and_by_how_many_there_are(scattered):
    extent = (-50, 25550, -50, 25550)
    dense = scattered(100_000, sigma=24.0)
    assert suitable_pixel(dense, extent) == 10  # a round one below 24 / 2 nm
    assert suitable_pixel(dense, extent, blur=40.0) == 20
    assert suitable_pixel(scattered(20), extent) == 30  # nothing to see in finer ones
    close_up = suitable_pixel(dense, (5000, 10_000, 5000, 10_000))
    assert close_up == 6  # 800 px and more
    unknown = Emitters({name: dense[name] for name in ("frame", "x", "y")}, dense.meta)
    assert suitable_pixel(unknown, extent) == 8  # a tenth of the spacing


def test_pictures_that_cannot_be():
    one = at([0.0], [0.0])
    with pytest.raises(UserError, match="choose a larger pixel than pixel_size=0.01 nm"):
        grid(one, 0.01)
    with pytest.raises(UserError, match=r"give \(x0, x1, y0, y1\) in nm"):
        grid(one, 10.0, (0, 100))
    for size in (0.0, -1.0, np.nan, "10"):
        with pytest.raises(UserError, match="pixel_size is .*; give a number above 0"):
            grid(one, size)
        with pytest.raises(UserError, match="blur is .*; give a number above 0"):
            grid(one, blur=size)
    with pytest.raises(UserError, match="cannot go from"):
        grid(one, 10.0, extent=(5, 5, 0, 10))
