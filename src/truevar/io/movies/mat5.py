"""Arrays of numbers in MATLAB files of version 5 to 7 (:mod:`truevar.io.mat5_elements`)."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from truevar.io.mat5_elements import (
    COMPLEX,
    COMPRESSED,
    LOGICAL,
    MATRIX,
    NUMERIC,
    STORED,
    element,
    outer_elements,
    shape_of,
    unpack,
)

_HEAD = 4096
"""A variable's flags, dimensions and name are within so many bytes."""


@dataclass(frozen=True)
class Variable:
    """An array of real numbers.

    Attributes:
        name: the variable's.
        shape: MATLAB's axes.
        dtype: of the numbers as stored, which may be narrower than the variable's class.
        offset: in the file, of the element that holds the variable.
        size: in bytes, of that element's data.
        packed: the element is compressed.
        begin: of the numbers, from the first byte behind the matrix's tag.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    size: int
    packed: bool
    begin: int

    @property
    def nbytes(self) -> int:
        """Bytes of the numbers."""
        return math.prod(self.shape) * self.dtype.itemsize


def list_variables(path: Path) -> list[Variable]:
    """All arrays of real numbers in the file.

    Raises:
        ValueError: the file is damaged.
    """
    with open(path, "rb") as file:
        return list(_variables(file, path.stat().st_size))


def load_variable(path: Path, variable: Variable) -> NDArray[Any]:
    """The numbers of a variable with MATLAB's axes, (y, x, frame) for a movie.

    Raises:
        ValueError: the file is damaged or truncated.
    """
    wanted = 8 + variable.begin + variable.nbytes
    with open(path, "rb") as file:
        file.seek(variable.offset)
        data = file.read(variable.size)
    if variable.packed:
        data = unpack(data, wanted)
    else:
        data = struct.pack("<II", 0, 0) + data  # the matrix's own tag, already read over
    if len(data) < wanted:
        raise ValueError("truncated")
    count = math.prod(variable.shape)
    numbers = np.frombuffer(data, variable.dtype, count, 8 + variable.begin)
    return numbers.reshape(variable.shape, order="F")


def _variables(file: IO[bytes], length: int) -> Iterator[Variable]:
    for order, kind, size, offset in outer_elements(file, length):
        packed = kind == COMPRESSED
        data = file.read(min(size, _HEAD))
        if packed:
            data = unpack(data, _HEAD)
            if len(data) < 8:
                raise ValueError("damaged")
            kind = struct.unpack(order + "I", data[:4])[0]
            data = data[8:]
        if kind == MATRIX:
            found = _describe(data, order, offset + 8, size, packed)
            if found is not None:
                yield found


def _describe(data: bytes, order: str, offset: int, size: int, packed: bool) -> Variable | None:
    """The variable that begins with these bytes, None if it is no array of real numbers."""
    _, begin, length, position = element(data, order, 0)
    if length < 8:
        raise ValueError("damaged")
    flags = struct.unpack_from(order + "I", data, begin)[0]
    if flags & 0xFF not in NUMERIC or (flags >> 8) & (COMPLEX | LOGICAL):
        return None
    _, begin, length, position = element(data, order, position)
    shape = shape_of(data, order, begin, length)
    _, begin, length, position = element(data, order, position)
    name = data[begin : begin + length].decode("latin-1")
    kind, begin, length, _ = element(data, order, position)
    if kind not in STORED:
        raise ValueError("damaged")
    dtype = np.dtype(order + STORED[kind])
    if length != math.prod(shape) * dtype.itemsize:
        raise ValueError("damaged")
    return Variable(name, shape, dtype, offset, size, packed, begin)
