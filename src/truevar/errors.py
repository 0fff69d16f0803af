"""The one exception, and the one warning, that a user is meant to read."""


class UserError(Exception):
    """Something the user gave cannot be used.

    The message is one line that says what is wrong and what to do about it.
    The command line prints it without a traceback and exits with code 2;
    library callers may catch it.
    """


class TrueVARWarning(UserWarning):
    """Something may be wrong with the result: a number that was assumed, say.

    The message is one line. The same lines are in the table's ``meta["warnings"]``, and the
    command line prints them itself.
    """
