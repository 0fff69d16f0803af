"""NeNA on molecules that are on for several frames, whose precision is known."""

import numpy as np
import pytest

from truevar.emitters import Emitters
from truevar.postprocess.nena import nearest_in_next_frame, nena


def molecules(seed, sigma, number=3000, side=20_000.0, frames=2000, on=3.0, sites=None):
    """Molecules at random places that are on for ``on`` frames in the mean."""
    rng = np.random.default_rng(seed)
    place = rng.uniform(0, side, (number, 2))
    if sites is not None:
        place = place[rng.integers(0, sites, number)]
    length = rng.geometric(1 / on, number)
    which = np.repeat(np.arange(number), length)
    step = np.arange(len(which)) - np.repeat(np.cumsum(length) - length, length)
    frame = rng.integers(0, frames, number)[which] + step
    found = place[which] + sigma * rng.standard_normal((len(which), 2))
    return Emitters({"frame": frame, "x": found[:, 0], "y": found[:, 1]})


@pytest.mark.parametrize(
    ("sigma", "more"),
    [
        (3.0, {}),
        (12.0, {}),
        (30.0, {}),
        (12.0, {"number": 30_000, "side": 10_000.0}),  # 0.45 on per µm² and frame
        (12.0, {"sites": 100, "on": 2.0}),
    ],
)
def test_the_precision_within_5_percent(sigma, more):
    found = nena(molecules(1, sigma, **more))
    assert found is not None
    assert found.sigma == pytest.approx(sigma, rel=0.05)
    assert found.error < 0.1 * sigma
    assert found.pairs > 1000
    assert found.on_time == pytest.approx(more.get("on", 3.0), rel=0.15)


def test_strangers_have_no_precision():
    assert nena(molecules(2, 10.0, on=1.0)) is None
    assert nena(molecules(2, 10.0, number=20)) is None
    assert nena(Emitters.empty()) is None


def test_the_nearest_is_of_the_next_frame():
    rows = Emitters(
        {
            "frame": [0, 0, 1, 3, 1, 2],
            "x": [0.0, 100.0, 3.0, 0.0, np.nan, 3.0],
            "y": [0.0, 0.0, 4.0, 0.0, 0.0, 10.0],
        }
    )
    far = nearest_in_next_frame(rows, 50.0)
    # Of frame 0 one has a neighbour and one has none; 1 has one in 2; 2 has one in 3.
    np.testing.assert_allclose(far, [5, np.inf, 6, np.hypot(3, 10)])
