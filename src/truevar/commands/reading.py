"""Tables of commands: what is doubtful about one goes to stderr, a line each."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from truevar.errors import UserError
from truevar.wording import Message, words_of

if TYPE_CHECKING:
    from truevar.emitters import Emitters


def read_table(
    path: Path, pixel_size: float | None = None, fallback: float | None = None
) -> Emitters:
    """:func:`truevar.io.tables.table.read_emitters`, with its warnings printed.

    Args:
        path: the table.
        pixel_size: nm; goes before what the table tells.
        fallback: nm; where the table does not tell and ``pixel_size`` is None.

    Raises:
        UserError: the table cannot be read.
    """
    from truevar.io.tables.table import read_emitters

    with printed_warnings():
        try:
            return read_emitters(path, pixel_size)
        except UserError:
            if pixel_size is not None or fallback is None:
                raise
            return read_emitters(path, fallback)  # what else is wrong is said again


@contextmanager
def printed_warnings() -> Iterator[None]:
    """Print Python warnings as lines of this program."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        yield
    for one in said:
        text = Message(words_of(one.message)).for_command_line()
        print(f"warning: {text}", file=sys.stderr)
