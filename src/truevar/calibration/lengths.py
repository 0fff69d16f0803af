"""Lengths in the wrong unit: micrometres or pixels where nanometres are asked for.

No microscope is refused: pixels of 6.5 µm behind a 10x objective are 650 nm in the sample,
and an expanded sample's are a few nanometres. What is refused no objective can do.
"""

from __future__ import annotations

from truevar.errors import UserError
from truevar.wording import Message, subject

POSSIBLE = {"pixel_size": (5.0, 2000.0), "psf_sigma": (5.0, 2000.0)}
"""Lengths in nm that can be."""

USUAL = {"pixel_size": (20.0, 500.0), "psf_sigma": (40.0, 600.0)}
"""Lengths in nm that most microscopes have; outside, a question is asked."""

_LIKELY = {"pixel_size": (50.0, 350.0), "psf_sigma": (60.0, 400.0)}  # for what was meant
_NAMES = {"pixel_size": "a pixel", "psf_sigma": "a PSF width"}


def check_length(name: str, length: float, shown: str, pixel_size: float | None = None) -> None:
    """Refuse a length that cannot be.

    Args:
        name: ``pixel_size`` or ``psf_sigma``.
        length: nm.
        shown: how the user knows it, for the message.
        pixel_size: nm, to tell a PSF width that was given in pixels.

    Raises:
        UserError: out of range, with what was meant if that can be guessed.
    """
    low, high = POSSIBLE[name]
    if low <= length <= high:
        return
    meant = _meant(name, length, pixel_size)
    ask = f"; did you mean {meant}?" if meant else "; give it in nm, as it is in the sample"
    raise UserError(f"{shown} is {length:g} nm, which no microscope has{ask}")


def length_doubts(pixel_size: float, psf_sigma: float | None) -> list[str]:
    """Questions about lengths that few microscopes have, one line each.

    Args:
        pixel_size: nm.
        psf_sigma: nm; None if it was not stated.
    """
    doubts: list[str] = []
    for name, length in (("pixel_size", pixel_size), ("psf_sigma", psf_sigma)):
        if length is None or USUAL[name][0] <= length <= USUAL[name][1]:
            continue
        meant = _meant(name, length, pixel_size)
        if name == "pixel_size" and length < USUAL[name][0]:
            # 6.5, 11, 13 and 16 µm are what cameras have.
            meant = f"a camera's own pixel of {length:g} µm, {10 * length:g} nm at 100x"
        ask = f"did you mean {meant}?" if meant else "is it in nm, as it is in the sample?"
        what = f"{_NAMES[name]} of {length:g} nm"
        doubts.append(Message(f"{what} is unusual: {ask} (see {subject(name)})"))
    return doubts


def _meant(name: str, length: float, pixel_size: float | None) -> str:
    """The likely length in words, empty if there is none."""
    low, high = _LIKELY[name]
    if name == "psf_sigma" and length > 0.3 and pixel_size and low <= length * pixel_size <= high:
        return f"{length * pixel_size:g} nm ({length:g} px)"
    if low <= 1000 * length <= high:
        return f"{1000 * length:g} nm ({length:g} µm)"
    if low <= length / 10 <= high and length > POSSIBLE[name][1]:
        return f"{length / 10:g} nm ({length:g} Å)"
    if name == "pixel_size" and 2000 < length < 30000:
        return f"{length / 100:g} nm (the camera's own pixel of {length / 1000:g} µm, at 100x)"
    return ""
