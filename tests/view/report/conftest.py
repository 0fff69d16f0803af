"""A table with all that a report shows."""

from __future__ import annotations

import numpy as np
import pytest

from truevar.emitters import Emitters


def made_up(n: int, seed: int = 0) -> Emitters:
    """Emitters along a spiral in a field of 64 px, with a description of how they were found."""
    rng = np.random.default_rng(seed)
    turn = rng.uniform(0, 12, n)
    columns = {
        "frame": np.sort(rng.integers(0, 200, n)),
        "x": 3200 + 240 * turn * np.cos(turn) + rng.normal(0, 10, n),
        "y": 3200 + 240 * turn * np.sin(turn) + rng.normal(0, 10, n),
        "photons": rng.lognormal(7, 0.5, n),
        "bg": rng.normal(20, 2, n),
        "sigma_x": rng.uniform(5, 20, n),
        "sigma_y": rng.uniform(5, 20, n),
        "prob": rng.uniform(0.7, 1, n),
    }
    meta = {
        "program": "truevar 0.1.0",
        "movie": "movie.tif",
        "pixel_size": 100.0,
        "width": 64,
        "height": 64,
        "region": [0, 64, 0, 64],
        "frames": 200,
        "frame_range": [0, 200],
        "psf_sigma": 130.5,
        "camera": {"baseline": 100.0, "e_per_adu": 0.46, "em_gain": 1.0, "read_sigma": 1.5},
        "sources": {"pixel_size": "given", "psf_sigma": "estimated from the movie"},
        "model": "true-var-small",
        "min_prob": 0.7,
        "notes": ["a note"],
        "warnings": ["a warning of the kind that must not be lost"],
    }
    return Emitters(columns, meta)


@pytest.fixture
def emitters() -> Emitters:
    return made_up(2000)
