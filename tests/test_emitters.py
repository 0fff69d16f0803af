"""The table type: columns, rows, further columns, and pandas."""

from __future__ import annotations

import copy
import pickle
import sys
from typing import Any

import numpy as np
import pytest

from truevar.emitters import UNITS, Emitters
from truevar.errors import UserError

FURTHER = {
    "chi2": np.array([0.5, 1.5, np.nan]),
    "bkgstd [photon]": np.array([3.25, 4.0, 5.0]),
    "Kanal, µ": np.array([0, 7, 2**60]),
}


@pytest.fixture
def table() -> Emitters:
    return Emitters(
        {
            "frame": [0, 0, 4],
            "x": [1.0, 2.0, 3.0],
            "y": [4.0, 5.0, 6.0],
            "id": [1, 2, 1],
            **FURTHER,
        },
        {"pixel_size": 100.0, "camera": {"baseline": 99.0}},
    )


def holds(table: Emitters, expected: dict[str, Any]) -> None:
    for name, values in expected.items():
        np.testing.assert_array_equal(table[name], values)
        assert table[name].dtype == values.dtype


def test_further_columns_are_kept(table: Emitters) -> None:
    holds(table, FURTHER)
    rows = np.array([2, 0])
    holds(table.select(rows), {name: values[rows] for name, values in FURTHER.items()})
    holds(table.select(table.x > 1.5), {name: values[1:] for name, values in FURTHER.items()})
    holds(table.with_columns(x=np.zeros(3)), FURTHER)
    twice = Emitters.concat([Emitters.empty(), table, table])
    holds(twice, {name: np.tile(values, 2) for name, values in FURTHER.items()})


def test_concat_takes_the_columns_that_all_have(table: Emitters) -> None:
    plain = Emitters({"frame": [9], "x": [0.0], "y": [0.0]})
    both = Emitters.concat([plain, table])
    assert list(both) == ["frame", "x", "y"]
    assert both.frame.tolist() == [9, 0, 0, 4]
    assert both.meta == {}
    assert Emitters.concat([Emitters.empty(), Emitters.empty()]).meta == {}


def test_small_numbers_become_wide(table: Emitters) -> None:
    narrow = table.with_columns(a=np.ones(3, np.float32), b=np.ones(3, np.uint8), c=[True] * 3)
    assert [narrow[name].dtype for name in "abc"] == [np.float64, np.int64, np.int64]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("", [1, 2, 3]),
        (" a", [1, 2, 3]),
        ("a\nb", [1, 2, 3]),
        (7, [1, 2, 3]),
        ("text", ["a", "b", "c"]),
        ("complex", [1j, 2, 3]),
        ("objects", [None, 1, 2]),
        ("photons", ["1", "2", "3"]),
        ("x", [[1, 2, 3]]),
        ("frame", ["a", "b", "c"]),
        ("id", [None, 1, 2]),
        ("two", np.zeros((3, 2))),
        ("short", [1, 2]),
        ("frame", [0.5, 1, 2]),
        ("id", [np.nan, 1, 2]),
        ("id", [np.inf, 1, 2]),
        ("huge", np.full(3, 2**63, np.uint64)),
    ],
)
def test_what_cannot_be_a_column(table: Emitters, name: Any, values: Any) -> None:
    with pytest.raises(UserError, match=r"column"):
        Emitters({**table.columns, name: values})


def test_a_table_is_a_dictionary_of_columns_that_does_not_change(table: Emitters) -> None:
    assert len(table) == 3
    assert list(table)[:4] == ["frame", "x", "y", "id"]
    assert "chi2" in table
    assert "z" not in table
    assert not Emitters.empty()  # no rows
    with pytest.raises(AttributeError, match="has no 'z'; it has frame, x, y"):
        _ = table.z
    changes: list[Any] = [
        lambda: table.__setitem__("x", [1]),
        lambda: table.update(x=[1]),
        lambda: table.pop("x"),
        lambda: table.clear(),
    ]
    for change in changes:
        with pytest.raises(TypeError, match="with_columns"):
            change()
    for twin in (pickle.loads(pickle.dumps(table)), copy.deepcopy(table), copy.copy(table)):
        assert isinstance(twin, Emitters)
        assert twin.meta == table.meta
        holds(twin, dict(table))
        assert twin != table
    assert table == table  # noqa: PLR0124


def test_pandas_makes_a_table_of_it(table: Emitters) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(table)
    assert frame.shape == (3, 7)
    assert list(frame) == list(table)
    holds(table, {name: frame[name].to_numpy() for name in frame})
    empty = pandas.DataFrame(Emitters.empty())
    assert list(empty) == list(Emitters.empty())
    assert len(empty) == 0


def test_to_pandas_and_back(table: Emitters) -> None:
    pandas = pytest.importorskip("pandas")
    frame = table.to_pandas()
    frame.loc[0, "x"] = 50.0
    assert table.x[0] == 1.0  # a copy
    back = Emitters.from_pandas(frame[frame.y > 4.5])
    assert back.meta == table.meta
    holds(back, dict(table.select([1, 2])))
    assert Emitters.from_pandas(frame, {"pixel_size": 7}).meta == {"pixel_size": 7}
    missing = frame.assign(n=pandas.array([1, None, 3], "Int64"))
    np.testing.assert_array_equal(Emitters.from_pandas(missing)["n"], [1, np.nan, 3])


def test_a_data_frame_that_is_no_table(table: Emitters) -> None:
    pandas = pytest.importorskip("pandas")
    frame = table.to_pandas()
    for odd, said in (
        (frame.drop(columns="x"), "needs the column 'x'"),
        (frame.assign(label=["a", "b", "c"]), "'label' holds no numbers"),
        (pandas.concat([frame, frame], axis=1), "two columns"),
        (frame.assign(id=[1.0, None, 2.0]), "'id'"),
        (frame.rename(columns={"chi2": 5}), "5 cannot be the name"),
        (dict(table), "dict is no pandas.DataFrame"),
    ):
        with pytest.raises(UserError, match=said) as caught:
            Emitters.from_pandas(odd)
        assert "\n" not in str(caught.value)


def test_without_pandas_one_line_says_so(table: Emitters, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    for call in (table.to_pandas, lambda: Emitters.from_pandas(None)):
        with pytest.raises(UserError, match="pip install pandas"):
            call()


def test_frames_group_rows(table: Emitters) -> None:
    assert {frame: rows.tolist() for frame, rows in table.by_frame().items()} == {
        0: [0, 1],
        4: [2],
    }
    assert Emitters.empty(UNITS).by_frame() == {}
