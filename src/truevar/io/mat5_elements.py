"""What MATLAB files of version 5 to 7 are made of.

A file is a head of 128 bytes and a chain of elements, each a tag (type, bytes)
and data padded to 8 bytes; a variable is an element of type "matrix", which may
be inside one of type "compressed" (zlib).

Our own reader, since scipy's crashes the whole process on some damaged files: one
wrong byte is enough (``tests/io/movies/test_mat5.py`` shows it).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import IO

STORED = {
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

MATRIX, COMPRESSED = 14, 15
NUMERIC = range(6, 16)
"""Classes double, single and the eight kinds of integers."""
COMPLEX, LOGICAL = 0x08, 0x02


def order_of(head: bytes) -> str:
    """Which byte comes first, by the 128 bytes of the head.

    Raises:
        ValueError: it is none.
    """
    order = {b"IM": "<", b"MI": ">"}.get(head[126:128])
    if order is None:
        raise ValueError("no MAT-file of version 5")
    return order


def outer_elements(file: IO[bytes], length: int) -> Iterator[tuple[str, int, int, int]]:
    """(byte order, type, bytes, offset of its tag) of a file's elements; each is then read from.

    Raises:
        ValueError: it is no such file, or ends before an element does.
    """
    file.seek(0)
    order = order_of(file.read(128))
    offset = 128
    while offset + 8 <= length:
        file.seek(offset)
        kind, size = struct.unpack(order + "II", file.read(8))
        if offset + 8 + size > length:
            raise ValueError("truncated")
        yield order, kind, size, offset
        # Only compressed elements are not padded.
        offset += 8 + size + (0 if kind == COMPRESSED else -size % 8)


def element(data: bytes, order: str, position: int) -> tuple[int, int, int, int]:
    """(type, begin of the data, their length, position of the next element).

    Raises:
        ValueError: the data end before it.
    """
    if position + 8 > len(data):
        raise ValueError("truncated")
    kind, length = struct.unpack_from(order + "II", data, position)
    if kind >> 16:  # up to four bytes are kept inside the tag
        return kind & 0xFFFF, position + 4, kind >> 16, position + 8
    return kind, position + 8, length, position + 8 + length + -length % 8


def shape_of(data: bytes, order: str, begin: int, length: int) -> tuple[int, ...]:
    """MATLAB's axes.

    Raises:
        ValueError: there are less than two, one is negative, or the data end before them.
    """
    if begin + length > len(data):
        raise ValueError("truncated")
    shape = struct.unpack_from(f"{order}{length // 4}i", data, begin)
    if len(shape) < 2 or min(shape) < 0:
        raise ValueError("damaged")
    return tuple(shape)


def unpack(data: bytes, most: int) -> bytes:
    """The first ``most`` bytes of compressed data, never more: a bomb stays small.

    Raises:
        ValueError: they are damaged.
    """
    try:
        return zlib.decompressobj().decompress(data, most)
    except zlib.error as error:
        raise ValueError("damaged") from error
