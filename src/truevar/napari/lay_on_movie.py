"""Laying a table that was opened on a movie that has a scale of its own."""

from __future__ import annotations

from typing import Any

from magicgui import magic_factory
from napari.layers import Image, Points
from napari.utils.notifications import show_error, show_info

from truevar.napari.layer_movie import known_of_layer
from truevar.napari.placement import points_on
from truevar.napari.points import OURS


def lay_on_movie(table: Points, movie: Image) -> None:
    """Give a layer of localisations the place of a movie.

    Args:
        table: a layer of :func:`truevar.napari.points.points_layer`.
        movie: its movie. Where the table does not tell the camera's pixel size, the movie's is
            taken, and kept with the table.
    """
    if table is None or movie is None:
        show_error("choose a table (a Points layer) and its movie (an Image layer)")
        return
    meta = table.metadata.get(OURS)
    if meta is None or table.ndim != 3:
        show_error(f"{table.name!r} is no table of localisations that TrueVAR opened or found")
        return
    if not meta.get("pixel_size"):
        known = known_of_layer(movie).get("pixel_size")
        if known is None:
            show_error(
                f"neither {table.name!r} nor {movie.name!r} tells the pixel size; give the movie's "
                "layer a scale, in nm"
            )
            return
        meta["pixel_size"] = known.value
    for name, value in points_on(movie, meta["pixel_size"]).items():
        setattr(table, name, value)
    show_info(f"{table.name} lies on {movie.name}")


def lay_on_movie_widget() -> Any:
    """The panel for it: two layers and a button."""
    return magic_factory(lay_on_movie, call_button="Lay on movie")()
