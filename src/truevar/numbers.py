"""Numbers that a Python caller hands over, made plain, or refused in one line.

The command line's own parser lets none of this through.
"""

from __future__ import annotations

import math
import operator
from typing import Any

from truevar.errors import UserError
from truevar.wording import subject


def number(name: str, value: Any, least: float = -math.inf, most: float = math.inf) -> float:
    """A finite number from ``least`` to ``most``, both included.

    Raises:
        UserError: not that, naming the argument.
    """
    found = _float(value)
    if not (math.isfinite(found) and least <= found <= most):
        raise UserError(f"{subject(name)} is {value!r}; give a number{_between(least, most)}")
    return found


def above_zero(name: str, value: Any) -> float:
    """A finite number above 0.

    Raises:
        UserError: not that, naming the argument.
    """
    found = _float(value)
    if not (math.isfinite(found) and found > 0):
        raise UserError(f"{subject(name)} is {value!r}; give a number above 0")
    return found


def whole(name: str, value: Any, least: int, most: int = 2**62) -> int:
    """A whole number from ``least`` to ``most``, both included.

    Raises:
        UserError: not that, naming the argument.
    """
    try:
        found = least - 1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        plain = _float(value)
        found = int(plain) if plain.is_integer() else least - 1
    if not least <= found <= most:
        raise UserError(f"{subject(name)} is {value!r}; give a whole number of {least} or more")
    return found


def _float(value: Any) -> float:
    """NaN for what is no number; text is none, whatever it says."""
    if isinstance(value, (str, bytes, bool, complex)) or getattr(value, "ndim", 0) != 0:
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _between(least: float, most: float) -> str:
    if math.isinf(most):
        return "" if math.isinf(least) else f" of {least:g} or more"
    return f" from {least:g} to {most:g}"
