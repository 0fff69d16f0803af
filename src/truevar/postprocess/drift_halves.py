"""Whether two halves of a field tell the same drift, and how much wider its error is if not.

A curve's own error takes localisations to err independently. In a short movie they do not: a
molecule that is on for several frames errs in all of them alike, and along the one filament that
there is, any shift fits. Squares of the field in turn have other molecules and the same drift, so
how far their curves lie apart, beside what their errors let expect, shows what those leave out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from truevar.errors import UserError

_SQUARE = 1000.0
"""nm, width of a square: wider than a molecule's localisations scatter."""

Curves = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]
"""(F,) frames, (F, 2) nm, (F, 2) standard errors."""


def halves_apart(
    place_N2: NDArray[np.float64], curves_of: Callable[[NDArray[np.bool_]], Curves]
) -> NDArray[np.float64] | None:
    """(2,) by how much the error along x and y must be multiplied; at least 1.

    Args:
        place_N2: (N, 2) nm.
        curves_of: the drift that some rows tell, alone.

    Returns:
        None where halves are too little to tell a drift.
    """
    column_N, row_N = np.floor(place_N2 / _SQUARE).astype(np.int64).T
    ratios = []
    for half_N in ((column_N + row_N) % 2 == 0, (column_N + row_N // 2) % 2 == 0):
        try:
            (frame_a, one_F2, of_one_F2), (frame_b, other_F2, of_other_F2) = (
                curves_of(rows_N) for rows_N in (half_N, ~half_N)
            )
        except UserError:
            continue
        first, last = max(frame_a[0], frame_b[0]), min(frame_a[-1], frame_b[-1])
        if last <= first:
            continue
        a = slice(first - frame_a[0], last - frame_a[0] + 1)
        b = slice(first - frame_b[0], last - frame_b[0] + 1)
        apart_F2 = one_F2[a] - other_F2[b]
        apart_F2 = apart_F2 - apart_F2.mean(0)
        expected_2 = (of_one_F2[a] ** 2 + of_other_F2[b] ** 2).mean(0)
        ratios.append((apart_F2**2).mean(0) / expected_2)
    if not ratios:
        return None
    return np.maximum(np.sqrt(np.mean(ratios, axis=0)), 1.0)
