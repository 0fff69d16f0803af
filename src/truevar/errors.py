"""The one exception, and the one warning, that a user is meant to read."""

from __future__ import annotations

from truevar.wording import Message, Spelling


class _Told(Exception):  # noqa: N818, for it is a warning's as well
    """One line for the user, which may name arguments (:mod:`truevar.wording`)."""

    def __init__(self, text: str):
        super().__init__(Message(text))

    def for_command_line(self, spelling: Spelling | None = None) -> str:
        """The line with options for arguments: ``--pixel-size NM`` for ``pixel_size=NM``.

        Args:
            spelling: of the program's options; ``truevar``'s by default.
        """
        return Message(self.args[0]).for_command_line(spelling)


class UserError(_Told, ValueError):
    """Something the user gave cannot be used.

    The message is one line that says what is wrong and what to do about it, naming arguments
    as Python has them. The command line prints it, naming its options, without a traceback
    and exits with code 2; library callers may catch it.
    """


class TrueVARWarning(_Told, UserWarning):
    """Something may be wrong with the result: a number that was assumed, say.

    The message is one line. The same lines are in the table's ``meta["warnings"]``, and the
    command line prints them itself.
    """
