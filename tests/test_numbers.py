"""Numbers of Python callers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from truevar.errors import UserError
from truevar.numbers import above_zero, number, whole


def test_numbers_are_made_plain() -> None:
    for value in (2, 2.0, np.float32(2), np.int16(2), np.array(2)):
        assert above_zero("a", value) == number("a", value, 0, 2) == 2
        assert type(whole("a", value, 2)) is int
    assert number("a", -1.5) == -1.5


@pytest.mark.parametrize(
    "value",
    ["2", b"2", None, True, math.nan, math.inf, 2j, [2], np.array([2.0]), object(), 10**400],
)
def test_what_is_no_number(value: object) -> None:
    for judge in (above_zero, number):
        with pytest.raises(UserError, match="^a_size is .*; give a number") as caught:
            judge("a_size", value)
        assert caught.value.for_command_line().startswith("--a-size is ")
    with pytest.raises(UserError, match="give a whole number of 1 or more"):
        whole("a_size", value, 1)


def test_numbers_out_of_range() -> None:
    for value in (0, -1):
        with pytest.raises(UserError, match=f"a is {value}; give a number above 0"):
            above_zero("a", value)
    with pytest.raises(UserError, match="a is 3; give a number from 0 to 1"):
        number("a", 3, 0, 1)
    with pytest.raises(UserError, match="a is -1; give a number of 0 or more"):
        number("a", -1, 0)
    for value in (2.5, 1, 2**63):
        with pytest.raises(UserError, match="give a whole number of 2 or more"):
            whole("a", value, 2)
