"""Which answers in successive frames are the same emitter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

REACH = 2.1
"""How far apart two answers may lie to be one emitter, in standard errors of their distance."""

LEAST = 0.1
"""What is closer than this, px, is within reach whatever the errors say."""

MOST = 0.7
"""And what is further apart than so many PSF widths is not."""


def tracks_of(
    frame_D: NDArray[np.int64],
    x_D: NDArray[np.float64],
    y_D: NDArray[np.float64],
    sigma_D: NDArray[np.float64],
    psf_sigma: float,
) -> NDArray[np.int64]:
    """Number the emitters: each other's nearest in successive frames, within their errors.

    Args:
        frame_D: (D,) ascending.
        x_D, y_D: (D,) px.
        sigma_D: (D,) standard errors of a position as lengths √(σx² + σy²), px.
        psf_sigma: px.

    Returns:
        (D,) the emitter of every answer, from 0; an emitter's frames follow each other.
    """
    track_D = np.full(len(frame_D), -1)
    frames, starts = np.unique(frame_D, return_index=True)
    point_D2 = np.stack([x_D, y_D], axis=1)
    before, last, n = np.empty(0, dtype=np.int64), -2, 0
    for frame, row in zip(
        frames.tolist(), np.split(np.arange(len(frame_D)), starts[1:]), strict=True
    ):
        if len(before) and frame == last + 1:
            near, of_before = cKDTree(point_D2[before]).query(point_D2[row])
            _, of_row = cKDTree(point_D2[row]).query(point_D2[before])
            error = np.hypot(sigma_D[row], sigma_D[before[of_before]])
            same = (of_row[of_before] == np.arange(len(row))) & (
                near < np.minimum(np.maximum(REACH * error, LEAST), MOST * psf_sigma)
            )
            track_D[row[same]] = track_D[before[of_before[same]]]
        new = row[track_D[row] < 0]
        track_D[new] = n + np.arange(len(new))
        n += len(new)
        before, last = row, frame
    return track_D
