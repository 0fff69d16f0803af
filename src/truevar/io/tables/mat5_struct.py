"""A struct in a MATLAB file of version 5 to 7 (:mod:`truevar.io.mat5_elements`)."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from truevar.io.mat5_elements import (
    COMPLEX,
    COMPRESSED,
    MATRIX,
    NUMERIC,
    STORED,
    element,
    outer_elements,
    shape_of,
    unpack,
)

Struct = dict[str, Any]
"""Fields by name: numbers, (n,) in MATLAB's order, and structs. Of an array of structs the first;
of anything else None."""

_STRUCT, _OPAQUE = 2, 17
_HEAD = 4096
"""A variable's flags, dimensions and name are within so many bytes."""
_MOST = 2**31
"""A variable of this version is never larger."""
_DEEPEST = 8
"""Structs within structs that are looked into."""


def load_struct(path: Path, name: str) -> Struct | None:
    """The variable of this name, None if there is none or it is no struct.

    Raises:
        ValueError: the file is damaged.
    """
    length = path.stat().st_size
    with open(path, "rb") as file:
        for order, kind, size, _ in outer_elements(file, length):
            data = _variable(file, order, kind, size, name)
            if data is not None:
                found = _read(data, order, _DEEPEST)
                return found if isinstance(found, dict) else None
    return None


def _variable(file: IO[bytes], order: str, kind: int, size: int, name: str) -> bytes | None:
    """The element that begins here, without its tag, if it is the variable of this name."""
    if kind not in (MATRIX, COMPRESSED):
        return None
    packed = file.read(size)
    head = unpack(packed, _HEAD)[8:] if kind == COMPRESSED else packed[:_HEAD]
    _, begin, length, position = element(head, order, 0)
    if length < 8 or begin + length > len(head):
        raise ValueError("damaged")
    if head[begin if order == "<" else begin + 3] == _OPAQUE:
        return None  # objects of MATLAB's own have another head
    _, _, _, position = element(head, order, position)
    _, begin, length, _ = element(head, order, position)
    if head[begin : begin + length].decode("latin-1") != name:
        return None
    return unpack(packed, _MOST)[8:] if kind == COMPRESSED else packed


def _read(data: bytes, order: str, deeper: int) -> Any:
    """What a matrix holds, whose data, from its flags on, these are."""
    _, begin, length, position = element(data, order, 0)
    if length < 8 or begin + length > len(data):
        raise ValueError("damaged")
    flags = struct.unpack_from(order + "I", data, begin)[0]
    _, begin, length, position = element(data, order, position)
    count = math.prod(shape_of(data, order, begin, length))
    _, _, _, position = element(data, order, position)  # its name
    if flags & 0xFF in NUMERIC and not (flags >> 8) & COMPLEX:
        return _numbers(data, order, position, count)
    if flags & 0xFF == _STRUCT and count > 0 and deeper > 0:
        return _fields(data, order, position, deeper - 1)
    return None


def _numbers(data: bytes, order: str, position: int, count: int) -> NDArray[np.float64]:
    kind, begin, length, _ = element(data, order, position)
    if kind not in STORED:
        raise ValueError("damaged")
    dtype = np.dtype(order + STORED[kind])
    if length != count * dtype.itemsize or begin + length > len(data):
        raise ValueError("damaged")
    return np.frombuffer(data, dtype, count, begin).astype(np.float64)


def _fields(data: bytes, order: str, position: int, deeper: int) -> Struct:
    """The fields of the first struct, by name."""
    _, begin, length, position = element(data, order, position)
    if length != 4 or begin + length > len(data):
        raise ValueError("damaged")
    width = struct.unpack_from(order + "i", data, begin)[0]
    _, begin, length, position = element(data, order, position)
    if width <= 0 or length % width or begin + length > len(data):
        raise ValueError("damaged")
    found: Struct = {}
    for at in range(begin, begin + length, width):
        name = data[at : at + width].split(b"\0")[0].decode("latin-1")
        kind, inner, size, position = element(data, order, position)
        if kind != MATRIX or inner + size > len(data):
            raise ValueError("damaged")
        # An empty matrix may have no contents at all.
        found[name] = _read(data[inner : inner + size], order, deeper) if size else None
    return found
