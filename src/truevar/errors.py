"""The one exception that a user is meant to read."""


class UserError(Exception):
    """Something the user gave cannot be used.

    The message is one line that says what is wrong and what to do about it.
    The command line prints it without a traceback and exits with code 2;
    library callers may catch it.
    """
