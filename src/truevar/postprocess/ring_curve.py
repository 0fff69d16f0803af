"""From sums over Fourier rings to a curve, and where it falls to the threshold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from truevar.postprocess.ring_sums import RingSums

Floats = NDArray[np.float64]

THRESHOLD = 1 / 7
"""Correlation at which the resolution is read off, as Nieuwenhuizen et al. have it."""

_SMOOTHING = 0.05
"""Rings within this part of a frequency are averaged, and 2 on either side at least."""
_COARSEST = 6
"""Rings from 0 that are left aside: in them is the window, not the structure."""
_SURE = 3.0
"""Standard errors by which the curve must begin above the threshold to have fallen to it."""
_RISEN = 4.0
"""Standard errors that are no accident anywhere along the curve."""


class Curve:
    """Ring correlation of two halves of K blocks, and of K - 1 blocks for every one left out.

    Attributes:
        frequency_R: 1/nm.
        all_R: (R,) of all blocks, smoothed.
        error_R: (R,) its standard error, by the jackknife.
    """

    def __init__(self, sums: RingSums):
        blocks = len(sums.own_KR)
        self._blocks = blocks
        self.frequency_R = sums.frequency_R
        cross_R, own_R, counts = sums.cross_KR.sum(0), sums.own_KR.sum(0), sums.counts_K.sum()
        pairs = sums.partners_K.sum()
        self.all_R = _correlation(cross_R / pairs, own_R / blocks, counts / blocks, sums)
        # A block's pairs are counted from its end and from their other one's.
        self._left_out_KR = np.stack(
            [
                _correlation(
                    (cross_R - 2 * sums.cross_KR[k]) / (pairs - 2 * sums.partners_K[k]),
                    (own_R - sums.own_KR[k]) / (blocks - 1),
                    (counts - sums.counts_K[k]) / (blocks - 1),
                    sums,
                )
                for k in range(blocks)
            ]
        )
        self.error_R = _jackknife(self._left_out_KR)

    @property
    def from_the_start(self) -> bool:
        """Whether there is no correlation to fall, or none that is sure."""
        if len(self.all_R) <= _COARSEST:
            return True
        start = self.all_R[_COARSEST] - _SURE * self.error_R[_COARSEST]
        return not start > THRESHOLD

    def resolution(self) -> tuple[float, tuple[float, float]]:
        """nm where the curve first falls to the threshold, and its 95 % interval.

        NaN where it never does.
        """
        place = _falls(self.all_R)
        none = float("nan")
        if self.from_the_start or not len(place):
            return none, (none, none)
        first = self._nm(place[0])
        # The same fall, where the curve is one that falls several times.
        log_K = np.full(self._blocks, none)
        for k, left_R in enumerate(self._left_out_KR):
            others = _falls(left_R)
            if len(others):
                log_K[k] = np.log(self._nm(others[np.argmin(abs(np.log(others / place[0])))]))
        reach = stdtrit(self._blocks - 1, 0.975) * float(_jackknife(log_K[:, None])[0])
        return first, (first * float(np.exp(-reach)), first * float(np.exp(reach)))

    def rises_again(self) -> float:
        """nm of the finest rings that are surely over the threshold behind the first fall; NaN."""
        place = _falls(self.all_R)
        if not len(place):
            return float("nan")
        sure = np.flatnonzero(self.all_R - _RISEN * self.error_R > THRESHOLD)
        sure = sure[sure > place[0] + 1]
        return self._nm(float(sure[-1])) if len(sure) else float("nan")

    def _nm(self, ring: float) -> float:
        return float(1 / (ring * self.frequency_R[1]))


def _falls(curve_R: Floats) -> Floats:
    """Where a curve falls to the threshold, in rings."""
    over_R = curve_R[_COARSEST:] > THRESHOLD
    last = np.flatnonzero(over_R[:-1] & ~over_R[1:]) + _COARSEST
    part = (curve_R[last] - THRESHOLD) / (curve_R[last] - curve_R[last + 1])
    return np.asarray(last + part)


def _correlation(cross_R: Floats, own_R: Floats, counts: float, sums: RingSums) -> Floats:
    """(R,) of halves of K / 2 blocks, from the mean spectra of two blocks and of one.

    Counting into pixels takes part of the power of what is correlated, within a block too, and
    nothing of the power of single localisations; it is put back.
    """
    half = len(sums.own_KR) / 2
    cross_R = cross_R / sums.loss_R
    single_R = counts * sums.cells_R
    own_R = single_R + (own_R - single_R) / sums.loss_R
    cross_R, own_R = _smooth(cross_R), _smooth(own_R)
    below_R = own_R + (half - 1) * cross_R
    return np.where(below_R > 0, half * cross_R / np.where(below_R > 0, below_R, 1.0), 0.0)


def _smooth(sum_R: Floats) -> Floats:
    """Sums over neighbouring rings; the window's ends hold parts of rings."""
    n = len(sum_R)
    middle = np.arange(n)
    # Half of the ring itself, and not beyond the ends, so that every window has its ring midway.
    reach = 0.5 + np.minimum(
        np.maximum(_SMOOTHING * middle, 2.0), np.minimum(middle, n - 1 - middle)
    )
    total, edge = np.concatenate([[0.0], np.cumsum(sum_R)]), np.arange(n + 1)
    upper, lower = (np.interp(middle + 0.5 + side * reach, edge, total) for side in (1, -1))
    return np.asarray(upper - lower)


def _jackknife(value_KR: Floats) -> Floats:
    """(R,) standard errors from values with each of K blocks left out."""
    blocks = len(value_KR)
    return np.asarray(np.sqrt((blocks - 1) * np.var(value_KR, axis=0)))
