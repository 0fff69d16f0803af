"""Small PNGs as text within a page: a byte a pixel, grey or of a colour table.

PNG (ISO/IEC 15948), colour types 0 and 3 with 8 bits. Our own few lines rather than
matplotlib's, which writes four bytes a pixel.
"""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray


def png(values_HW: NDArray[np.uint8], table: NDArray[np.uint8] | None = None) -> bytes:
    """A PNG.

    Args:
        values_HW: (H, W), row 0 at the top.
        table: (256, 3) red, green, blue of every value; greys by default.
    """
    height, width = values_HW.shape
    kind = 0 if table is None else 3
    rows = np.zeros((height, width + 1), np.uint8)  # the first byte of a row: unfiltered
    rows[:, 1:] = values_HW
    parts = [_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))]
    if table is not None:
        parts.append(_chunk(b"PLTE", table.astype(np.uint8).tobytes()))
    parts += [_chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def data_uri(image: bytes) -> str:
    """A PNG as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(image).decode()}"


def colour_table(name: str) -> NDArray[np.uint8]:
    """(256, 3) of one of matplotlib's colour maps, black or white at 0 where it nearly is."""
    from matplotlib import colormaps

    table = np.ascontiguousarray(colormaps[name](np.arange(256), bytes=True)[:, :3])
    if int(table[0].sum()) < 32:
        table[0] = 0  # "hot" begins a little above black
    return table


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
