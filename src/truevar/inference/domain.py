"""Warnings about a movie that the model was not trained on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from truevar.wording import Message, subject


def domain_warnings(domain: Mapping[str, Any], sigma_px: float, pixel_size: float) -> list[str]:
    """Warnings about a movie that the model was not trained on."""
    low, high = domain.get("psf_sigma", (0.0, math.inf))
    if low <= sigma_px <= high:
        return []
    return [
        Message(
            f"a PSF width of {sigma_px * pixel_size:.0f} nm is {sigma_px:.2f} px, outside the "
            f"model's domain of {low:g} to {high:g} px: expect errors; rebin the movie or check "
            f"{subject('psf_sigma')} and {subject('pixel_size')}"
        )
    ]
