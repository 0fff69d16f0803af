"""Misuse from Python gets one clear line."""

import numpy as np
import pytest
import torch

from truevar.errors import UserError
from truevar.inference import arguments
from truevar.inference.localize import localize

FRAMES = np.full((3, 20, 20), 140, np.uint16)


@pytest.mark.parametrize(
    ("movie", "said"),
    [
        (None, "not None"),
        (3, "not int"),
        (b"movie.tif", "not bytes"),
        (["a.tif", np.zeros((2, 8, 8))], "nothing but paths"),
        ([FRAMES[0], FRAMES[1, 2:]], "differ in size"),
    ],
)
def test_no_movie(movie, said):
    with pytest.raises(UserError, match=said):
        localize(movie)


@pytest.mark.parametrize(
    ("misuse", "said"),
    [
        ({"psf_sigma": "130"}, "psf_sigma is the text '130'; it must be a number"),
        ({"pixel_size": "100"}, "pixel_size is the text '100'"),
        ({"pixel_size": [100, 100]}, "pixel_size is .100, 100.; it must be above 0"),
        ({"psf_sigma": np.array([130.0])}, "psf_sigma is"),
        ({"frames": 2}, "frames=2 is no range"),
        ({"frames": (0.0, 2.0)}, r"frames=\(0.0, 2.0\) is no range"),
        ({"frames": "0:2"}, "frames='0:2' is no range"),
        ({"frames": (0, 1, 2)}, "is no range"),
        ({"roi": (0, 5)}, r"roi=\(0, 5\) is no region; give \(x0, x1, y0, y1\)"),
        ({"roi": 5}, "roi=5 is no region"),
        ({"roi": ((0, 16), (0, 16), 0, 1)}, "is no region"),
        ({"camera_offset": (1, None)}, "camera_offset"),
        ({"camera_offset": 4}, "camera_offset"),
        ({"min_prob": "0.5"}, "min_prob is '0.5'; give a number from 0 to 1"),
        ({"min_prob": np.array([0.5, 0.6])}, "min_prob is"),
        ({"min_prob": float("nan")}, "min_prob is nan"),
        ({"model": None}, "a model is a name.*not None"),
        ({"model": 3}, "not int"),
        ({"device": 1.5}, "device"),
        ({"camera": 300}, "a camera is a mapping.*not int"),
        ({"camera": ["a.yaml"]}, "a camera is a mapping.*not list"),
        ({"camera": "no.yaml"}, "cannot read the camera file no.yaml"),
        ({"camera_maps": "no.npy"}, "cannot read the camera maps no.npy"),
        ({"camera_maps": FRAMES.tolist()}, "camera_maps"),
    ],
)
def test_arguments_that_cannot_be_used(misuse, said):
    with pytest.raises(UserError, match=said) as caught:
        localize(FRAMES, **misuse)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dtype", [torch.uint16, torch.int32, torch.float32, torch.bfloat16])
def test_a_tensor_is_an_array(dtype):
    tensor = torch.full((3, 20, 20), 140.0).to(dtype)
    movie = arguments.as_movie(tensor)
    assert isinstance(movie, np.ndarray)
    np.testing.assert_array_equal(movie, FRAMES)


def test_numpy_integers_are_whole_numbers():
    assert arguments.as_range(np.array([1, 5])) == (1, 5)
    assert arguments.as_range([None, np.int64(5)]) == (None, 5)
    assert arguments.as_region([0, None, 4, 20]) == (0, None, 4, 20)
    assert (
        arguments.as_range(None) is arguments.as_region(None) is arguments.as_offset(None) is None
    )
