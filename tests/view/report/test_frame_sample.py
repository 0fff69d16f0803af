"""Frames in a report, with what was found in them."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

import truevar
from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.model.weights import available_models
from truevar.view.report.frame_sample import MOST_FRAMES, in_frame, sample_frames

needs_model = pytest.mark.skipif(
    "true-var-small" not in available_models(), reason="no true-var-small came with the package"
)


@pytest.fixture
def movie() -> np.ndarray:
    """(200, 64, 64): frame k has a bright pixel at column 10, row k mod 64."""
    frames = np.full((200, 64, 64), 100, np.uint16)
    frames[np.arange(200), np.arange(200) % 64, 10] = 1000
    return frames


@pytest.mark.usefixtures("few_scales")
def test_frames_are_spread_evenly_and_show_what_is_on(
    emitters: Emitters, movie: np.ndarray
) -> None:
    sample = sample_frames(emitters, movie)
    numbers = list(sample.frames)
    assert len(numbers) == MOST_FRAMES
    assert numbers[0] == 0
    assert numbers[-1] == 199
    assert set(np.diff(numbers)) <= {4, 5}
    for frame, shown in sample.frames.items():
        here = emitters.select(emitters.frame == frame)
        np.testing.assert_allclose(shown.at_N2[:, 0] * 6400 - 50, here.x, atol=0.1)
        np.testing.assert_allclose(shown.at_N2[:, 1] * 6400 - 50, here.y, atol=0.1)
        image = imread(BytesIO(shown.image))
        assert np.argmax(image) == (frame % 64) * 64 + 10


def test_a_region_of_some_frames(movie: np.ndarray) -> None:
    meta = {"pixel_size": 100.0, "width": 64, "height": 64, "frames": 200}
    meta |= {"region": [8, 40, 16, 64], "frame_range": [20, 30]}  # type: ignore[dict-item]
    table = Emitters({"frame": [20], "x": [1000.0], "y": [2000.0]}, meta)
    sample = sample_frames(table, movie)
    assert list(sample.frames) == list(range(20, 30))
    shown = sample.frames[20]
    row, col = np.unravel_index(np.argmax(imread(BytesIO(shown.image))), (48, 32))
    assert (row, col) == (20 - 16, 10 - 8)
    # The emitter sits in the middle of that pixel.
    np.testing.assert_allclose(shown.at_N2, [[2.5 / 32, 4.5 / 48]])
    assert "does not tell camera" in sample.without_scales


def test_large_frames_are_binned() -> None:
    movie = np.zeros((3, 600, 700), np.uint16)
    movie[:, 300:302, 350:352] = 400
    meta = {"pixel_size": 100.0, "width": 700, "height": 600, "frames": 3}
    table = Emitters({"frame": [1], "x": [35050.0], "y": [30050.0]}, meta)
    sample = sample_frames(table, movie)
    assert sample.binned == 2
    image = imread(BytesIO(sample.frames[1].image))
    assert image.shape == (300, 350)
    assert np.unravel_index(np.argmax(image), image.shape) == (150, 175)
    np.testing.assert_allclose(sample.frames[1].at_N2, [[175.5 / 350, 150.5 / 300]])


def test_a_molecule_is_shown_while_it_is_on() -> None:
    table = Emitters({"frame": [1, 4], "x": [0, 1], "y": [0, 1], "last_frame": [3, 4]})
    assert [len(in_frame(table, frame)) for frame in range(6)] == [0, 1, 1, 1, 1, 0]


def test_another_movie_is_refused(emitters: Emitters, movie: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="give the movie that was localised"):
        truevar.report(emitters, tmp_path / "r.html", movie[:100])
    with pytest.raises(UserError, match="no such|there is no|not found|cannot"):
        truevar.report(emitters, tmp_path / "r.html", "none.tif")
    assert list(tmp_path.iterdir()) == []


@needs_model
def test_the_finest_scale_is_what_localising_finds(tmp_path: Path) -> None:
    movie = truevar.simulate("2d-scmos", density=0.5, frames=4, size=40, seed=2)
    movie.write(tmp_path / "m.tif")
    # In bfloat16, where a processor has it, results depend a little on how frames are batched.
    found = truevar.localize(tmp_path / "m.tif", psf_sigma=130, refine=False, precision="float32")
    sample = sample_frames(found, tmp_path / "m.tif")
    assert sample.without_scales == ""
    assert list(sample.scales) == [0, 1, 2, 3]
    for frame, scales in sample.scales.items():
        cells = [one.cell for one in scales]
        assert cells == sorted(cells, reverse=True)
        here = found.select(found.frame == frame)
        at_N2 = scales[-1].at_N2 * 4000 - 50
        np.testing.assert_allclose(np.sort(at_N2[:, 0]), np.sort(here.x), atol=1)
        for scale in scales:
            # A cell holds nearly as many as that scale finds in it.
            prob = imread(BytesIO(scale.image))
            assert prob.shape[0] == round(4000 / scale.cell)
    old = Emitters(found.columns, {**found.meta, "model": "default"})
    assert "truevar 0.1.0's model" in sample_frames(old, tmp_path / "m.tif").without_scales
