from __future__ import annotations

import numpy as np
import pytest

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


def test_a_table_tells_what_each_emitter_adds_and_knows_two_from_one() -> None:
    # Two emitters 1.5 PSF widths apart, and a dimmer one alone.
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:40, :40]
    light = np.full((6, 40, 40), 20.0)
    for column, row, photons in ((12.0, 12.0, 3000), (13.9, 12.4, 3000), (30.0, 28.0, 600)):
        spot = np.exp(-((x - column) ** 2 + (y - row) ** 2) / 2 / 1.3**2)
        light += photons / (2 * np.pi * 1.3**2) * spot
    adu = np.round(100 + rng.poisson(light) / 0.46).astype(np.uint16)
    how = {
        "pixel_size": 100,
        "psf_sigma": 130,
        "camera": {"baseline": 100, "e_per_adu": 0.46, "read_sigma": 1},
    }
    found = truevar.localize(adu, **how)
    near = np.hypot(found.x - 1295, found.y - 1220) < 200
    assert np.mean(np.bincount(found.frame[near], minlength=6) == 2) > 0.8
    assert (found["p_value"] < 1e-4).all()
    dim = np.hypot(found.x - 3000, found.y - 2800) < 150
    assert dim.sum() == 6
    # As expected of Poisson counts: the sum of λ log(λ / b) − (λ − b).
    alone = light[0, 20:37, 22:39]
    expected = np.sum(alone * np.log(alone / 20) - (alone - 20))
    assert np.median(found["llr"][dim]) == pytest.approx(expected, rel=0.15)
    assert found["llr"][near].min() > found["llr"][dim].max()
    bare = truevar.localize(adu, refine=False, **how)
    assert {"llr", "p_value"} == set(found) - set(bare)
