import importlib
import json
import os

import numpy as np
import pytest

from truevar.cli import main
from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.io.tables.parts import TableParts
from truevar.io.tables.table import read_emitters, write_emitters, write_parts

TABLE = Emitters(
    {"frame": [0, 3], "x": [1.5, 2 / 3], "y": [0.0, 9.0], "chi2": [1 / 3, np.nan], "id": [5, -1]},
    {"pixel_size": 100.0, "notes": ["µ"]},
)


@pytest.fixture
def arrow():
    why = 'needs pyarrow: pip install "truevar[parquet]"'
    pytest.importorskip("pyarrow.parquet", reason=why)
    return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")


@pytest.fixture
def no_arrow(monkeypatch):
    real = importlib.import_module

    def without(name, *rest):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr("truevar.io.extras.import_module", without)


def test_what_is_written(tmp_path, arrow):
    write_emitters(TABLE, tmp_path / "a.parquet")
    read = arrow[1].read_table(tmp_path / "a.parquet")
    assert read.column_names == list(TABLE)
    assert [str(one.type) for one in read.schema] == [
        {"f": "double", "i": "int64"}[values.dtype.kind] for values in TABLE.values()
    ]
    assert read.column("x").to_pylist() == [1.5, 2 / 3]
    assert read.schema.field("x").metadata == {b"unit": b"nm"}
    said = json.loads(read.schema.metadata[b"TrueVAR"])
    assert said[0]["TrueVAR"] == TABLE.meta
    back = read_emitters(tmp_path / "a.parquet")
    for name, values in TABLE.items():
        np.testing.assert_array_equal(back[name], values)
    assert back.meta == TABLE.meta
    assert os.listdir(tmp_path) == ["a.parquet"]


def test_parts(tmp_path, arrow):
    parts = [TABLE.select([0]), TABLE.select([1])]
    write_parts(TableParts(lambda: parts, 2, TABLE.meta), tmp_path / "a.parquet")
    assert arrow[1].ParquetFile(tmp_path / "a.parquet").num_row_groups == 2
    assert read_emitters(tmp_path / "a.parquet").frame.tolist() == [0, 3]


def test_tables_of_others(tmp_path, arrow):
    pa, parquet = arrow
    path = tmp_path / "a.parquet"
    columns = {"frame": [0, 1], "x": [1, 2], "y": [3.0, 4.0], "photons": [7.0, None]}
    table = pa.table({**columns, "label": ["a", "b"], "group": [None, 3]})
    parquet.write_table(table, path)
    read = read_emitters(path)
    np.testing.assert_array_equal(read.photons, [7, np.nan])
    np.testing.assert_array_equal(read["group"], [np.nan, 3])
    assert read.x.dtype == np.float64
    notes = " ".join(read.meta["notes"])
    assert "taken as ours" in notes
    assert "'label'" in notes
    assert read_emitters(path, 90).meta["pixel_size"] == 90
    # pandas keeps a data frame's attrs so.
    attrs = {b"PANDAS_ATTRS": b'{"pixel_size": 50, "frames": 7}'}
    parquet.write_table(table.replace_schema_metadata(attrs), path)
    assert read_emitters(path).meta["pixel_size"] == 50


def test_files_that_cannot_be_used(tmp_path, arrow):
    pa, parquet = arrow
    path = tmp_path / "a.parquet"
    for columns, said in (
        ({"frame": [0], "x": [1.0]}, "lacks the column 'y'"),
        ({"frame": [0], "x": [1.0], "y": ["2"]}, "lacks the column 'y', in numbers"),
        ({"frame": [0], "x": [1.0], "y": [None]}, "lacks the column 'y'|row 1"),
        ({"frame": [0], "x": [1.0], "y": [np.nan]}, "row 1: a position is not a number"),
        ({"frame": [0.5], "x": [1.0], "y": [1.0]}, "not whole numbers"),
        ({"frame": [-1], "x": [1.0], "y": [1.0]}, "count from 0"),
    ):
        parquet.write_table(pa.table(columns), path)
        with pytest.raises(UserError, match=said):
            read_emitters(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match="damaged Parquet file; copy or write it again"):
        read_emitters(path)
    path.write_text("text")
    with pytest.raises(UserError, match="is not a Parquet file"):
        read_emitters(path)


def test_without_pyarrow(tmp_path, no_arrow, capsys):
    (tmp_path / "old.parquet").write_bytes(b"PAR1....PAR1")
    for do in (
        lambda: write_emitters(TABLE, tmp_path / "a.parquet"),
        lambda: read_emitters(tmp_path / "old.parquet"),
    ):
        with pytest.raises(UserError, match=r'pip install "truevar\[parquet\]"$'):
            do()
    write_emitters(TABLE, tmp_path / "a.csv")
    assert main(["convert", str(tmp_path / "a.csv"), str(tmp_path / "b.parquet")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "a.parquet").exists()
    assert not (tmp_path / "b.parquet").exists()
