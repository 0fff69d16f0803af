"""Small simulated movies that napari's menu offers."""

from __future__ import annotations

from truevar.io.movies.movie import open_movie
from truevar.io.tables.table import read_emitters
from truevar.napari.points import LayerTuple, points_layer
from truevar.samples import sample_movie, sample_truth
from truevar.simulation.scenes import simulate


def filaments() -> list[LayerTuple]:
    """A movie (100, 64, 64) of emitters on bent lines, with pixel size and camera."""
    movie = simulate("filaments", density=0.5, frames=100, seed=1)
    known = {"pixel_size": movie.pixel_size, **movie.camera.describe()}
    return [(movie.frames(), {"name": "filaments", "metadata": known}, "image")]


def frames_and_truth() -> list[LayerTuple]:
    """Three frames (3, 160, 160) and the emitters that are in them."""
    with open_movie(sample_movie()) as movie:
        frames, known = movie.read(0, len(movie)), dict(movie.meta)
    return [
        (frames, {"name": "frames", "metadata": known}, "image"),
        points_layer(read_emitters(sample_truth()), "truth"),
    ]
