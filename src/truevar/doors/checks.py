"""Values out of a configuration, each checked for its type; what is wrong is one line."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from truevar.config.checks import is_number, is_whole, shown
from truevar.errors import UserError

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Section:
    """A JSON object of a configuration.

    All methods take a key and the value that it has where it is left out, and raise
    :class:`truevar.errors.UserError` where the value is of another kind.

    Attributes:
        file: the configuration's name.
        values: the object.
        place: its name in the file, with a dot behind.
    """

    file: str
    values: Mapping[str, Any]
    place: str = ""

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def get(self, key: str, default: Any) -> Any:
        """The value as it is."""
        return self.values.get(key, default)

    def fail(self, key: str, what: str) -> NoReturn:
        """Say what is wrong with a key."""
        raise UserError(f"{self.file}: {self.place}{key} {what}")

    def section(self, key: str) -> Section:
        """An object inside; it must be there."""
        value = self.values.get(key)
        if not isinstance(value, dict):
            found = f"is {shown(value)}" if key in self.values else "is missing"
            self.fail(key, f"{found}; it must be an object {{…}}, as in config_true_var.json")
        return Section(self.file, value, f"{self.place}{key}.")

    def whole(self, key: str, default: int, least: int = 1) -> int:
        """A whole number of at least ``least``."""
        value = self.values.get(key, default)
        if not is_whole(value, least):
            self.fail(key, f"is {shown(value)}; it must be a whole number of {least} or more")
        return int(value)

    def number(self, key: str, default: float) -> float:
        """A number above 0."""
        value = self.values.get(key, default)
        if not _is_positive(value):
            self.fail(key, f"is {shown(value)}; it must be a number above 0")
        return float(value)

    def text(self, key: str, default: str) -> str:
        """A text that is not empty."""
        value = self.values.get(key, default)
        if not isinstance(value, str) or not value:
            self.fail(key, f"is {shown(value)}; it must be a text, such as {json.dumps(default)}")
        return value

    def wholes(self, key: str, default: tuple[int, ...]) -> tuple[int, ...]:
        """A list of whole numbers above 0."""
        return self._list(key, default, lambda one: is_whole(one, 1), "whole numbers above 0")

    def numbers(self, key: str, default: tuple[float, ...]) -> tuple[float, ...]:
        """A list of numbers above 0."""
        return tuple(map(float, self._list(key, default, _is_positive, "numbers above 0")))

    def pairs(
        self, key: str, default: tuple[tuple[int, float], ...]
    ) -> tuple[tuple[int, float], ...]:
        """A list of pairs of a whole number and a share; it may be empty."""
        if self.values.get(key) == []:
            return ()
        found = self._list(key, default, _is_pair, "pairs of a width and a share, as in [80, 0.2]")
        return tuple((int(width), float(share)) for width, share in found)

    def like(self, key: str, example: Any) -> Any:
        """A value of the same type as another one."""
        value = self.values[key]
        if isinstance(example, bool):
            if not isinstance(value, bool):
                self.fail(key, f"is {shown(value)}; it must be true or false")
            return value
        if isinstance(example, int):
            return self.whole(key, example)
        if isinstance(example, float):
            return self.number(key, example)
        if isinstance(example, str):
            return self.text(key, example)
        return self.wholes(key, example)

    def _list(
        self, key: str, default: tuple[_Item, ...], fits: Callable[[Any], bool], wanted: str
    ) -> tuple[_Item, ...]:
        value = self.values.get(key, default)
        if not isinstance(value, (list, tuple)) or not value or not all(map(fits, value)):
            self.fail(key, f"is {shown(value)}; it must be a list of {wanted}")
        return tuple(value)


def _is_positive(value: Any) -> bool:
    return is_number(value) and value > 0


def _is_pair(value: Any) -> bool:
    pair = isinstance(value, (list, tuple)) and len(value) == 2
    return pair and is_whole(value[0], 1) and _is_positive(value[1]) and value[1] <= 1
