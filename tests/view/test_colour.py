import numpy as np
import pytest
from matplotlib.colors import rgb_to_hsv

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.view.colour import ColourScale, column_of, hues, rainbow, scale_of


def test_the_range_is_from_the_1st_to_the_99th_percentile():
    values = np.r_[np.arange(1001.0), np.nan]
    scale = scale_of(values, "depth")
    assert (scale.quantity, scale.unit, scale.low, scale.high) == ("depth", "nm", 10, 990)
    assert scale_of(np.full(3, np.nan), "time").high == 1


def test_hues_go_from_violet_to_red():
    scale = ColourScale("time", "frame", 0.0, 100.0)
    colours = hues(np.array([-50.0, 0.0, 50.0, 100.0, 1e9, np.nan]), scale)
    hue = rgb_to_hsv(colours)[:, 0]
    np.testing.assert_array_equal(colours[0], colours[1])
    np.testing.assert_array_equal(colours[3], colours[4])
    assert 0.65 < hue[1] < 0.85
    assert 0.2 < hue[2] < 0.4
    assert hue[3] < 0.05
    assert (colours[5] == 1).all()
    assert (np.diff(rgb_to_hsv(rainbow()[5:-5])[:, 0]) < 1e-3).all()  # one way round
    assert rainbow().max(1).min() == pytest.approx(1)


def test_where_all_values_are_one():
    scale = ColourScale("photons", "e⁻", 5.0, 5.0)
    assert len(np.unique(hues(np.full(4, 5.0), scale), axis=0)) == 1


def test_columns_that_are_not_there():
    table = Emitters({"frame": [0], "x": [0.0], "y": [0.0], "photons": [np.nan]})
    assert column_of(table, "density") is None
    assert column_of(table, "time").tolist() == [0]
    with pytest.raises(UserError, match="no column 'z' to colour by depth; .* density or time or"):
        column_of(table, "depth")
    with pytest.raises(UserError, match="'photons' has no values"):
        column_of(table, "photons")
    with pytest.raises(UserError, match="colour is 'red'; give one of density, time, depth"):
        column_of(table, "red")


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.0, 41002.4, ("0", "41,000")),
        (-312.34, 280.9, ("-312", "281")),
        (0.0, 0.01234, ("0.0000", "0.0123")),
        (3.0, 9818.0, ("0", "9,820")),
        (0.0, 0.0, ("0", "0")),
        (1.0, 98.0, ("1.0", "98.0")),
        (0.0, 4e12, ("0", "4e+12")),
    ],
)
def test_ends(low, high, said):
    assert ColourScale("density", "per µm²", low, high).ends() == said


def test_frames_are_whole():
    assert ColourScale("time", "frame", 1.0, 98.0).text() == "time 1 to 98 frame"
