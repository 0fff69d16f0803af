"""The names that the panel has for the library's arguments."""

from __future__ import annotations

from collections.abc import Mapping

from truevar.wording import Argument, as_python, listed

LABELS = {
    "pixel_size": "Pixel size, nm",
    "psf_sigma": "PSF width σ, nm",
    "baseline": "Baseline, ADU",
    "e_per_adu": "Electrons per ADU",
    "em_gain": "EM gain",
    "read_sigma": "Read noise, electrons",
    "min_prob": "Least probability",
    "model": "Model",
    "device": "Compute on",
}
"""What stands before every field."""


def in_the_panel(one: Argument) -> str:
    """``“Pixel size, nm”``, with the value if there is one to be set."""
    if isinstance(one.value, Mapping):
        return listed([in_the_panel(Argument(*number)) for number in one.value.items()])
    if one.name not in LABELS:
        return as_python(one)
    label = f"“{LABELS[one.name]}”"
    stands_for_a_value = one.value in (None, "", True) or str(one.value).isupper()
    return label if stands_for_a_value else f"{label} {one.value}"
