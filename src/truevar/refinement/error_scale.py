"""How much larger or smaller a network's standard errors should be, by what is known of an answer.

A small network of one hidden layer, fitted on simulated scenes so that the ellipse for 68 % holds
68 % of the true places whatever the circumstances (quantile regression: Koenker and Bassett,
Econometrica 46, 33 (1978)). Its numbers come with a model's weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from truevar.imaging.neighbours import distance_to_nearest, set_apart

Floats = NDArray[np.float64]

LIMITS = (0.4, 2.5)
"""Factors beyond which nothing was seen to be right."""

NAMES = (
    "log error, PSF widths",
    "log bound over error",
    "log frames",
    "way gone, errors",
    "log residual",
    "log neighbours within 2 PSF widths",
    "log neighbours within 4",
    "distance to the nearest, PSF widths",
    "log photons",
    "log PSF width, px",
)
"""What is known of an answer."""


@dataclass(frozen=True)
class ErrorScale:
    """The fitted network; columns are :data:`NAMES`.

    Attributes:
        mean_Q, spread_Q: (Q,) what columns are reduced by.
        into_QH, shift_H: (Q, H) and (H,) of the hidden layer (hyperbolic tangents).
        out_H, offset: (H,) and a number, to the log of the factor.
    """

    mean_Q: Floats
    spread_Q: Floats
    into_QH: Floats
    shift_H: Floats
    out_H: Floats
    offset: float

    def __call__(self, known_DQ: Floats) -> Floats:
        """(D,) factors by which standard errors are to be multiplied."""
        hidden_DH = np.tanh((known_DQ - self.mean_Q) / self.spread_Q @ self.into_QH + self.shift_H)
        return np.clip(np.exp(hidden_DH @ self.out_H + self.offset), *LIMITS)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for the header of weights."""
        return {"columns": list(NAMES)} | {
            name: np.asarray(value).astype(np.float32).round(5).tolist()
            for name, value in vars(self).items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ErrorScale | None:
        """What :meth:`to_dict` gave; None if there is none, or one that asks for other columns."""
        if list(values.get("columns", [])) != list(NAMES):
            return None
        arrays = {
            name: np.asarray(values[name], np.float64)
            for name in ("mean_Q", "spread_Q", "into_QH", "shift_H", "out_H")
        }
        return cls(**arrays, offset=float(values["offset"]))


def circumstances(
    frame_D: NDArray[np.int64],
    place_D2: Floats,
    error_D: Floats,
    bound_D: Floats,
    frames_D: NDArray[np.int64],
    way_D: Floats,
    residual_D: Floats,
    photons_D: Floats,
    psf_sigma: float,
) -> Floats:
    """(D, Q) the columns :data:`NAMES` of answers.

    Args:
        frame_D: their frames.
        place_D2: (D, 2) px.
        error_D: standard errors of the network as lengths √(σx² + σy²), px.
        bound_D: the same by the light of their frame, were all others known.
        frames_D: how many frames each emitter is on in.
        way_D: how far the fit has taken them, in their errors.
        residual_D: squared residuals over variances, mean of their patch.
        photons_D: effective counts.
        psf_sigma: px.
    """
    furthest = 6 * psf_sigma
    point_D3 = set_apart(place_D2[:, 0], place_D2[:, 1], frame_D, furthest)
    tree = cKDTree(point_D3)
    within_2, within_4 = (
        tree.query_ball_point(point_D3, reach * psf_sigma, return_length=True) - 1
        for reach in (2, 4)
    )
    apart_D = np.minimum(distance_to_nearest(point_D3, furthest) / psf_sigma, 6.0)
    return np.column_stack(
        [
            np.log(error_D / psf_sigma),
            np.clip(np.log(bound_D / error_D), -4.0, 4.0),
            np.log(frames_D),
            np.minimum(way_D, 6.0),
            np.log(np.maximum(residual_D, 0.05)),
            np.log1p(within_2),
            np.log1p(within_4),
            apart_D,
            np.log(photons_D),
            np.full(len(error_D), np.log(psf_sigma)),
        ]
    )
