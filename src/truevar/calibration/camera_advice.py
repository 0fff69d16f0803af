"""What to tell a user whose camera numbers do not fit the movie: the cause, the number that would.

The gain alone does not tell an EMCCD from another camera: both have a variance in proportion
to the light. But what an electron comes to in ADU does: cameras without multiplication are
built for 0.1 to 5 electrons per ADU, and an EMCCD's electrons are worth many ADU.
"""

from __future__ import annotations

import math

from truevar.camera import EMCCD_EXCESS, Camera
from truevar.wording import Message, argument

_EMCCD_SLOPE = 6.0  # ADU² of variance per ADU of light; other cameras have 0.2 to 5
_EMCCD_READ = 20.0  # electrons; no camera without multiplication reads out as badly
_EMCCD_SENSITIVITY = 2.0  # electrons per ADU
_TYPICAL_EM_GAIN = 300.0


def baseline_advice(stated: float, fitting: float, dark: float, noise: float) -> Message:
    """What to say of a baseline; all in ADU.

    Args:
        stated: the baseline.
        fitting: the one that would fit.
        dark, noise: mean and variance of the background.
    """
    side = "above the background" if stated > dark else "not that of this movie"
    return Message(
        f"camera: a baseline of {stated:.4g} ADU is {side} ({dark:.4g} ADU, with a noise of "
        f"{math.sqrt(noise):.3g}): photons will be wrong; "
        f"{argument('camera', {'baseline': float(round(fitting))})} would fit"
    )


def gain_advice(
    camera: Camera, stated: float, found: float, baseline: float | None = None
) -> Message:
    """What to say of a gain.

    Args:
        camera: as stated; without maps.
        stated: ADU² by which its variance grows per ADU of light.
        found: the same of the movie.
        baseline: ADU, to be given as well.
    """
    e, em_gain, slope = float(camera.e_per_adu), camera.em_gain, found
    also = {} if baseline is None else {"baseline": float(round(baseline))}

    def numbers(**given: float) -> str:
        return argument("camera", {**given, **also})

    as_stated = {"e_per_adu": float(f"{e:.4g}")}
    if em_gain > 1:
        as_stated["em_gain"] = float(f"{em_gain:.4g}")
    begin = (
        f"camera: the movie's noise is {_two(slope / stated):g} times what "
        f"{argument('camera', as_stated)} would make: "
    )
    plain, multiplied = numbers(e_per_adu=_two(1 / slope)), slope * e / EMCCD_EXCESS
    if em_gain > 1:
        if multiplied < 2:
            out = argument("camera", {"em_gain": None})
            return Message(f"{begin}a camera without EM gain? Leave {out} out and give {plain}")
        other = numbers(e_per_adu=_two(em_gain * EMCCD_EXCESS / slope))
        return Message(
            f"{begin}{numbers(em_gain=_two(multiplied))} would fit, or {other}; without an EM "
            f"gain, {plain}"
        )
    if looks_multiplied(slope, camera):
        looks = f"this looks like an EMCCD with a gain of about {_two(multiplied):g}: give"
        if e < _EMCCD_SENSITIVITY:
            # Only the ratio of the two can be seen; such sensitivities have other cameras.
            e, multiplied = EMCCD_EXCESS * _TYPICAL_EM_GAIN / slope, _TYPICAL_EM_GAIN
            looks = "this looks like an EMCCD: give, if its data sheet has no others of this ratio,"
        both = numbers(em_gain=_two(multiplied), e_per_adu=float(f"{e:.3g}"))
        return Message(f"{begin}{looks} {both}; for another camera, {plain}")
    if e != 1 and max(slope, e) < 1.3 * min(slope, e):
        return Message(f"{begin}{plain} would fit, its inverse: was ADU per electron given?")
    other = ""
    if e >= _EMCCD_SENSITIVITY and multiplied >= 5:
        other = f"; for an EMCCD, {argument('camera', {'em_gain': _two(multiplied)})}"
    return Message(f"{begin}{plain} would fit{other}")


def looks_multiplied(slope: float, camera: Camera) -> bool:
    """An EMCCD whose gain was not stated."""
    return slope >= _EMCCD_SLOPE or float(camera.read_sigma) >= _EMCCD_READ


def _two(number: float) -> float:
    """To two digits."""
    return float(f"{number:.1e}")
