import numpy as np
import pytest

from truevar.view.scale_bar import bar_length, draw_scale_bar, label


@pytest.mark.parametrize(
    ("span", "length"), [(4000, 500), (5000, 1000), (10_000, 2000), (30_000, 5000), (999, 100)]
)
def test_round_lengths(span, length):
    assert bar_length(span) == length


def test_labels():
    assert label(500) == "500 nm"
    assert label(2000) == "2 µm"
    assert label(10_000) == "10 µm"


@pytest.mark.parametrize("shape", [(200, 300), (64, 64), (64, 1000), (1000, 64)])
def test_bar_fits(shape):
    colours = np.zeros((*shape, 3), np.uint8)
    draw_scale_bar(colours, 10.0)
    assert colours.max() == 255
    assert not colours[: shape[0] // 2].any()


def test_small_pictures_are_left_alone():
    colours = np.zeros((63, 300, 3), np.uint8)
    draw_scale_bar(colours, 10.0)
    assert not colours.any()
