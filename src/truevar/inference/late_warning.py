"""What turns out to be wrong only while frames are localised, told like what was known before."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace

from truevar.calibration.imaging_setup import Setup
from truevar.errors import TrueVARWarning
from truevar.wording import Message


def warn_late(
    text: str, used: Setup, announce: Callable[[Setup], None] | None, stacklevel: int
) -> None:
    """Add a line to a setup's warnings and tell it.

    Args:
        text: the line.
        used: the setup.
        announce: called with what is new in it.
        stacklevel: of the warning, counted from the caller.
    """
    line = Message(text)
    used.warnings.append(line)
    if announce:
        announce(replace(used, notes=[], warnings=[line]))
    warnings.warn(TrueVARWarning(line), stacklevel=stacklevel + 1)
