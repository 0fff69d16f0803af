"""A table as a Points layer of napari, and back.

Points lie at (frame, y, x) with y and x in nm as in the table, so that no digit is lost, and
the layer's scale takes them to where the movie is. napari counts from the centre of the first
pixel, as we do: there is no half pixel to be added.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from truevar.emitters import Emitters
from truevar.errors import UserError

OURS = "truevar"
"""Key in a layer's metadata under which a table's ``meta`` stands."""

LayerTuple = tuple[Any, dict[str, Any], str]
"""Data, arguments and kind of a layer, as napari takes them from plugins."""

_WIDTHS_ACROSS = 4.0
"""A ring's diameter in PSF widths: its rim stands around the spot and leaves it to be seen."""
_USUAL_WIDTH = 1.3
"""The PSF's width in pixels where the table does not tell it."""
_COLOUR = "#33ddff"


def points_layer(
    emitters: Emitters, name: str, placement: Mapping[str, Any] | None = None
) -> LayerTuple:
    """A table as a layer, whose features are the table's columns.

    Args:
        emitters: the table; rows without a position are left out, for napari cannot have them.
        name: of the layer.
        placement: arguments that lay (frame, y nm, x nm) on a movie; by default such that the
            layer lies on a movie without a scale, whose pixels are napari's units. A table that
            does not tell its pixel size is then left in nm.
    """
    placed = np.isfinite(emitters.x) & np.isfinite(emitters.y)
    if not placed.all():
        emitters = emitters.select(placed)
    meta = emitters.meta
    pixel_size = meta.get("pixel_size")
    if placement is None:
        placement = {"scale": (1.0, 1 / pixel_size, 1 / pixel_size) if pixel_size else (1, 1, 1)}
    width = meta.get("psf_sigma") or _USUAL_WIDTH * (pixel_size or 100.0)
    return (
        np.column_stack([emitters.frame.astype(np.float64), emitters.y, emitters.x]),
        {
            "name": name,
            "features": emitters.columns,
            "metadata": {OURS: dict(meta)},
            "size": _WIDTHS_ACROSS * float(width),
            "symbol": "disc",
            "face_color": "transparent",
            "border_color": _COLOUR,
            "border_width": 0.08,
            **placement,
        },
        "points",
    )


def table_of(data: Any, features: Any, metadata: Mapping[str, Any]) -> Emitters:
    """The table that a layer shows.

    Places and frames are the layer's, for points may have been moved, everything else is in
    its features.

    Args:
        data: (N, 3) frame, y and x in nm.
        features: a data frame of N rows.
        metadata: of the layer.

    Raises:
        UserError: the layer is none of ours, or a point was given a frame that is not whole.
    """
    meta = metadata.get(OURS)
    places = np.asarray(data)
    if not isinstance(meta, Mapping) or places.ndim != 2 or places.shape[1] != 3:
        raise UserError(
            "this Points layer is no table of localisations; save one that TrueVAR opened or found"
        )
    columns = {str(key): np.asarray(features[key]) for key in features.columns}
    columns |= {"frame": np.rint(places[:, 0]), "y": places[:, 1], "x": places[:, 2]}
    return Emitters(columns, meta)
