from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("napari", reason='needs napari: pip install "truevar[napari]"')

from napari.components import ViewerModel
from napari.layers import Image, Points

from truevar.napari.layer_movie import known_of_layer


def test_both_samples_open_from_the_menu(plugin) -> None:
    viewer = ViewerModel()
    (movie,) = viewer.open_sample("truevar", "filaments")
    assert isinstance(movie, Image)
    assert movie.data.shape == (100, 64, 64)
    assert known_of_layer(movie)["pixel_size"].value == 100
    assert known_of_layer(movie)["e_per_adu"].source == "the layer's metadata"


def test_the_truth_lies_on_bright_pixels(plugin) -> None:
    viewer = ViewerModel()
    movie, truth = viewer.open_sample("truevar", "truth")
    assert isinstance(truth, Points)
    bright = truth.features["photons"] > 2000
    places = np.array([truth.data_to_world(one) for one in truth.data[bright]])
    here = [movie.get_value(np.rint(one), world=True) for one in places]
    there = [movie.get_value(np.rint(one) + (0, 0, 5), world=True) for one in places]
    there = [one for one in there if one is not None]
    assert len(here) > 20
    assert np.median(here) > 1.5 * np.median(there)
