"""Texts that name arguments, said as Python has them or as the command line does.

The same reader refuses a file for a script and for ``truevar localize``; the one is to be told
``pixel_size=NM``, the other ``--pixel-size NM``. So the code that writes a text names an
argument with :func:`argument`, which puts a mark into the text, and whoever shows the text
decides what stands for the mark. Everywhere but on a command line that is Python's form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

_MARK = re.compile('\0({"name":[^\0]*})\0')
"""No file has a NUL in its name, and JSON writes none."""

_FLAGS = {"read_sigma": "--read-noise"}
"""Options that are called otherwise than the argument."""

_OPEN = "…"
"""Stands for a value in a mapping where Python needs one."""


class Argument(NamedTuple):
    """An argument of this program's functions, with a value it might have.

    Attributes:
        name: in Python.
        value: None for no value; True for a switch; "" for the bare name; text in capitals
            stands for a value ("NM"), other text and numbers are values; a tuple of them; for
            ``camera`` a mapping of its numbers, with None for a value that is left open.
        flag: the option that says the same, where it has another name.
    """

    name: str
    value: Any = None
    flag: str | None = None


Spelling = Callable[[Argument], str]
"""How a program's command line has an argument."""


def argument(name: str, value: Any = None, flag: str | None = None) -> str:
    """Mark an argument in a text for :class:`Message`, ``UserError`` or ``TrueVARWarning``.

    ``argument("pixel_size", "NM")`` becomes ``pixel_size=NM`` or ``--pixel-size NM``,
    ``argument("camera", {"em_gain": 1})`` becomes ``camera={"em_gain": 1}`` or ``--em-gain 1``.

    Args:
        name, value, flag: as :class:`Argument` has them.
    """
    said = {"name": name, "value": value, "flag": flag}
    return f"\0{json.dumps(said, default=float)}\0"


def subject(name: str) -> str:
    """:func:`argument` for a sentence about it: ``pixel_size`` or ``--pixel-size``."""
    return argument(name, "")


class Message(str):
    """One line for the user. As text it has the arguments in Python's form.

    In an f-string it is plain text; ``+`` and :func:`words_of` keep what is needed for the
    other form.

    Attributes:
        marked: the text with the marks of :func:`argument`.
    """

    marked: str

    def __new__(cls, text: str) -> Message:
        """A line of text; breaks in it become blanks."""
        marked = text.marked if isinstance(text, Message) else " ".join(str(text).splitlines())
        message = super().__new__(cls, _filled(marked, as_python))
        message.marked = marked
        return message

    def __getnewargs__(self) -> tuple[str]:  # for copies and pickles
        return (self.marked,)

    def __add__(self, more: str) -> Message:
        return Message(self.marked + words_of(more))

    def for_command_line(self, spelling: Spelling | None = None) -> str:
        """The text with the arguments as options, those of ``truevar`` by default."""
        return _filled(self.marked, spelling or as_option)


def words_of(said: BaseException | str) -> str:
    """The text of an error or a message, to go into another one with its arguments marked."""
    text = said if isinstance(said, str) else (said.args[0] if len(said.args) == 1 else said)
    return text.marked if isinstance(text, Message) else str(text)


def as_python(one: Argument) -> str:
    """``pixel_size=NM``."""
    if one.value == "":
        return one.name
    return f"{one.name}={'' if one.value is None else _literal(one.value)}"


def as_option(one: Argument) -> str:
    """``--pixel-size NM``, as ``truevar`` has it."""
    if isinstance(one.value, Mapping):
        return listed([as_option(Argument(*number)) for number in one.value.items()])
    flag = one.flag or _FLAGS.get(one.name) or f"--{one.name.replace('_', '-')}"
    if one.value is None or one.value is True or one.value == "":
        return flag
    return f"{flag} {option_value(one)}"


def option_value(one: Argument) -> str:
    """What stands behind an option: ``0:100`` for (0, 100) of ``frames``, say."""
    if not isinstance(one.value, (list, tuple)):
        return _number_or_text(one.value)
    parts = ["" if part is None else _number_or_text(part) for part in one.value]
    if one.name in ("frames", "roi"):
        parts = [":".join(parts[k : k + 2]) for k in range(0, len(parts), 2)]
    return ",".join(parts)


def listed(parts: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part)


def _filled(marked: str, spelling: Spelling) -> str:
    return _MARK.sub(lambda match: spelling(Argument(**json.loads(match[1]))), marked)


def _literal(value: Any) -> str:
    if isinstance(value, Mapping):
        pairs = (
            f'"{key}": {_OPEN if one is None else _literal(one)}' for key, one in value.items()
        )
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, (list, tuple)):
        return f"({', '.join(map(_literal, value))})"
    if isinstance(value, str) and not value.isupper():
        return f'"{value}"'
    return _number_or_text(value)


def _number_or_text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
