"""A table that lies in its journal is the one that memory would hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import truevar
from truevar.commands.summary import Median, summary
from truevar.errors import UserError
from truevar.inference.growing_table import GrowingTable, TableOnDisk
from truevar.inference.journal import Chunk, Journal

META = {"pixel_size": 110.0, "width": 32, "height": 32, "frames": 40}
ORIGIN = (0, 3, 5, 110.0)


def chunk(first: int, rows: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(first)
    columns = {"frame": np.sort(random.integers(first, first + 10, rows)).astype(np.int32)}
    columns |= {name: random.uniform(0, 3500, rows) for name in "xy"}
    names = GrowingTable._NAMES
    return columns | {name: random.uniform(1, 9, rows).astype(np.float32) for name in names}


@pytest.fixture
def tables(tmp_path: Path):
    """Four chunks, one of them empty and one at work, in memory and on the disk."""
    with Journal(tmp_path / "e.csv") as journal:
        memory, disk = GrowingTable(*ORIGIN), TableOnDisk(journal, *ORIGIN)
        for k, rows in enumerate((700, 0, 300)):
            columns = chunk(10 * k, rows)
            journal.add(10 * k, 10 * k + 10, Chunk(columns))
            for table in (memory, disk):
                table.add_columns(columns)
            disk.finished()
        last = chunk(30, 20)
        memory.add_columns(last)
        disk.parts.append(last)
        disk.rows += 20
        yield memory, disk


def test_it_is_the_same_table(tables, tmp_path: Path) -> None:
    memory, disk = tables
    assert len(disk) == len(memory) == 1020
    assert sum(len(part["frame"]) for part in disk.parts) == 20
    one, other = memory.emitters(META), disk.emitters(META)
    assert list(one) == list(other)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])
    for ending in (".csv", ".hdf5"):
        one.write(tmp_path / f"one{ending}")
        disk.in_parts(META).write(tmp_path / f"two{ending}")
        assert len(list(disk.in_parts(META))) == 4
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    side = (tmp_path / "one.csv.yaml").read_text(encoding="utf-8")
    assert side.replace("one", "two") == (tmp_path / "two.csv.yaml").read_text(encoding="utf-8")
    read = [truevar.read(tmp_path / f"{name}.hdf5") for name in ("one", "two")]
    for name in read[0]:
        np.testing.assert_array_equal(*(table[name] for table in read))


def test_nothing_found_is_a_table_too(tmp_path: Path) -> None:
    with Journal(tmp_path / "e.csv") as journal:
        disk = TableOnDisk(journal, *ORIGIN)
        empty = chunk(0, 0)
        journal.add(0, 10, Chunk(empty))
        disk.add_columns(empty)
        disk.in_parts(META).write(tmp_path / "e.csv")
    assert len(truevar.read(tmp_path / "e.csv")) == 0


def test_a_damaged_chunk_is_told_and_no_table_is_written(tables, tmp_path: Path) -> None:
    _, disk = tables
    path = disk.journal.done[20, 30]
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(UserError, match="frames 20 to 29 any more"):
        disk.in_parts(META).write(tmp_path / "two.csv")
    assert not (tmp_path / "two.csv").exists()


def test_the_summary_is_of_all_parts(tables) -> None:
    memory, disk = tables
    table = memory.emitters(META)
    said = summary(disk.in_parts({**META, "frame_range": [0, 40], "seconds": 2.0}))
    assert "1,020 in 40 frames, 25.5 per frame" in said
    assert f"photons:   {np.median(table.photons):.4g}" in said


def test_a_median_of_more_than_memory_should_hold() -> None:
    values = np.random.default_rng(2).lognormal(3, 2, 90_000)
    many, few = Median(2_000_000), Median(90_000)
    for part in np.split(values, 9):
        many.add(part)
        few.add(part)
    many.add(np.array([np.nan, np.inf, 0.0]))
    assert few.value() == np.median(values)
    assert many.value() == pytest.approx(np.median(values), rel=1e-3)
