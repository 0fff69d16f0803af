from collections.abc import Callable

import numpy as np
import pytest

from truevar.emitters import Emitters


@pytest.fixture
def scattered() -> Callable[[int], Emitters]:
    """Makes a table of so many emitters all over a movie of 256x256 px of 100 nm."""

    def make(n: int, size: int = 256, sigma: float = 10.0) -> Emitters:
        random = np.random.default_rng(n)
        columns = {"frame": np.arange(n), "photons": random.uniform(100, 1000, n)}
        for axis in "xy":
            columns[axis] = random.uniform(-50, 100 * size - 50, n)
            columns[f"sigma_{axis}"] = sigma * random.lognormal(0, 0.3, n)
        return Emitters(columns, {"pixel_size": 100.0, "width": size, "height": size})

    return make
