"""A TIFF that is still being written, page by page."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Hashable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from truevar.errors import UserError
from truevar.io.movies.stored import Source
from truevar.io.movies.tiff import MAGIC
from truevar.io.movies.tiff_index import PageIndex, unreadable
from truevar.io.movies.tiff_tags import tiff_meta

_MOST_TAGS = 4096

_AT_ONCE = 1 << 22
"""Pixels that one look gives at most."""


class GrowingTiff:
    """The pages of a TIFF as they come, as :class:`truevar.io.movies.growing.Growing` says.

    A page is given when another one is behind it. Programs that write all pages' descriptions at
    the end, or none (ImageJ's), show their frames when they close the file.

    Args:
        path: the file, which need not be there yet.
    """

    def __init__(self, path: Path):
        self.path = path
        self.meta: dict[str, Any] = {}
        self._index = PageIndex()
        self._size: tuple[int, int] | None = None
        self._dtype: np.dtype[Any] | None = None
        self._begun = False
        self._last: int | None = None
        """Where the description of the last page that was given lies."""

    def stamp(self) -> Hashable:
        """The file's size and time; None for no page."""
        if not self._begun:
            return None
        try:
            stat = self.path.stat()
        except OSError:
            return ()
        return stat.st_size, stat.st_mtime_ns

    def look(self, ended: bool = False) -> NDArray[Any] | None:
        """As :class:`truevar.io.movies.growing.Growing` says."""
        try:
            with open(self.path, "rb", buffering=0) as file:
                found = self._new_pages(file, ended)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UserError(f"cannot read {self.path}: {error.strerror or error}") from error
        return self._read(found, ended) if found else None

    def source(self) -> Source:
        """As :class:`truevar.io.movies.growing.Growing` says."""
        assert self._size is not None
        assert self._dtype is not None
        return self._index.source((0, *self._size), self._dtype)

    def _new_pages(self, file: IO[bytes], ended: bool) -> list[int]:
        """Where the descriptions of pages lie that can be given now."""
        head = file.read(16)
        if not head.startswith(MAGIC):
            return []
        chain = _Chain(file, head)
        following = chain.first if self._last is None else chain.after(self._last)
        # One page at least, and of small ones many: a movie may have been there for hours.
        most = max(1, _AT_ONCE // (self._size[0] * self._size[1])) if self._size else 1
        found: list[int] = []
        while following and len(found) <= most:
            # One that is not there yet has no tags: some programs say beforehand where it will be.
            if chain.after(following) is None:
                break
            found.append(following)
            self._begun = True
            following = chain.after(following)
        whole = ended and not (following and len(found) > most)
        return found if whole else found[:-1]

    def _read(self, found: list[int], ended: bool) -> NDArray[Any] | None:
        """The frames of these pages, up to the first that is not there as a whole."""
        new, ends = PageIndex(), list[int]()
        length = self.path.stat().st_size
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                with tifffile.TiffFile(self.path) as tif:
                    first = tif.pages.first
                    if self._size is None:
                        self._begin(tif, first)
                    for offset in found:
                        page = tifffile.TiffFrame(
                            tif, len(self._index.pages), offset=offset, keyframe=first.keyframe
                        )
                        spans = list(zip(page.dataoffsets, page.databytecounts, strict=False))
                        if not spans or any(at <= 0 or at + n > length for at, n in spans):
                            break
                        new.add(page, ends)
        except UserError:
            raise
        except Exception as error:  # half-written bytes can upset a parser in any way
            if ended:
                raise unreadable(self.path, error) from error
            return None
        if not new.pages:
            return None
        assert self._size is not None
        assert self._dtype is not None
        source = new.source((0, *self._size), self._dtype)
        try:
            block = source.read(0, len(new.pages), slice(None))
        finally:
            source.close()
        self._index.extend(new)
        self._last = new.pages[-1]
        return block

    def _begin(self, tif: tifffile.TiffFile, first: Any) -> None:
        """Learn from the first page what all are like."""
        if len(first.shape) != 2 or first.dtype is None:
            raise UserError(
                f"{self.path} has pages of {'colours' if first.dtype else 'an unknown type'}; "
                "record grey values"
            )
        self._dtype = np.dtype(first.dtype).newbyteorder(tif.byteorder)
        with suppress(Exception):  # some tags are complete only when the file is
            self.meta.update(tiff_meta(tif, []))
        self._size = (int(first.shape[0]), int(first.shape[1]))


class _Chain:
    """Where the descriptions of a TIFF's pages lie: each says where the next one does.

    Args:
        file: open, without a buffer, for what is read again may have changed.
        head: its first 16 bytes.
    """

    def __init__(self, file: IO[bytes], head: bytes):
        order = "<" if head[:2] == b"II" else ">"
        big = struct.unpack(order + "H", head[2:4])[0] == 43
        self.file = file
        self.count, self.pointer = (order + one for one in ("QQ" if big else "HI"))
        self.entry, begin = (20, 8) if big else (12, 4)
        step = struct.calcsize(self.pointer)
        self.first = 0
        if len(head) >= begin + step:
            (self.first,) = struct.unpack_from(self.pointer, head, begin)

    def after(self, offset: int) -> int | None:
        """Where the page behind this one is described; 0 for none, None if this one is none yet."""
        self.file.seek(offset)
        said = self.file.read(struct.calcsize(self.count))
        if len(said) < struct.calcsize(self.count):
            return None
        (tags,) = struct.unpack(self.count, said)
        if not 0 < tags <= _MOST_TAGS:
            return None
        self.file.seek(tags * self.entry, 1)
        said = self.file.read(struct.calcsize(self.pointer))
        if len(said) < struct.calcsize(self.pointer):
            return None
        return int(struct.unpack(self.pointer, said)[0])
