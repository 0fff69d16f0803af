"""Following the pages of a TIFF ahead of the disk."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest

from truevar.errors import UserError
from truevar.io.movies import tiff_chain


def write_chain(path: Path, offsets: Sequence[int], length: int) -> Path:
    """Pages without a tag at these places, each naming the next."""
    content = bytearray(length)
    content[:8] = struct.pack("<2sHI", b"II", 42, offsets[0])
    for offset, following in zip(offsets, [*offsets[1:], 0], strict=True):
        content[offset : offset + 6] = struct.pack("<HI", 0, following)
    path.write_bytes(content)
    return path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The places that the system is asked for."""
    if not hasattr(os, "posix_fadvise"):
        pytest.skip("this system cannot be asked to read ahead")
    places: list[int] = []

    def advise(_descriptor: int, offset: int, _length: int, advice: int) -> None:
        if advice == os.POSIX_FADV_WILLNEED:
            places.append(offset)

    monkeypatch.setattr(os, "posix_fadvise", advise)
    return places


def test_pages_at_even_steps_are_asked_for_once_and_ahead(tmp_path: Path, asked: list[int]):
    offsets = list(range(100, 20_100, 100))
    tiff_chain.check_chain(write_chain(tmp_path / "movie.tif", offsets, 20_200))
    # Nothing is asked for before two steps were alike, nothing twice, nothing behind the end.
    assert asked == list(range(300, 20_200, 100))


def test_pages_in_any_order_are_followed(tmp_path: Path, asked: list[int]):
    offsets = [900, 100, 200, 300, 700, 500, 5_000, 4_000]
    tiff_chain.check_chain(write_chain(tmp_path / "movie.tif", offsets, 6_000))
    path = write_chain(tmp_path / "cut.tif", offsets, 6_000)
    path.write_bytes(path.read_bytes()[:4_500])
    with pytest.raises(UserError, match="truncated"):
        tiff_chain.check_chain(path)
    assert all(place < 6_000 for place in asked)


def test_a_system_that_cannot_be_asked_does_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delattr(os, "posix_fadvise", raising=False)
    tiff_chain.check_chain(write_chain(tmp_path / "movie.tif", [100, 200, 300, 400], 500))
