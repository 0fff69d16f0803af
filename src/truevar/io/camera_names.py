"""What a camera's numbers are called, here and in other programs' files, and what they can be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from truevar.errors import UserError

CAMERA_NUMBERS = ("baseline", "e_per_adu", "em_gain", "read_sigma", "qe", "cic")
"""Names of a :class:`truevar.camera.Camera`'s numbers."""

LENGTHS = ("pixel_size", "psf_sigma")
"""Names of the lengths (nm) that may be told with them."""

NAMES: dict[str, tuple[str, ...]] = {
    "baseline": (),
    "e_per_adu": ("sensitivity",),
    "em_gain": (),
    "read_sigma": ("read_noise", "readout noise"),
    "qe": (),
    "cic": ("spur_noise",),
    "pixel_size": ("px_size", "pixelsize", "pixel size"),
    "psf_sigma": (),
}
"""Our names, each with those that mean the same elsewhere (lower case, docs/formats.md).

A bare ``gain`` is not among them: see :func:`gain_is_em_gain`.
"""

ALIASES: dict[str, str] = {
    alias: name for name, others in NAMES.items() for alias in (name, *others)
}
"""Every accepted name but ``gain``, and ours for it."""

_PICASSO = {"baseline", "sensitivity", "gain", "qe"}
_MEANT = {"offset": "baseline", "bias": "baseline", "pedestal": "baseline", "darklevel": "baseline"}
_ALIKE = 0.82  # of difflib: lets through two letters exchanged, not "pixels" for "pixelsize"

_RANGES = {
    "e_per_adu": "above 0",
    "pixel_size": "above 0",
    "psf_sigma": "above 0",
    "em_gain": "at least 1",
    "read_sigma": "0 or more",
    "cic": "0 or more",
    "baseline": "a number",
    "qe": "above 0",
}
_SMALLEST, _LARGEST = 1e-6, 1e9
"""What is beyond is a slip, and its squares would not fit single precision."""


def check_number(name: str, value: Any, shown: str | None = None, text: bool = False) -> float:
    """A camera's number as a float, within what it can be.

    Args:
        name: one of :data:`CAMERA_NUMBERS` or :data:`LENGTHS`.
        value: what was given for it.
        shown: what messages call it.
        text: take text as well: to YAML, ``1e3`` is text.

    Raises:
        UserError: not a finite number, or out of range.
    """
    wanted = _RANGES[name]
    shown = shown or name
    if isinstance(value, (str, bytes)) and not text:
        raise UserError(f"{shown} is the text {value!r}; it must be a number, without quotes")
    try:
        plain = not isinstance(value, (bool, complex)) and getattr(value, "ndim", 0) == 0
        number = float(value) if plain else math.nan
    except (TypeError, ValueError):
        number = math.nan
    low = {"above 0": 0.0, "at least 1": 1.0, "0 or more": 0.0}.get(wanted, -math.inf)
    bad = not math.isfinite(number) or number < low or (wanted == "above 0" and number == 0)
    if bad:
        raise UserError(f"{shown} is {value}; it must be {wanted}")
    if abs(number) > _LARGEST or (wanted == "above 0" and number < _SMALLEST):
        raise UserError(f"{shown} is {value}, which cannot be; is the unit right?")
    return number


def gain_is_em_gain(values: Mapping[Any, Any]) -> bool:
    """Whether a bare ``gain`` among key-value pairs is surely the multiplication of an EMCCD.

    It is where Picasso's ``Baseline, Sensitivity, Gain, Qe`` stand together, for there the
    conversion is called sensitivity; and a gain of 1 beside a conversion is no multiplication.
    Elsewhere, the makers of sCMOS cameras call the conversion so.
    """
    lower = {str(key).lower(): value for key, value in values.items()}
    if lower.keys() >= _PICASSO:
        return True
    told = any(lower.get(name) is not None for name in ("e_per_adu", "sensitivity"))
    return told and str(lower.get("gain")) in ("1", "1.0")


def nearest_name(key: str) -> str | None:
    """The accepted name that an unknown key was probably meant to be, None if there is none."""
    known = {_letters(name): name for name in reversed(ALIASES)} | _MEANT
    close = get_close_matches(_letters(key), known, 1, _ALIKE)
    return known[close[0]] if close else None


def _letters(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())
