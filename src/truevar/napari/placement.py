"""Where points and pictures in nm lie in napari, so that they lie on their movie.

napari takes a layer's data to the world by ``affine · (rotate · shear · scale · data +
translate)``, and the centre of the first pixel is at data 0, as is our origin.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from truevar.view.field import Grid


def points_on(movie: Any, pixel_size: float) -> dict[str, Any]:
    """Arguments of a Points layer with (frame, y nm, x nm) on a movie.

    Args:
        movie: an Image layer, (frames, H, W) or (H, W); frames of the latter are those of the
            slider, one unit each.
        pixel_size: nm.
    """
    placement = {
        "scale": np.asarray(movie.scale, np.float64) / ([1, pixel_size, pixel_size][-movie.ndim :]),
        "translate": np.asarray(movie.translate),
        "rotate": np.asarray(movie.rotate),
        "shear": np.asarray(movie.shear),
        "affine": np.asarray(movie.affine.affine_matrix),
    }
    units = getattr(movie, "units", None)
    if units is not None:
        placement["units"] = units
    if movie.ndim == 3:
        return placement
    # One frame: with no axis for frames there is nothing to lie along.
    placement = {name: placement[name] for name in ("scale", "translate")}
    return {name: np.r_[float(name == "scale"), value] for name, value in placement.items()}


def picture_on(movie: Any, pixel_size: float, grid: Grid) -> dict[str, Any]:
    """Arguments of a 2-D Image layer with a picture in place of the movie's own frames.

    Args:
        movie: an Image layer, (frames, H, W) or (H, W).
        pixel_size: of the movie, nm.
        grid: the picture's pixels.
    """
    first = np.array([grid.y0, grid.x0]) + grid.pixel_size / 2
    step = grid.pixel_size * np.eye(2)
    # Three pixels of the picture, in pixels of the movie's first frame.
    corners = np.array([first, first + step[0], first + step[1]]) / pixel_size
    before = np.zeros(movie.ndim - 2)
    origin, down, across = (
        np.asarray(movie.data_to_world(np.r_[before, corner]))[-2:] for corner in corners
    )
    linear = np.column_stack([down - origin, across - origin])
    placement: dict[str, Any]
    if np.allclose(linear, np.diag(np.diag(linear)), rtol=0, atol=1e-9 * np.abs(linear).max()):
        placement = {"scale": np.diag(linear), "translate": origin}
    else:
        affine = np.eye(3)
        affine[:2, :2], affine[:2, 2] = linear, origin
        placement = {"affine": affine}
    units = getattr(movie, "units", None)
    return placement if units is None else {**placement, "units": units[-2:]}
