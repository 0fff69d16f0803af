"""Camera numbers and pixel sizes as movie files name them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from truevar.io.camera_names import NAMES, gain_is_em_gain

_TAGS = ("pixel_size", "baseline", "e_per_adu", "em_gain", "read_sigma", "qe")

PIXEL_SIZES = (5.0, 1000.0)
"""Pixel sizes in nm that are believed, the upper end excluded: a file that was
never calibrated often claims exactly one micrometre."""

_METRES = {"nm": 1.0, "um": 1e3, "µm": 1e3, "μm": 1e3, "micron": 1e3, "microns": 1e3}
_METRES |= {"micrometer": 1e3, "\\u00b5m": 1e3, "mm": 1e6, "cm": 1e7, "m": 1e9}


def camera_tags(values: Mapping[Any, Any], aliases: bool = True) -> dict[str, float]:
    """What a file's key-value pairs say about the camera.

    Args:
        values: any mapping; keys that mean nothing here are passed over.
        aliases: also accept the names of other programs. Not for tags that any
            camera's driver may have written: its "gain" is anything.

    Returns:
        Those of ``pixel_size`` (nm), ``baseline`` (ADU), ``e_per_adu``,
        ``em_gain``, ``read_sigma`` (electrons) and ``qe`` that are given as
        usable numbers. Names are matched without regard to case. Picasso's ``Gain`` is the
        EM gain where it stands with ``Baseline, Sensitivity, Qe``; else it may be anything.
    """
    lower = {str(key).lower(): value for key, value in values.items()}
    gain = ("gain",) if gain_is_em_gain(lower) else ()
    found: dict[str, float] = {}
    for name in _TAGS:
        others = NAMES[name] + (gain if name == "em_gain" else ())
        for alias in (name, *others) if aliases else (name,):
            number = _number(lower.get(alias))
            if number is not None and _possible(name, number):
                found[name] = number
                break
    return found


def to_nanometres(length: float, unit: str) -> float | None:
    """A length in nm, None where the unit is not one of length."""
    factor = _METRES.get(unit.strip().lower())
    return None if factor is None else length * factor


def believable_pixel_size(x: float | None, y: float | None, notes: list[str]) -> float | None:
    """One pixel size (nm) from those along x and y, None if they cannot be right.

    What is put aside is said in ``notes``.
    """
    sizes = [size for size in (x, y) if size is not None]
    if not sizes:
        return None
    low, high = PIXEL_SIZES
    if not all(math.isfinite(size) and low <= size < high for size in sizes):
        said = " x ".join(f"{size:g}" for size in sizes)
        notes.append(f"the file's pixel size of {said} nm is not believable and was ignored")
        return None
    if max(sizes) > 1.05 * min(sizes):
        notes.append(
            f"the file's pixels are not square ({sizes[0]:g} x {sizes[1]:g} nm): size ignored"
        )
        return None
    return float(sum(sizes) / len(sizes))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _possible(name: str, number: float) -> bool:
    if name == "pixel_size":
        return PIXEL_SIZES[0] <= number < 10 * PIXEL_SIZES[1]
    if name == "em_gain":
        return number >= 1
    if name in ("e_per_adu", "qe"):
        return number > 0
    return name != "read_sigma" or number >= 0
