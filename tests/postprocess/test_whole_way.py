"""From localisations to molecules: what is done, in which order, and what when it cannot be."""

from __future__ import annotations

import numpy as np
import pytest

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.postprocess.whole_way import check_condition, usual_condition, whole_way


def moving(n_places: int = 400, frames: int = 1200, drift: float = 120.0) -> Emitters:
    """Molecules on for two frames at places seen again and again, in a sample that moves."""
    random = np.random.default_rng(5)
    n = 12 * frames // 2
    begin_N = random.integers(frames - 1, size=n)
    place_N2 = random.uniform(500, 9500, (n_places, 2))[random.integers(n_places, size=n)]
    frame = np.concatenate([begin_N, begin_N + 1])
    true = np.concatenate([place_N2, place_N2]) + np.outer(frame / frames - 0.5, [drift, 0])
    seen = true + random.normal(0, 8, true.shape)
    columns = {"frame": frame, "x": seen[:, 0], "y": seen[:, 1], "photons": np.full(2 * n, 900.0)}
    columns |= {"sigma_x": np.full(2 * n, 8.0), "sigma_y": np.full(2 * n, 8.0)}
    columns["sigma_y"][:60] = 90.0
    order = np.argsort(frame, kind="stable")
    meta = {"pixel_size": 100.0, "width": 100, "height": 100, "psf_sigma": 130.0}
    return Emitters({name: values[order] for name, values in columns.items()}, meta)


def test_drift_goes_before_molecules_are_joined() -> None:
    said: list[str] = []
    table = moving()
    found = whole_way(table, report=said.append)
    assert [lines.split(":")[0] for lines in said] == ["drift", "resolution", "linked", "kept"]
    assert found.drift is not None
    wanted_F = 120 * (found.drift.frame_F / 1200 - 0.5)
    assert np.sqrt(np.mean((found.drift.x_F - wanted_F) ** 2)) < 2
    assert found.ring is not None
    assert found.ring.localisations == len(table)
    assert [step["step"] for step in found.molecules.meta["steps"]] == ["drift", "link", "filter"]
    assert len(found.molecules) < 0.6 * len(table)
    assert found.molecules.sigma_y.max() < 65


def test_what_is_too_little_is_said_and_left() -> None:
    table = moving(frames=900)
    found = whole_way(table)
    assert found.drift is None
    assert "10,800 localisations in 900 frames are few" in found.without_drift
    few = whole_way(table.select(range(50)))
    assert few.ring is None
    assert "50 localisations are too few" in few.without_ring
    assert 20 < len(few.molecules) <= 50
    none = whole_way(table.select([]))
    assert len(none.molecules) == 0


def test_what_is_kept() -> None:
    table = moving(frames=900)
    assert usual_condition(table) == "sigma_x < 65 and sigma_y < 65"
    kept = whole_way(table, where="detections > 1", gap=0).molecules
    assert kept["detections"].min() == 2
    with pytest.raises(UserError, match="does not tell the PSF"):
        usual_condition(Emitters(table.columns, {"pixel_size": 100.0}))


@pytest.mark.parametrize("where", ["prob >", "nonsense > 3", "import os"])
def test_conditions_are_checked_before_the_work(where: str) -> None:
    with pytest.raises(UserError):
        check_condition(where)


@pytest.mark.parametrize("where", ["prob > 0.9 and sigma_x < 20", "detections > 1", "density > 3"])
def test_columns_of_molecules_can_be_named(where: str) -> None:
    check_condition(where)
