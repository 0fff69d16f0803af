"""Reading a table for a command: what is doubtful about it goes to stderr, a line each."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from truevar.emitters import Emitters


def read_table(path: Path, pixel_size: float | None = None) -> Emitters:
    """:func:`truevar.io.tables.read_emitters`, with its warnings printed.

    Raises:
        UserError: the table cannot be read.
    """
    from truevar.io.tables import read_emitters

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        table = read_emitters(path, pixel_size)
    for one in said:
        print(f"warning: {one.message}", file=sys.stderr)
    return table
