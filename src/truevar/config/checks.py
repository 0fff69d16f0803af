"""What every configuration is checked for; each refusal is one line that names the key."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, fields
from typing import Any, NoReturn, TypeVar

from truevar.errors import UserError

_Config = TypeVar("_Config")


def is_whole(value: Any, least: int = 0) -> bool:
    """Whether a value is a whole number of at least ``least``, and one that tensors can have."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < 2**31


def is_number(value: Any) -> bool:
    """Whether a value is a finite number."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value)


def shown(value: Any) -> str:
    """A value as it stands in a file, cut short."""
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):  # from Python: no JSON at all
        text = repr(value).replace("\n", " ")
    return text if len(text) <= 60 else f"{text[:57]}…"


def hint(key: str, known: Iterable[str]) -> str:
    """What may have been meant by a key that is unknown, or all that are known."""
    known = tuple(known)
    near = difflib.get_close_matches(key, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"


def refuse(config: object, key: str, must: str) -> NoReturn:
    """Say what a value of a configuration must be.

    Raises:
        UserError: always.
    """
    raise UserError(f"{key} is {shown(getattr(config, key))}; it must be {must}")


def check_types(config: Any) -> None:
    """Make sure that every value is of the kind of its default; lists become tuples.

    Raises:
        UserError: one is not.
    """
    for item in fields(config):
        value = getattr(config, item.name)
        if isinstance(value, list):
            value = _tuples(value)
            object.__setattr__(config, item.name, value)
        default = item.default
        if default is MISSING:
            continue
        if default is None:
            if value is not None and not is_whole(value):
                refuse(config, item.name, "a whole number, or null")
        elif not _alike(value, default):
            refuse(config, item.name, _kind(default))


def check_least(config: Any, key: str, least: float) -> None:
    """Make sure that a number is large enough."""
    if getattr(config, key) < least:
        refuse(config, key, f"at least {least:g}")


def check_above_zero(config: Any, key: str) -> None:
    """Make sure that a number is above 0."""
    if getattr(config, key) <= 0:
        refuse(config, key, "above 0")


def check_share(config: Any, key: str) -> None:
    """Make sure that a number is a share."""
    if not 0 <= getattr(config, key) <= 1:
        refuse(config, key, "a share from 0 to 1")


def to_plain(config: Any) -> dict[str, Any]:
    """A configuration as plain values, for JSON."""
    return asdict(config)


def from_plain(cls: type[_Config], values: Mapping[str, Any], what: str) -> _Config:
    """A configuration from JSON; what is left out has its default.

    Args:
        cls: of the configuration.
        values: by key.
        what: its name, for messages.

    Raises:
        UserError: a key that this version does not know, a value that cannot work.
    """
    if not isinstance(values, Mapping):
        raise UserError(f"the {what} is {shown(values)}; it must be an object {{…}}")
    known = [item.name for item in fields(cls)]  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            raise UserError(
                f"{what} has an unknown key {key!r}; {hint(key, known)}; if another version of "
                "truevar wrote it, update truevar"
            )
    return cls(**{key: _tuples(value) for key, value in values.items()})


def _alike(value: Any, default: Any) -> bool:
    if isinstance(default, bool):
        return isinstance(value, bool)
    if isinstance(default, int):
        return is_whole(value, -(2**31))
    if isinstance(default, float):
        return is_number(value)
    if isinstance(default, tuple):
        # All entries are of the kind of the first: of grids, widths, ranges, weights.
        return isinstance(value, tuple) and all(_entry(one, default[0]) for one in value)
    return isinstance(value, type(default))


def _entry(value: Any, example: Any) -> bool:
    if not isinstance(example, tuple):
        return _alike(value, example)
    same_length = isinstance(value, tuple) and len(value) == len(example)
    return same_length and all(map(_alike, value, example))


def _kind(default: Any) -> str:
    if isinstance(default, bool):
        return "true or false"
    if isinstance(default, int):
        return "a whole number"
    if isinstance(default, float):
        return "a number"
    if isinstance(default, tuple):
        return f"a list as in {shown(default)}"
    return f"a text as in {shown(default)}"


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, (list, tuple)) else value
