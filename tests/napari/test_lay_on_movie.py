from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("napari", reason='needs napari: pip install "truevar[napari]"')

from napari.layers import Image, Layer, Points

from truevar.emitters import Emitters
from truevar.napari.lay_on_movie import lay_on_movie
from truevar.napari.points import OURS, points_layer

TABLE = Emitters({"frame": [2], "x": [300.0], "y": [200.0]}, {"pixel_size": 100.0})


def test_a_table_takes_the_place_of_a_movie_with_a_scale(said) -> None:
    layer = Layer.create(*points_layer(TABLE, "table"))
    movie = Image(np.zeros((4, 20, 20)), scale=(1, 0.1, 0.1), translate=(0, 5, 7), name="movie")
    lay_on_movie(layer, movie)
    np.testing.assert_allclose(
        layer.data_to_world(layer.data[0]), movie.data_to_world((2, 2, 3)), rtol=1e-9
    )
    assert said()[-1][1] == "table lies on movie"


def test_a_table_without_a_pixel_size_takes_the_movies(said) -> None:
    layer = Layer.create(*points_layer(Emitters(TABLE.columns), "table"))
    np.testing.assert_array_equal(layer.scale, [1, 1, 1])
    lay_on_movie(layer, Image(np.zeros((4, 20, 20)), name="movie"))
    assert "tells the pixel size" in said()[-1][1]
    movie = Image(np.zeros((4, 20, 20)), metadata={"pixel_size": 100})
    lay_on_movie(layer, movie)
    np.testing.assert_allclose(layer.data_to_world(layer.data[0]), [2, 2, 3])
    assert layer.metadata[OURS]["pixel_size"] == 100


def test_other_points_are_refused(said) -> None:
    lay_on_movie(Points(np.zeros((1, 3)), name="others"), Image(np.zeros((4, 20, 20))))
    assert "no table" in said()[-1][1]
