"""Lengths in the wrong unit."""

import pytest

from truevar.calibration.lengths import check_length, length_doubts
from truevar.errors import UserError


@pytest.mark.parametrize(
    ("name", "length", "pixel_size", "meant"),
    [
        ("pixel_size", 0.1, None, "100 nm"),
        ("pixel_size", 0.108, None, "108 nm"),
        ("pixel_size", 6500.0, None, "65 nm"),
        ("psf_sigma", 1.3, 100.0, "130 nm"),
        ("psf_sigma", 1.0, 160.0, "160 nm"),
        ("psf_sigma", 0.13, 100.0, "130 nm"),
    ],
)
def test_the_length_that_was_meant_is_asked_for(name, length, pixel_size, meant):
    with pytest.raises(UserError, match=f"it is {length:g} nm.*did you mean {meant}") as caught:
        check_length(name, length, "it", pixel_size)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "length"), [("pixel_size", 1e6), ("psf_sigma", 1e5)])
def test_a_length_without_a_guess_is_refused_all_the_same(name, length):
    with pytest.raises(UserError, match="give it in nm"):
        check_length(name, length, "it", 100.0)


@pytest.mark.parametrize("pixel_size", [10.0, 65.0, 100.0, 160.0, 325.0, 650.0, 1300.0])
def test_no_microscope_is_refused(pixel_size):
    check_length("pixel_size", pixel_size, "it")
    check_length("psf_sigma", 1.3 * pixel_size, "it", pixel_size)


@pytest.mark.parametrize(
    ("pixel_size", "psf_sigma"), [(65, 90), (100, 130), (160, 160), (325, 400)]
)
def test_usual_lengths_raise_no_question(pixel_size, psf_sigma):
    assert length_doubts(pixel_size, psf_sigma) == []
    assert length_doubts(pixel_size, None) == []


def test_unusual_lengths_raise_one():
    (own,) = length_doubts(16.0, None)
    assert "160 nm at 100x" in own
    (wide,) = length_doubts(650.0, None)
    assert "650 nm is unusual" in wide
    (narrow,) = length_doubts(100.0, 20.0)
    assert narrow.endswith("(see psf_sigma)")
