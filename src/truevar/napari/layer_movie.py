"""What an Image layer tells: its frames, and the pixel size and camera that are known of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from truevar.errors import UserError
from truevar.io.camera_tags import PIXEL_SIZES, camera_tags
from truevar.io.movies.movie import open_movie

_IN_NM = {
    "nanometer": 1.0,
    "micrometer": 1e3,
    "millimeter": 1e6,
    "meter": 1e9,
}


class Known(NamedTuple):
    """A number and who says it."""

    value: float
    source: str


def frames_of_layer(layer: Any) -> Any:
    """The layer's frames (frames, H, W) or (H, W), as they are: of numpy, dask, zarr.

    Raises:
        UserError: it has colours or another number of axes.
    """
    data = layer.data[0] if layer.multiscale else layer.data
    if layer.rgb or data.ndim not in (2, 3):
        axes = "colours" if layer.rgb else f"{data.ndim} axes"
        raise UserError(
            f"{layer.name!r} has {axes}; a movie has three: frames, y, x (right-click the layer: "
            "Split Stack)"
        )
    return data


def known_of_layer(layer: Any) -> dict[str, Known]:
    """What is known of a layer's movie without computing.

    The layer's metadata go first, then its scale, then the tags of the file that it was opened
    from, as far as that file has the layer's frames.

    Returns:
        those of ``pixel_size`` (nm), ``baseline`` (ADU), ``e_per_adu``, ``em_gain``,
        ``read_sigma`` (electrons) and ``qe`` that somebody says.
    """
    said = {
        "the layer's metadata": camera_tags(layer.metadata, aliases=False),
        "the layer's scale": _of_scale(layer),
        "the file's tags": _of_file(layer),
    }
    known: dict[str, Known] = {}
    for source, numbers in said.items():
        for name, value in numbers.items():
            known.setdefault(name, Known(value, source))
    return known


def _of_scale(layer: Any) -> dict[str, float]:
    """A pixel size where the scale has a unit, or can only be meant in one.

    Programs that set no unit give µm or nm: camera pixels have less than 1 of the one, and more
    than 5 of the other.
    """
    down, across = (float(one) for one in layer.scale[-2:])
    unit = str((getattr(layer, "units", None) or ("pixel",))[-1])
    if not np.isclose(down, across):
        return {}
    if unit in _IN_NM:
        size = across * _IN_NM[unit]
    elif unit == "pixel" and across != 1:
        size = across * 1e3 if across < 1 else across
    else:
        return {}
    return {"pixel_size": size} if PIXEL_SIZES[0] <= size < PIXEL_SIZES[1] else {}


def _of_file(layer: Any) -> Mapping[str, float]:
    path = layer.source.path
    if path is None or not Path(path).is_file():
        return {}
    shape = tuple(layer.data[0].shape if layer.multiscale else layer.data.shape)
    try:
        with open_movie(path) as movie:
            return movie.meta if movie.shape[-len(shape) :] == shape else {}
    except UserError:  # napari reads more kinds of files than we do
        return {}
