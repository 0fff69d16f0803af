"""What was found in a layer, as layers on it."""

from __future__ import annotations

from typing import Any

import numpy as np

from truevar.emitters import Emitters
from truevar.napari.placement import picture_on, points_on
from truevar.napari.points import OURS, LayerTuple, points_layer
from truevar.view.field import grid
from truevar.view.picture import GAMMA, PERCENTILE
from truevar.view.render import render
from truevar.view.tone import white_level


def result_layer(emitters: Emitters, movie: Any, cancelled: bool = False) -> LayerTuple:
    """The emitters on their movie.

    Args:
        emitters: what was found; its ``meta`` has the pixel size.
        movie: the Image layer.
        cancelled: the name is to say that these are not all.
    """
    name = f"{movie.name} emitters"
    if cancelled:
        first, end = emitters.meta["frame_range"]
        name += f" (frames {first} to {end - 1})"
    return points_layer(emitters, name, points_on(movie, emitters.meta["pixel_size"]))


def picture_layer(emitters: Emitters, movie: Any) -> LayerTuple:
    """The emitters drawn as wide as their errors, on their movie: localisations per pixel.

    Raises:
        UserError: the picture would be too large.
    """
    pixels = grid(emitters)
    drawn_HW = render(emitters, pixels.pixel_size, pixels.extent)
    top = max(white_level(drawn_HW, PERCENTILE), float(np.finfo(np.float32).tiny))
    return (
        drawn_HW,
        {
            "name": f"{movie.name} picture",
            "colormap": "inferno",
            "blending": "additive",  # what is dark in the picture leaves the movie to be seen
            "contrast_limits": (0.0, top),
            "gamma": GAMMA,
            "metadata": {OURS: {"picture_pixel_size": pixels.pixel_size, **emitters.meta}},
            **picture_on(movie, emitters.meta["pixel_size"], pixels),
        },
        "image",
    )
