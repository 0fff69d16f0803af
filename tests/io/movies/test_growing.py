"""Frames of a movie that is still being written: each once, in order, and only whole ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from truevar.errors import UserError
from truevar.io.movies.growing import arriving, open_growing
from truevar.io.movies.movie import open_movie

FRAMES = np.random.default_rng(3).integers(90, 900, (7, 20, 24)).astype(np.uint16)


def written(path: Path, frames: np.ndarray, **how: object) -> bytes:
    """A TIFF with a page for each frame, as bytes."""
    with tifffile.TiffWriter(path, bigtiff=bool(how.pop("bigtiff", False))) as file:
        for frame in frames:
            file.write(frame, contiguous=False, metadata=None, photometric="minisblack", **how)
    content = path.read_bytes()
    path.unlink()
    return content


@pytest.mark.parametrize(
    "how", [{}, {"bigtiff": True}, {"compression": "zlib"}, {"rowsperstrip": 7}]
)
def test_a_file_that_grows_byte_by_byte(tmp_path: Path, how: dict[str, object]) -> None:
    path = tmp_path / "movie.tif"
    content = written(path, FRAMES, **how)
    growing = open_growing(path)
    blocks: list[np.ndarray] = []
    for length in [*range(0, len(content), 301), len(content)]:
        path.write_bytes(content[:length])
        before = growing.stamp()
        while (block := growing.look()) is not None:
            blocks.append(block)
        assert before in (None, growing.stamp())
    seen = sum(map(len, blocks))
    assert seen == len(FRAMES) - 1  # the last may not be whole
    while (block := growing.look(ended=True)) is not None:
        blocks.append(block)
    np.testing.assert_array_equal(np.concatenate(blocks), FRAMES)
    source = growing.source()
    np.testing.assert_array_equal(source.read(0, len(FRAMES), slice(None)), FRAMES)
    source.close()


def test_room_that_was_made_beforehand_is_no_frame(tmp_path: Path) -> None:
    """As Micro-Manager does: the file is long, and each page says where the next one will be."""
    path = tmp_path / "movie.tif"
    content = written(path, FRAMES)
    with (
        tifffile.TiffFile(path.with_name("movie.tif"))
        if path.exists()
        else _file(path, content) as tif
    ):
        starts = [page.offset for page in tif.pages]
    growing = open_growing(path)
    path.write_bytes(content[: starts[3]] + bytes(len(content)))
    first = growing.look()
    assert first is not None
    more = growing.look()
    assert len(first) + (0 if more is None else len(more)) == 2
    assert growing.look() is None


def _file(path: Path, content: bytes) -> tifffile.TiffFile:
    path.write_bytes(content)
    return tifffile.TiffFile(path)


def test_files_come_into_a_folder(tmp_path: Path) -> None:
    growing = open_growing(tmp_path)
    assert growing.look() is None
    blocks = []
    for number, frame in enumerate(FRAMES):
        path = tmp_path / f"img_{number}.tif"
        content = written(path, frame[None])
        stamps = []
        for length in (100, len(content)):  # half of it is there, and then all
            path.write_bytes(content[:length])
            stamps.append(growing.stamp())
            if (block := growing.look()) is not None:
                blocks.append(block)
            assert sum(map(len, blocks)) == number  # those before it
        assert stamps[0] != stamps[1]
    block = growing.look(ended=True)
    assert block is not None
    blocks.append(block)
    np.testing.assert_array_equal(np.concatenate(blocks), FRAMES)
    source = growing.source()
    with open_movie(tmp_path) as movie:
        np.testing.assert_array_equal(source.read(0, 7, slice(None)), movie.read(0, 7))
    source.close()
    tifffile.imwrite(tmp_path / "img_0_again.tif", FRAMES[0])
    with pytest.raises(UserError, match=r"img_0_again\.tif came into .* after files"):
        growing.look()


def test_it_ends_when_nothing_has_come_for_a_while() -> None:
    class Clock:
        at = 0.0

        def now(self) -> float:
            return self.at

        def sleep(self, seconds: float) -> None:
            self.at += max(seconds, 0.5)

    class Slow:
        """A frame every three seconds, five of them; then bytes only, for six."""

        meta: dict[str, object] = {}
        given = 0

        def look(self, ended: bool = False) -> np.ndarray | None:
            due = min(int(clock.at // 3), 5) - (0 if ended else 1)
            if self.given >= due:
                return None
            self.given += 1
            return FRAMES[self.given - 1 : self.given]

        def stamp(self) -> object:
            return min(clock.at, 21.0)

    clock = Clock()
    found = list(arriving(Slow(), 4.0, lambda: False, clock.now, clock.sleep))  # type: ignore[arg-type]
    assert len(found) == 5
    assert 24 < clock.at < 27
    clock = Clock()
    stopping = arriving(Slow(), 4.0, lambda: clock.at > 8, clock.now, clock.sleep)  # type: ignore[arg-type]
    assert len(list(stopping)) == 1
    assert clock.at < 9


def test_what_does_not_grow_is_refused(tmp_path: Path) -> None:
    (tmp_path / "NDTiff.index").touch()
    with pytest.raises(UserError, match="is an NDTiff"):
        open_growing(tmp_path)
    tifffile.imwrite(tmp_path / "colour.tif", np.zeros((20, 24, 3), np.uint8), photometric="rgb")
    with pytest.raises(UserError, match="record grey values"):
        open_growing(tmp_path / "colour.tif").look(ended=True)
