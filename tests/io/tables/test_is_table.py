from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from truevar.emitters import Emitters
from truevar.io.tables.formats import FORMATS
from truevar.io.tables.table import is_table, write_emitters
from truevar.samples import sample_movie

TABLE = Emitters({"frame": [0, 3], "x": [1.0, 2.0], "y": [5.0, 6.0]}, {"pixel_size": 100.0})
WRITTEN = [(one.name, ending) for one in FORMATS for ending in one.written]


@pytest.mark.parametrize(("name", "ending"), WRITTEN)
def test_every_format_that_is_written(tmp_path: Path, name: str, ending: str) -> None:
    if name == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"table{ending}"
    write_emitters(TABLE, path, format=name)
    assert is_table(path)
    assert is_table(str(path))


def test_a_mat_is_a_table_only_with_saveloc(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "movie.mat", {"images": np.zeros((20, 20, 5))})
    assert not is_table(tmp_path / "movie.mat")
    loc = {name: np.arange(3.0) for name in ("frame", "xnm", "ynm")}
    scipy.io.savemat(tmp_path / "table.mat", {"saveloc": {"loc": loc}})
    assert is_table(tmp_path / "table.mat")


def test_what_is_none(tmp_path: Path) -> None:
    others = {"empty.csv": b"", "noise.csv": b"\x89\xff\x00\x80", "notes.txt": b"a line\n"}
    others |= {"archive.smlm.zip": b"PK\x03\x04", "broken.h5": b"\x89HDF\r\n\x1a\n rest"}
    for name, content in others.items():
        (tmp_path / name).write_bytes(content)
        assert not is_table(tmp_path / name), name
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["images"] = np.zeros((3, 20, 20))
    for path in (tmp_path / "other.h5", tmp_path, tmp_path / "missing.csv", sample_movie()):
        assert not is_table(path), path
