"""Columns without a meaning here go through files under their own names."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from truevar.emitters import Emitters
from truevar.errors import TrueVARWarning, UserError
from truevar.io.tables.formats import FORMATS
from truevar.io.tables.table import read_emitters, write_emitters

needs_pyarrow = pytest.mark.skipif(
    not find_spec("pyarrow"), reason='needs pyarrow: pip install "truevar[parquet]"'
)

FURTHER: dict[str, Any] = {
    "chi2": np.array([0.1, 1e300, -2.5]),
    "bkgstd [photon]": np.array([1.0, 2.0, 3.0]),
    "intensity [ADU]": np.array([7.0, 8.0, 9.0]),
    'a, b ("c") µ': np.array([1 / 3, 2 / 3, np.pi]),
    "100 % sure": np.array([1, -2, 3]),
    "Group": np.array([2**40, 0, -1]),
}


@pytest.fixture
def table() -> Emitters:
    base = {"frame": [0, 1, 2], "x": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 3.0], "prob": [0.5, 1, 0.25]}
    return Emitters({**base, **FURTHER}, {"pixel_size": 100.0})


ENDINGS = {one.name: one.written[0] for one in FORMATS if one.written}
EVERY_FORMAT = [
    pytest.param(name, marks=[needs_pyarrow] if name == "parquet" else []) for name in ENDINGS
]


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_round_trip(tmp_path: Path, table: Emitters, name: str) -> None:
    went_through(table, tmp_path, name)


def test_a_round_trip_by_way_of_all(tmp_path: Path, table: Emitters) -> None:
    went_through(table, tmp_path, *(name for name in ENDINGS if name != "parquet"), "thunderstorm")


def went_through(table: Emitters, folder: Path, *names: str) -> None:
    for number, name in enumerate(names):
        path = folder / f"{number}{ENDINGS[name]}"
        write_emitters(table, path, format=name)
        table = read_emitters(path)
    assert set(table) == {"frame", "x", "y", "prob", *FURTHER}
    for name, values in FURTHER.items():
        np.testing.assert_array_equal(table[name], values)
    assert "notes" not in table.meta


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_without_rows(tmp_path: Path, table: Emitters, name: str) -> None:
    path = tmp_path / f"a{ENDINGS[name]}"
    write_emitters(table.select([]), path, format=name)
    assert set(read_emitters(path)) == set(table)


def test_missing_values(tmp_path: Path, table: Emitters) -> None:
    gaps = table.with_columns(chi2=[1.0, np.nan, np.inf], prob=[np.nan] * 3)
    for name in ("thunderstorm", "smap", "decode", "smlm"):
        path = tmp_path / f"{name}{ENDINGS[name]}"
        write_emitters(gaps, path, format=name)
        for column in ("chi2", "prob"):
            np.testing.assert_array_equal(read_emitters(path)[column], gaps[column])
    # Picasso would drop the rows: the column is left out, and the file says so.
    with pytest.warns(TrueVARWarning, match=r"a\.hdf5 is written without prob, chi2"):
        write_emitters(gaps, tmp_path / "a.hdf5")
    assert "chi2" not in read_emitters(tmp_path / "a.hdf5")
    assert "chi2" in (tmp_path / "a.yaml").read_text().split("left out")[1]


@pytest.mark.parametrize(
    ("ending", "name"),
    [
        (".csv", "intensity"),
        (".csv", "Sigma1 [nm]"),
        (".csv", "uncertainty [px]"),
        (".csv", "molecule"),
        (".csv", "pixel_size"),
        (".hdf5", "lpx"),
        (".hdf5", "x_exact"),
        (".hdf5", "sx"),
    ],
)
def test_names_that_would_be_read_as_something_else(
    tmp_path: Path, table: Emitters, ending: str, name: str
) -> None:
    with pytest.raises(UserError, match="rename it") as caught:
        write_emitters(table.with_columns(**{name: [1, 2, 3]}), tmp_path / f"a{ending}")
    assert name in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_columns_of_thunderstorm(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('"id","frame","x [nm]","y [nm]","chi2","","Detections"\n1,1,50,50,1.5,9,3\n')
    table = read_emitters(path, 100)
    assert set(table) == {"frame", "x", "y", "chi2", "Detections"}
    assert "''" in table.meta["notes"][0]


def test_columns_of_picasso(tmp_path: Path) -> None:
    fields = [("frame", "u4"), ("x", "f4"), ("y", "f4"), ("net_gradient", "f4"), ("group", "i4")]
    rows = np.zeros(2, [*fields, ("label", "S3"), ("pair", "f4", 2), ("sigma_x", "f4")])
    rows["group"], rows["net_gradient"] = [4, 5], [0.5, 1.5]
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["locs"] = rows
    table = read_emitters(tmp_path / "a.hdf5", 100)
    assert set(table) == {"frame", "x", "y", "net_gradient", "group"}
    assert table["group"].tolist() == [4, 5]
    for name in ("label", "pair", "sigma_x"):
        assert f"'{name}'" in table.meta["notes"][0]


def test_columns_of_smap_and_rapidstorm(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("frame,xnm,ynm,phot,LLrel,channel\n1,100,100,5,-1.5,2\n")
    smap = read_emitters(tmp_path / "a.csv", 100)
    assert (smap["LLrel"].tolist(), smap["channel"].tolist()) == ([-1.5], [2.0])
    fields = "".join(
        f'<field identifier="{name}" />'
        for name in ("Position-0-0", "Position-1-0", "ImageNumber-0-0", "Amplitude-0-0")
    )
    (tmp_path / "a.txt").write_text(f"# <localizations>{fields}</localizations>\n1 2 0 77\n")
    assert read_emitters(tmp_path / "a.txt")["Amplitude-0-0"].tolist() == [77.0]
