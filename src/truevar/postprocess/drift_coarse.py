"""Drift found from nothing, to some nanometres: stretches of a movie laid over each other.

Localisations of a stretch are counted into pixels, and the picture is correlated with that of all
stretches laid over each other so far (cross-correlation against a growing reference, as in
adaptive intersection maximisation, Ma et al. 2024, doi:10.1126/sciadv.adm7765). Pictures are of
one size whatever the field's: positions are folded into a square of :data:`_SIDE` pixels. Places
that fall onto each other by folding stay where they are relative to the others, so the peak of the
correlation stays, on a more even ground.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import map_coordinates

PIXEL = 25.0
"""nm a pixel: about the width of a molecule's localisations."""

REACH = 1000.0
"""nm by which one stretch may lie off the one before."""

LEAST_PEAK = 7.0
"""Height of a peak of the correlation, in standard deviations of it elsewhere, that chance does
not bring about among the thousands of pixels within reach."""

_SIDE = 512
_FINE, _BROAD = 25.0, 250.0  # nm: structure between these widths is looked at


class Folded:
    """Pictures of localisations, folded, as Fourier transforms."""

    def __init__(self) -> None:
        self._fx = fft.rfftfreq(_SIDE).astype(np.float32)[None, :]
        self._fy = fft.fftfreq(_SIDE).astype(np.float32)[:, None]
        square = -2 * np.pi**2 * (self._fx**2 + self._fy**2) / PIXEL**2
        self._band = np.exp(square * _FINE**2) - np.exp(square * _BROAD**2)

    def picture(self, place_N2: NDArray[np.float64]) -> NDArray[np.complex64]:
        """Transform of the localisations counted into pixels."""
        col_N, row_N = (np.floor(place_N2 / PIXEL).astype(np.int64) % _SIDE).T
        counts = np.bincount(row_N * _SIDE + col_N, minlength=_SIDE**2)
        # Roots, or one molecule that stays on for long would be all that is seen.
        return fft.rfft2(np.sqrt(counts.astype(np.float32)).reshape(_SIDE, _SIDE))

    def moved(
        self, picture: NDArray[np.complex64], shift_2: NDArray[np.float64]
    ) -> NDArray[np.complex64]:
        """The picture moved by (x, y) nm."""
        turn_x, turn_y = (
            np.exp(-2j * np.pi * frequency * shift / PIXEL).astype(np.complex64)
            for frequency, shift in zip((self._fx, self._fy), shift_2, strict=True)
        )
        return picture * turn_x * turn_y

    def smooth(self, picture: NDArray[np.complex64]) -> NDArray[np.float32]:
        """The picture itself, without what is finer or broader than structure."""
        return fft.irfft2(picture * self._band, (_SIDE, _SIDE))

    def shift(
        self,
        picture: NDArray[np.complex64],
        reference: NDArray[np.complex64],
        near_2: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], float]:
        """By how much a picture lies off the reference.

        Args:
            picture, reference: transforms.
            near_2: (x, y) nm around which it is looked for.

        Returns:
            (x, y) nm, and the height of the peak in standard deviations.
        """
        overlap = fft.irfft2(picture * np.conj(reference) * self._band, (_SIDE, _SIDE))
        middle = np.round(near_2 / PIXEL).astype(np.int64)
        reach = np.arange(-int(REACH / PIXEL) - 1, int(REACH / PIXEL) + 2)
        window = overlap[np.ix_((middle[1] + reach) % _SIDE, (middle[0] + reach) % _SIDE)]
        inner = window[1:-1, 1:-1]
        row, col = (int(at) + 1 for at in np.unravel_index(np.argmax(inner), inner.shape))
        ground = float(np.median(window))
        spread = 1.4826 * float(np.median(np.abs(window - ground)))
        height = (float(window[row, col]) - ground) / spread if spread > 0 else 0.0
        found = np.array(
            [
                reach[col] + _vertex(window[row, col - 1 : col + 2]),
                reach[row] + _vertex(window[row - 1 : row + 2, col]),
            ]
        )
        return (middle + found) * PIXEL, height


@dataclass(frozen=True)
class Stretches:
    """Stretches of a movie laid over each other.

    Attributes:
        first_M: (M,) first row of every stretch.
        shift_M2: (M, 2) nm.
        height_M: (M,) heights of the peaks that tell so.
        reference: all of them laid over each other.
    """

    first_M: NDArray[np.int64]
    shift_M2: NDArray[np.float64]
    height_M: NDArray[np.float64]
    reference: NDArray[np.complex64]

    @property
    def sure(self) -> bool:
        """Whether nearly all have a peak; chance gives one to some."""
        return bool(np.mean(self.height_M >= LEAST_PEAK) >= 0.9)


def lay_over(
    place_N2: NDArray[np.float64],
    first_M: NDArray[np.int64],
    before: Stretches | None = None,
) -> Stretches:
    """The drift of every stretch of a movie.

    Args:
        place_N2: (N, 2) x and y in nm, in the order of frames.
        first_M: (M,) first row of every stretch, M at least 2.
        before: longer stretches that are laid over each other already. Without them the
            first stretch is the reference that the others are laid onto one by one, and
            once more when all are there.
    """
    folded = Folded()
    stretches = np.split(place_N2, first_M[1:])
    height_M = np.zeros(len(first_M))
    laid_M = np.zeros(len(first_M), dtype=bool)
    if before is None:
        shift_M2 = np.zeros((len(first_M), 2))
        reference = folded.picture(stretches[0])
        laid_M[0] = True
        order = [*range(1, len(first_M)), *range(len(first_M))]
    else:
        middle_M = (first_M + np.append(first_M[1:], len(place_N2))) // 2
        within_M = np.searchsorted(before.first_M, middle_M, "right") - 1
        shift_M2 = before.shift_M2[within_M].copy()
        reference = np.zeros_like(before.reference)
        for stretch, shift_2 in zip(stretches, shift_M2, strict=True):
            reference += folded.moved(folded.picture(stretch), -shift_2)
        laid_M[:] = True
        order = list(range(len(first_M)))
    for k in order:
        picture = folded.picture(stretches[k])
        if laid_M[k]:
            reference -= folded.moved(picture, -shift_M2[k])
        near_2 = shift_M2[k] if laid_M[k] else shift_M2[k - 1]
        found_2, height_M[k] = folded.shift(picture, reference, near_2)
        sure = height_M[k] >= LEAST_PEAK
        shift_M2[k] = found_2 if sure else near_2
        laid_M[k] |= sure
        if laid_M[k]:
            reference += folded.moved(picture, -shift_M2[k])
    return Stretches(first_M, shift_M2, height_M, reference)


def light(place_N2: NDArray[np.float64], reference: NDArray[np.complex64]) -> NDArray[np.float64]:
    """(N,) how bright a reference is, smoothed, at places in nm."""
    # A pixel counts what lies from its edge on, its centre is half a pixel farther.
    at_N2 = place_N2 / PIXEL - 0.5
    return np.asarray(
        map_coordinates(
            Folded().smooth(reference), at_N2[:, ::-1].T % _SIDE, order=1, mode="grid-wrap"
        ),
        dtype=np.float64,
    )


def _vertex(three: NDArray[np.float32]) -> float:
    """Where a parabola through values at -1, 0 and 1 is highest."""
    low, mid, high = (float(value) for value in three)
    bend = low - 2 * mid + high
    return float(np.clip(0.5 * (low - high) / bend, -0.5, 0.5)) if bend < 0 else 0.0
