"""Tables of numbers in text files."""

from __future__ import annotations

import csv
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from truevar.errors import UserError

_LAST_FRAME = 2**31
"""Frames are 32-bit numbers in Picasso's files."""

_FARTHEST = 1e12

_NO_TEXT = "{} is not a text file in UTF-8; check the file"


def read_head(path: Path) -> str:
    """The first line of a text file, without the line's end.

    Raises:
        UserError: no such file, or not a text.
    """
    with open(path, "rb") as file:
        line = re.split(rb"[\r\n]", file.readline(1 << 20), maxsplit=1)[0]
    try:  # of this line only: what stands below may be in another encoding
        return line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(_NO_TEXT.format(path)) from error


def names_in(head: str, delimiter: str = ",") -> list[str]:
    """The names of the columns in a text's first line, without quotes and blanks around them."""
    try:
        return [name.strip() for name in next(csv.reader([head], delimiter=delimiter), [])]
    except csv.Error:  # a quote that never closes
        return [name.strip().strip('"') for name in head.split(delimiter)]


def read_numbers(
    path: Path, columns: int, delimiter: str | None = ",", ends_at_nul: bool = False
) -> NDArray[np.float64]:
    """All lines after the first as (rows, columns); empty fields become NaN.

    Args:
        path: a text in UTF-8.
        columns: how many fields a line must have.
        delimiter: parts the fields; None for blanks.
        ends_at_nul: the table ends before a line with a NUL; the text is in Latin-1 then.

    Raises:
        UserError: a line with another number of fields, or with a field that
            is no number (the message tells the line).
    """
    encoding = "latin-1" if ends_at_nul else "utf-8-sig"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "input contained no data" is no news here
            values = np.loadtxt(
                _lines_before_nul(path) if ends_at_nul else path,
                delimiter=delimiter,
                skiprows=1,
                ndmin=2,
                comments=None,
                quotechar='"',
                encoding=encoding,
            )
        if values.size == 0:
            return np.empty((0, columns))
        if values.shape[1] == columns:
            return values
    except (ValueError, UnicodeDecodeError):
        pass  # an empty field, or something worse: the slow way tells which
    return _line_by_line(path, columns, delimiter, encoding)


def _lines_before_nul(path: Path) -> list[str]:
    with open(path, encoding="latin-1") as file:
        return list(_before_nul(file))


def _before_nul(lines: Iterable[str]) -> Iterator[str]:
    return takewhile(lambda line: "\0" not in line, lines)


def _line_by_line(
    path: Path, columns: int, delimiter: str | None, encoding: str
) -> NDArray[np.float64]:
    rows: list[list[float]] = []
    try:
        with open(path, encoding=encoding, newline="" if delimiter else None) as file:
            text = _before_nul(file) if encoding == "latin-1" else file
            lines: Iterator[list[str]] = (line.split() for line in text)
            if delimiter:
                lines = csv.reader(text, delimiter=delimiter)
            next(lines, None)
            for number, fields in enumerate(lines, 2):
                if not any(field.strip() for field in fields):
                    continue
                if len(fields) != columns:
                    raise UserError(
                        f"{path}, line {number}: {len(fields)} fields where the head has "
                        f"{columns}; correct or delete the line"
                    )
                try:
                    rows.append([float(field) if field.strip() else np.nan for field in fields])
                except ValueError as error:
                    raise UserError(
                        f"{path}, line {number}: a field is not a number; correct or delete it"
                    ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(_NO_TEXT.format(path)) from error
    return np.array(rows, np.float64).reshape(-1, columns)


def frames_from(path: Path, values: NDArray[np.float64], first: int) -> NDArray[np.int64]:
    """Frame numbers counted from 0.

    Args:
        path: for the message.
        values: (rows,) as they stand in the file.
        first: what the file calls the first frame.

    Raises:
        UserError: one is not a whole number, comes before the first, or is beyond any movie.
    """
    if len(values) and not (np.all(np.isfinite(values)) and np.all(values == np.round(values))):
        raise UserError(f"{path} has frames that are not whole numbers; is it a table of emitters?")
    if len(values) and values.max() > _LAST_FRAME:
        raise UserError(f"{path} has the frame {values.max():g}, which no movie has; correct it")
    if len(values) and values.min() < first:
        raise UserError(
            f"{path} has the frame {values.min():.0f}, but files of this kind count from {first}; "
            "correct the numbers"
        )
    return values.astype(np.int64) - first


def check_positions(path: Path, positions: Sequence[NDArray[np.float64]]) -> None:
    """Make sure that every position is a number, of no more than a kilometre in nm.

    Raises:
        UserError: one is NaN or too large (the message tells the row).
    """
    for values in positions:
        bad = ~(np.abs(values) <= _FARTHEST)
        if bad.any():
            raise UserError(
                f"{path}, row {int(np.argmax(bad)) + 1}: a position is not a number that can be; "
                "correct or delete the row"
            )
