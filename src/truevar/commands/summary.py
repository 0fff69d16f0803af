"""A few lines on what was used and found in a movie, be it more than memory holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from truevar.io.tables.parts import TableParts

_SETTINGS = {
    "pixel_size": " nm",
    "psf_sigma": " nm",
    "baseline": "",
    "e_per_adu": "",
    "em_gain": "",
    "read_sigma": "",
}
"""What is told, with its unit where the name does not tell it."""

_EXACT = 1_000_000
"""Rows up to which a median is exact."""
_DOUBTFUL = 0.01
"""p-value above which an emitter is counted as one that the frames do not need."""
_STEP = 1e-3
"""Above that it is right to this share of itself."""


def summary(found: TableParts) -> str:
    """With what, how many emitters, how precise, how bright, and in what time.

    Args:
        found: of :func:`truevar.inference.localize.localize_to_disk`.
    """
    first, last = found.meta["frame_range"]
    seconds = found.meta["seconds"]
    n_frames, n = last - first, len(found)
    samples = int(found.meta.get("samples", 1))
    drawn = f" of {samples} samples" if samples > 1 else ""
    per_frame = n / n_frames / samples
    lines = [*settings_used(found.meta)]
    lines.append(f"emitters:  {n:,} in {n_frames:,} frames{drawn}, {per_frame:.4g} per frame")
    if n:
        error, photons, doubtful = Median(n), Median(n), 0
        for part in found:
            error.add(np.sqrt((part.sigma_x**2 + part.sigma_y**2) / 2))
            photons.add(part.photons)
            doubtful += int(np.sum(part.get("p_value", np.zeros(0)) > _DOUBTFUL))
        lines.append(f"precision: {error.value():.3g} nm (median standard error of x and y)")
        lines.append(f"photons:   {photons.value():.4g} (median)")
        if doubtful:
            lines.append(
                f"doubtful:  {doubtful:,} ({doubtful / n:.1%}) that noise could have made "
                f"(p-value above {_DOUBTFUL:g})"
            )
    lines.append(
        f"time:      {seconds:.3g} s, {n_frames / max(seconds, 0.01):.3g} frames per second"
    )
    return "\n".join(lines)


def settings_used(meta: Mapping[str, Any]) -> list[str]:
    """Pixel size, PSF width and camera: a line for each place that they came from.

    Args:
        meta: of a table that was localised.
    """
    camera, sources = meta.get("camera", {}), meta.get("sources", {})
    by_source: dict[str, list[str]] = {}
    for name, unit in _SETTINGS.items():
        of_camera = name not in meta
        # A whole camera, or maps, have one source; a gain that nobody stated has none.
        source = sources.get(f"camera.{name}" if of_camera else name, sources.get("camera"))
        if source is not None:
            value = camera[name] if of_camera else meta[name]
            by_source.setdefault(source, []).append(f"{name} {value:.4g}{unit}")
    lines = [f"{', '.join(numbers)} ({source})" for source, numbers in by_source.items()]
    return [f"{'used:' if not k else '':<10} {line}" for k, line in enumerate(lines)]


class Median:
    """The median of values that come in parts, in memory that does not grow.

    Args:
        n: how many there will be; up to a million are kept, of more those above zero are counted
            in bins.
    """

    def __init__(self, n: int):
        self._kept: list[NDArray[Any]] | None = [] if n <= _EXACT else None
        self._count_K = np.zeros(1 << 16, np.int64)

    def add(self, values: NDArray[Any]) -> None:
        """More of them."""
        if self._kept is not None:
            self._kept.append(values)
            return
        good = values[np.isfinite(values) & (values > 0)]
        place = (np.log(good) / _STEP).astype(np.int64) + len(self._count_K) // 2
        self._count_K += np.bincount(
            np.clip(place, 0, len(self._count_K) - 1), minlength=len(self._count_K)
        )

    def value(self) -> float:
        """The median of all so far."""
        if self._kept is not None:
            return float(np.median(np.concatenate(self._kept)))
        middle = int(np.searchsorted(np.cumsum(self._count_K), self._count_K.sum() / 2))
        return float(np.exp((middle - len(self._count_K) // 2) * _STEP))
