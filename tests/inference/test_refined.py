from __future__ import annotations

import numpy as np

import truevar


def test_no_frame_is_lost_between_blocks_that_are_refined_together() -> None:
    # Batches of 42 frames go into blocks of 64: what a batch holds beyond a block has to wait.
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:32, :48]
    light = 20 + 3000 / (2 * np.pi * 1.3**2) * np.exp(-((x - 30) ** 2 + (y - 9) ** 2) / 2 / 1.3**2)
    adu = 100 + rng.poisson(light, (150, 32, 48)) / 0.46
    found = truevar.localize(
        np.round(adu).astype(np.uint16),
        pixel_size=100,
        psf_sigma=130,
        camera={"baseline": 100, "e_per_adu": 0.46, "read_sigma": 1},
    )
    assert found.meta["refined"]
    assert set(found.frame) == set(range(150))
