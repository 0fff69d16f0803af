import numpy as np
import pytest

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.postprocess.filtering import filter_rows

ROWS = Emitters(
    {
        "frame": [0, 0, 1, 1],
        "x": [0.0, 30.0, 0.0, 500.0],
        "y": [0.0, 40.0, 0.0, 0.0],
        "prob": [0.95, 0.5, 0.8, np.nan],
        "sigma_x": [10.0, 5.0, 30.0, 8.0],
    },
    {"pixel_size": 100.0},
)


def kept(where: str) -> list[int]:
    rows = ROWS.with_columns(number=np.arange(4))
    return filter_rows(rows, where).emitters["number"].tolist()


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ("prob > 0.7", [0, 2]),
        ("prob > 0.7 and sigma_x < 20", [0]),
        ("prob > 0.9 or sigma_x <= 5", [0, 1]),
        ("not prob > 0.7", [1, 3]),
        ("0.4 < prob < 0.9", [1, 2]),
        ("sigma_x ** 2 + 0 >= 64", [0, 2, 3]),
        ("sqrt(x ** 2 + y ** 2) == 50", [1]),
        ("abs(-x) / 2 > 10 and (frame == 0 or frame == 1)", [1, 3]),
        ("frame != 0", [2, 3]),
        ("nearest < 60", [0, 1]),
        ("density > 40", [0, 1, 2]),
        ("x < 1e9", [0, 1, 2, 3]),
    ],
)
def test_conditions(where, rows):
    assert kept(where) == rows


def test_what_each_condition_removes_and_that_it_is_kept():
    found = filter_rows(ROWS, "prob > 0.7 and sigma_x < 20")
    assert found.removed == {"prob > 0.7": 2, "sigma_x < 20": 1}
    assert found.before == 4
    assert "kept:      1 of 4 (25.0 %)" in found.text()
    assert "sigma_x < 20  removes 1 (25.0 %)" in found.text()
    step = found.emitters.meta["steps"][-1]
    assert (step["step"], step["where"]) == ("filter", "prob > 0.7 and sigma_x < 20")
    assert found.emitters.meta["pixel_size"] == 100.0
    assert "steps" not in ROWS.meta
    again = filter_rows(found.emitters, "x > 0")
    assert [one["step"] for one in again.emitters.meta["steps"]] == ["filter", "filter"]


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("prob >", "is no condition"),
        ("", "is no condition"),
        ("prob", "is no condition"),
        ("prob > 0.7 and 3", "'3' is no condition"),
        ("probe > 0.7", "did you mean prob"),
        ("zzz > 0.7", "there are frame, x, y, prob, sigma_x, nearest, density"),
        ("prob in x", "no comparison"),
        ("__import__('os').system('true') > 0", "neither a column nor a number"),
        ("x.shape > 0", "neither a column nor a number"),
        ("exp(x) > 0", "known functions are abs, sqrt, log, log10"),
        ("x[0] > 0", "neither a column nor a number"),
        ("'a' > x", "neither a column nor a number"),
        ("(lambda: x)() > 0", "neither a column nor a number"),
        ("True > x", "neither a column nor a number"),
        ("(" * 500 + "x" + ")" * 500 + " > 0", "is no condition"),
    ],
)
def test_what_is_no_condition(where, said):
    with pytest.raises(UserError, match=said.replace("(", r"\(")):
        filter_rows(ROWS, where)


def test_an_empty_table():
    found = filter_rows(Emitters.empty(), "prob > 0.5 and nearest > 3 and density > 1")
    assert len(found.emitters) == 0
    assert "kept:      0 of 0" in found.text()
