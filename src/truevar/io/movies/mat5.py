"""Arrays of numbers in MATLAB files of version 5 to 7.

Our own reader, since scipy's crashes the whole process on some damaged files: one
wrong byte is enough (``tests/io/test_mat5.py`` shows it).

A file is a head of 128 bytes and a chain of elements, each a tag (type, bytes)
and data padded to 8 bytes; a variable is an element of type "matrix", which may
be inside one of type "compressed" (zlib).
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

_STORED = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
}
"""Types of stored numbers."""

_MATRIX, _COMPRESSED = 14, 15
_NUMERIC = range(6, 16)
"""Classes double, single and the eight kinds of integers."""
_COMPLEX, _LOGICAL = 0x08, 0x02
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
        data = _unpack(data, wanted)
    else:
        data = struct.pack("<II", 0, 0) + data  # the matrix's own tag, already read over
    if len(data) < wanted:
        raise ValueError("truncated")
    count = math.prod(variable.shape)
    numbers = np.frombuffer(data, variable.dtype, count, 8 + variable.begin)
    return numbers.reshape(variable.shape, order="F")


def _variables(file: IO[bytes], length: int) -> Iterator[Variable]:
    head = file.read(128)
    order = {b"IM": "<", b"MI": ">"}.get(head[126:128])
    if order is None:
        raise ValueError("no MAT-file of version 5")
    offset = 128
    while offset + 8 <= length:
        file.seek(offset)
        kind, size = struct.unpack(order + "II", file.read(8))
        if offset + 8 + size > length:
            raise ValueError("truncated")
        packed = kind == _COMPRESSED
        data = file.read(min(size, _HEAD))
        if packed:
            data = _unpack(data, _HEAD)
            if len(data) < 8:
                raise ValueError("damaged")
            kind = struct.unpack(order + "I", data[:4])[0]
            data = data[8:]
        if kind == _MATRIX:
            found = _describe(data, order, offset + 8, size, packed)
            if found is not None:
                yield found
        # Only compressed elements are not padded.
        offset += 8 + size + (0 if packed else -size % 8)


def _describe(data: bytes, order: str, offset: int, size: int, packed: bool) -> Variable | None:
    """The variable that begins with these bytes, None if it is no array of real numbers."""
    _, begin, length, position = _element(data, order, 0)
    if length < 8:
        raise ValueError("damaged")
    flags = struct.unpack_from(order + "I", data, begin)[0]
    if flags & 0xFF not in _NUMERIC or (flags >> 8) & (_COMPLEX | _LOGICAL):
        return None
    _, begin, length, position = _element(data, order, position)
    shape = struct.unpack_from(f"{order}{length // 4}i", data, begin)
    if len(shape) < 2 or min(shape) < 0:
        raise ValueError("damaged")
    _, begin, length, position = _element(data, order, position)
    name = data[begin : begin + length].decode("latin-1")
    kind, begin, length, _ = _element(data, order, position)
    if kind not in _STORED:
        raise ValueError("damaged")
    dtype = np.dtype(order + _STORED[kind])
    if length != math.prod(shape) * dtype.itemsize:
        raise ValueError("damaged")
    return Variable(name, tuple(shape), dtype, offset, size, packed, begin)


def _element(data: bytes, order: str, position: int) -> tuple[int, int, int, int]:
    """(type, begin of the data, their length, position of the next element)."""
    if position + 8 > len(data):
        raise ValueError("truncated")
    kind, length = struct.unpack_from(order + "II", data, position)
    if kind >> 16:  # up to four bytes are kept inside the tag
        return kind & 0xFFFF, position + 4, kind >> 16, position + 8
    return kind, position + 8, length, position + 8 + length + -length % 8


def _unpack(data: bytes, most: int) -> bytes:
    """The first ``most`` bytes of compressed data, never more: a bomb stays small."""
    try:
        return zlib.decompressobj().decompress(data, most)
    except zlib.error as error:
        raise ValueError("damaged") from error
