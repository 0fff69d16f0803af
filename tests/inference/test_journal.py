"""What a run has finished is kept, taken up again, and never mixed with something else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from truevar.errors import UserError
from truevar.inference.chunks import chunks
from truevar.inference.journal import Chunk, Journal, folder_of

SETTINGS = {"movie": "m.tif", "PSF width": 130.0}
CHUNK = Chunk({"frame": np.arange(3), "x": np.array([0.5, 1.5, 2.5])}, "crowded")


def unfinished(output: Path) -> None:
    """What a run leaves that is killed after its first chunk."""
    with Journal(output) as journal:
        journal.check(SETTINGS)
        journal.add(0, 16, CHUNK)


def test_chunks_are_cut_at_fixed_frames() -> None:
    whole = list(chunks(0, 3000, 64, 64))
    assert whole == [(0, 1024), (1024, 2048), (2048, 3000)]
    assert list(chunks(1000, 100, 64, 64)) == [(1000, 1024), (1024, 1100)]
    # Of large frames fewer, so that a chunk is never long.
    assert next(chunks(0, 3000, 2048, 2048)) == (0, 16)


def test_a_chunk_comes_back_as_it_was(tmp_path: Path) -> None:
    output = tmp_path / "e.csv"
    unfinished(output)
    with Journal(output, resume=True) as journal:
        journal.check(SETTINGS)
        found = journal.read(0, 16)
        assert found is not None
        assert found.warning == "crowded"
        for name, values in CHUNK.columns.items():
            np.testing.assert_array_equal(found.columns[name], values)
            assert found.columns[name].dtype == values.dtype
        assert journal.read(16, 32) is None
        assert (journal.frames, journal.said()) == (16, "frames 0 to 15")
        journal.remove()
    assert not folder_of(output).exists()


def test_nothing_is_left_of_a_run_that_finished_nothing(tmp_path: Path) -> None:
    output = tmp_path / "e.csv"
    with Journal(output) as journal:
        journal.check(SETTINGS)
    assert list(tmp_path.iterdir()) == []


def test_an_unfinished_run_is_neither_ignored_nor_thrown_away(tmp_path: Path) -> None:
    output = tmp_path / "e.csv"
    unfinished(output)
    with pytest.raises(UserError, match="resume=True"), Journal(output):
        pass
    with Journal(output, resume=True, overwrite=True) as journal:
        assert journal.frames == 16
    with Journal(output, overwrite=True) as journal:
        assert journal.frames == 0
    assert not folder_of(output).exists()


def test_two_runs_do_not_write_one_table(tmp_path: Path) -> None:
    output = tmp_path / "e.csv"
    with Journal(output) as first:
        first.add(0, 16, CHUNK)
        for options in ({}, {"resume": True}, {"overwrite": True}):
            with (
                pytest.raises(UserError, match="another run is writing"),
                Journal(output, **options),
            ):
                pass
    # The first one's work is untouched by that, and free again.
    with Journal(output, resume=True) as again:
        assert again.frames == 16


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    output = tmp_path / "e.csv"
    unfinished(output)
    with Journal(output, resume=True) as journal:
        with pytest.raises(UserError, match=r"PSF width was 130.0, and is 120 now"):
            journal.check({**SETTINGS, "PSF width": 120})
        journal.check(SETTINGS)
    (folder_of(output) / "settings.json").unlink()
    with Journal(output, resume=True) as journal, pytest.raises(UserError, match="movie was None"):
        journal.check(SETTINGS)


@pytest.mark.parametrize("damage", ["cut", "empty", "foreign"])
def test_a_damaged_chunk_is_done_again(tmp_path: Path, damage: str) -> None:
    output = tmp_path / "e.csv"
    unfinished(output)
    (path,) = folder_of(output).glob("*.npz")
    content = path.read_bytes()
    path.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "foreign": b"x"}[damage])
    with Journal(output, resume=True) as journal:
        assert journal.read(0, 16) is None
        assert journal.frames == 0


def test_no_wrong_byte_makes_another_chunk(tmp_path: Path) -> None:
    with Journal(tmp_path / "e.csv") as journal:
        journal.add(0, 16, CHUNK)
        path = journal.done[0, 16]
        content = path.read_bytes()
        for place in range(len(content)):
            wrong = bytes([content[place] ^ 0x81])
            path.write_bytes(content[:place] + wrong + content[place + 1 :])
            journal.done[0, 16] = path
            found = journal.read(0, 16)
            if found is not None:  # what is wrong is no part of it, a date, say
                assert found.columns.keys() == CHUNK.columns.keys()
                for name, values in CHUNK.columns.items():
                    np.testing.assert_array_equal(found.columns[name], values)


def test_another_programs_copy_of_a_chunk_is_passed_over(tmp_path: Path) -> None:
    output = tmp_path / "e.csv"
    unfinished(output)
    (path,) = folder_of(output).glob("*.npz")
    path.with_name(path.name.replace(".chunk", " (1).chunk")).write_bytes(path.read_bytes())
    with Journal(output, resume=True) as journal:
        assert journal.frames == 16


def test_a_table_that_was_being_written_may_be_replaced(tmp_path: Path) -> None:
    output = tmp_path / "e.csv"
    unfinished(output)
    with Journal(output, resume=True) as journal:
        assert not journal.may_replace
        journal.writing()
    with Journal(output, resume=True) as journal:
        assert journal.may_replace


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no folder"), Journal(tmp_path / "none" / "e.csv"):
        pass
    (tmp_path / "e.csv.unfinished").touch()
    with pytest.raises(UserError, match="cannot write"), Journal(tmp_path / "e.csv"):
        pass
