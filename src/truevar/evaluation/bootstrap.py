"""Per-frame sums from which every accuracy figure follows, and their bootstrap.

A figure such as the Jaccard index is a function of sums over frames. Keeping the sums of
each frame makes a bootstrap over frames one matrix product: the weights say how often a
frame was drawn. Medians need the values themselves, kept sorted with their frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Figures = dict[str, Floats]

_CHUNK = 1 << 23  # numbers held at a time while resampling


@dataclass
class FrameSums:
    """What the frames of a movie, or of several, contributed.

    Attributes:
        frames: number of frames F, empty ones included.
        sums: by name, (F, k) sums over a frame's emitters.
        values: by name, sorted (M,) values and the (M,) frame of each, for medians.
    """

    frames: int
    sums: dict[str, Floats] = field(default_factory=dict)
    values: dict[str, tuple[Floats, NDArray[np.int64]]] = field(default_factory=dict)

    def add(self, name: str, frame_N: NDArray[np.int64], what_Nk: ArrayLike = 1.0) -> None:
        """Add up (N,) or (N, k) numbers of N emitters in their (N,) frames."""
        what = np.asarray(what_Nk, dtype=np.float64)
        if what.ndim < 2:
            what = np.broadcast_to(what, frame_N.shape)[:, None]
        self.sums[name] = np.zeros((self.frames, what.shape[1]))
        for k in range(what.shape[1]):
            self.sums[name][:, k] = np.bincount(frame_N, what[:, k], minlength=self.frames)

    def add_binned(
        self, name: str, frame_N: NDArray[np.int64], bin_N: NDArray[np.int64], what_N: ArrayLike = 1
    ) -> None:
        """Add up N numbers in 10 bins per frame."""
        weight_N = np.broadcast_to(np.asarray(what_N, dtype=np.float64), frame_N.shape)
        place_N = frame_N * 10 + bin_N
        sum_F = np.bincount(place_N, weight_N, minlength=self.frames * 10).astype(np.float64)
        self.sums[name] = sum_F.reshape(-1, 10)

    def add_values(self, name: str, frame_N: NDArray[np.int64], value_N: Floats) -> None:
        """Keep N numbers of which the median is wanted."""
        order = np.argsort(value_N)
        self.values[name] = (value_N[order], frame_N[order])

    @classmethod
    def pool(cls, parts: Sequence[FrameSums]) -> FrameSums:
        """Frames of several movies, one after the other; what not all have is dropped."""
        pooled = cls(sum(part.frames for part in parts))
        for name in parts[0].sums:
            if all(name in part.sums for part in parts):
                pooled.sums[name] = np.concatenate([part.sums[name] for part in parts])
        starts = np.cumsum([0] + [part.frames for part in parts])
        for name in parts[0].values:
            if all(name in part.values for part in parts):
                pooled.add_values(
                    name,
                    np.concatenate(
                        [p.values[name][1] + s for p, s in zip(parts, starts, strict=False)]
                    ),
                    np.concatenate([p.values[name][0] for p in parts]),
                )
        return pooled

    def weighed(self, weight_RF: Floats) -> tuple[Figures, Figures]:
        """Sums (R, k) and medians (R,) for R sets of frame weights; NaN without values."""
        sums = {name: weight_RF @ sum_Fk for name, sum_Fk in self.sums.items()}
        medians = {
            name: _weighted_median(value_M, weight_RF[:, frame_M])
            for name, (value_M, frame_M) in self.values.items()
        }
        return sums, medians

    def figures(self, function: Callable[[Figures, Figures], Figures]) -> dict[str, float]:
        """The figures of all frames, by a function of sums and medians."""
        found = function(*self.weighed(np.ones((1, self.frames))))
        return {name: float(value_R[0]) for name, value_R in found.items()}

    def resampled(
        self, function: Callable[[Figures, Figures], Figures], resamples: int, seed: int
    ) -> Figures:
        """(resamples,) of every figure, frames drawn with replacement.

        The same seed and number of frames draw the same frames, so that two methods'
        figures are paired.
        """
        widest = max([self.frames, *(len(value) for value, _ in self.values.values())])
        parts = [
            function(*self.weighed(weight_RF))
            for weight_RF in _weights(self.frames, resamples, seed, max(1, _CHUNK // widest))
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def interval(value_R: Floats) -> tuple[float, float]:
    """The middle 95 % of resampled values; NaN where there are none."""
    finite = value_R[np.isfinite(value_R)]
    if len(finite) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [0.025, 0.975])
    return float(low), float(high)


def _weights(frames: int, resamples: int, seed: int, most: int) -> Iterator[Floats]:
    """(at most ``most``, F) how often each frame is drawn; independent of ``most``."""
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, most):
        count = min(most, resamples - start)
        drawn = rng.integers(0, frames, (count, frames)) + frames * np.arange(count)[:, None]
        times = np.bincount(drawn.ravel(), minlength=count * frames).astype(np.float64)
        yield times.reshape(count, frames)


def _weighted_median(value_M: Floats, weight_RM: Floats) -> Floats:
    """(R,) medians of sorted values of which each is there ``weight`` times."""
    if len(value_M) == 0:
        return np.full(len(weight_RM), np.nan)
    reached_RM = np.cumsum(weight_RM, axis=1)
    total_R = reached_RM[:, -1]
    # The two middle ones of the values written out: ranks are whole numbers.
    middle_2R = np.stack([np.floor((total_R + 1) / 2), np.floor(total_R / 2) + 1])
    rank_2R = [
        [np.searchsorted(r, m) for r, m in zip(reached_RM, mid, strict=True)] for mid in middle_2R
    ]
    median_R = value_M[np.minimum(rank_2R, len(value_M) - 1)].mean(axis=0)
    return np.where(total_R > 0, median_R, np.nan)
