"""More emitters than the model knows: a dense movie, or a camera that was stated wrongly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from truevar.wording import Message, argument

BEYOND = 1.5
"""Found density over the domain's limit from which it is told. Simulated at the limit the
shipped model finds 0.9 to 1.3 times it (a frame shows more than are on at one instant, and
not all are found), at twice the limit 1.3 to 1.7 times."""


def crowding_warning(
    found: int, pixels: int, frames: tuple[int, int], domain: Mapping[str, Any]
) -> str:
    """Whether some frames hold far more emitters than the model was trained on.

    Args:
        found: emitters in them.
        pixels: of all of them together.
        frames: the first and the one behind the last, for the message.
        domain: of the model; ``density_per_px`` is (lowest, highest) on at one instant.

    Returns:
        one line; empty if there is nothing to say.
    """
    limit = float(domain.get("density_per_px", (0.0, math.inf))[1])
    # Three standard deviations: a few small frames hold many by chance.
    if not found - 3 * math.sqrt(found) > BEYOND * limit * pixels:
        return ""
    first, end = frames
    which = f"frame {first}" if end - first == 1 else f"frames {first} to {end - 1}"
    camera = argument("camera", dict.fromkeys(("e_per_adu", "em_gain", "baseline")))
    return Message(
        f"{found / pixels:.2g} emitters per px in {which}, and the model's domain ends at "
        f"{limit:g}: expect errors; if so many are not there, the camera is wrong: see {camera}"
    )
