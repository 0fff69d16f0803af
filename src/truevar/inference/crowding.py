"""More emitters than the model knows: a dense movie, or a camera that was stated wrongly."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from truevar.calibration.imaging_setup import Setup
from truevar.inference.late_warning import warn_late
from truevar.wording import Message, argument, words_of

BEYOND = 1.2
"""Found density over the domain's limit from which it is told. Simulated at the limit the
shipped model finds 0.74 to 1.0 times it (a frame shows more than are on at one instant, and
not all are found), at twice the limit 0.96 to 1.25 times."""


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


class CrowdingWatch:
    """Says once that frames hold more emitters than the model knows.

    Args:
        domain: of the model.
        used: the setup, whose warnings it adds to.
        announce: called with what is new in the setup.
    """

    def __init__(
        self, domain: Mapping[str, Any], used: Setup, announce: Callable[[Setup], None] | None
    ):
        self.domain, self.used, self.announce = domain, used, announce
        self.said = ""

    def __call__(self, emitters: int, area: int, frames: tuple[int, int]) -> None:
        """Look at what was found in some frames: see :func:`crowding_warning`."""
        if not self.said:
            self.say(words_of(crowding_warning(emitters, area, frames, self.domain)))

    def say(self, text: str) -> None:
        """Warn, unless there is nothing to say or it has been said."""
        if not text or self.said:
            return
        self.said = text
        warn_late(text, self.used, self.announce, stacklevel=6)
