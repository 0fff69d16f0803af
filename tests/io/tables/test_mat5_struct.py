import numpy as np
import pytest
from scipy.io import savemat

from truevar.io.tables.mat5_struct import load_struct

VALUES = {
    "before": np.arange(5.0),
    "text": "some text",
    "s": {
        "row": np.arange(3, dtype=np.uint8),
        "grid": np.arange(6, dtype=np.float32).reshape(2, 3),
        "inner": {"one": 7.5, "flag": True, "empty": np.empty((0, 0)), "deep": {"er": -1}},
        "word": "abc",
        "cells": np.array([1, "a"], object),
        "complex": 1 + 2j,
    },
}


@pytest.fixture(params=[True, False])
def path(tmp_path, request):
    savemat(tmp_path / "a.mat", VALUES, do_compression=request.param)
    return tmp_path / "a.mat"


def test_a_struct(path):
    found = load_struct(path, "s")
    assert list(found) == list(VALUES["s"])
    assert found["row"].tolist() == [0, 1, 2]
    assert found["grid"].tolist() == [0, 3, 1, 4, 2, 5]  # MATLAB goes down the columns
    assert found["inner"]["one"].tolist() == [7.5]
    assert found["inner"]["empty"].size == 0
    assert found["inner"]["deep"]["er"].tolist() == [-1]
    assert [found[name] for name in ("word", "cells", "complex")] == [None] * 3


def test_what_is_no_struct(path):
    assert load_struct(path, "before") is None
    assert load_struct(path, "none") is None


def test_an_array_of_structs_is_its_first(tmp_path):
    many = np.zeros(2, [("number", object)])
    many["number"] = [np.array([3.0, 4.0]), np.array([5.0])]
    savemat(tmp_path / "a.mat", {"s": many})
    assert load_struct(tmp_path / "a.mat", "s")["number"].tolist() == [3, 4]


def test_damaged_bytes_never_escape(path):
    whole = path.read_bytes()
    random = np.random.default_rng(5)
    for turn in range(150):
        damaged = bytearray(whole)
        for place in random.integers(0, len(whole), 4):
            damaged[place] = random.integers(0, 256)
        if turn % 4 == 0:
            del damaged[random.integers(0, len(whole)) :]
        path.write_bytes(damaged)
        try:
            load_struct(path, "s")
        except ValueError:
            continue
