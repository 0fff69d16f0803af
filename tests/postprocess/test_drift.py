import functools

import numpy as np
import pytest

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.postprocess.drift import correct_drift
from truevar.view.drift import save_drift_picture

FRAMES = 400


def table(drift_F2, seed=1, n=6000, places=250, side=8000.0, errors=True):
    """Places in a field, localised again and again with errors of 8 to 20 nm, and the drift."""
    random = np.random.default_rng(seed)
    place = random.uniform(0, side, (places, 2))[random.integers(places, size=n)]
    frame = random.integers(len(drift_F2), size=n)
    sigma = random.uniform(8, 20, (n, 2))
    seen = place + drift_F2[frame] + sigma * random.standard_normal((n, 2))
    columns = {"frame": frame, "x": seen[:, 0], "y": seen[:, 1], "number": np.arange(n)}
    columns |= {"sigma_x": sigma[:, 0], "sigma_y": sigma[:, 1]} if errors else {}
    return Emitters(columns, {"pixel_size": 100.0}), place


def curve(kind):
    time_F = np.arange(FRAMES) / FRAMES
    if kind == "steady":
        return np.stack([150 * time_F, -100 * time_F**2], 1)
    if kind == "jump":
        there_F = np.arange(FRAMES) >= 167
        return np.stack([90 * time_F + 60 * there_F, -40 * time_F - 50 * there_F], 1)
    if kind == "sine":
        angle_F = 4 * np.pi * time_F
        return np.stack([75 * np.sin(angle_F), 40 * np.cos(1.5 * angle_F)], 1)
    return np.zeros((FRAMES, 2))


@functools.cache
def corrected(kind):
    """A table with such a drift, its places, and what is found."""
    rows, place = table(curve(kind))
    return rows, place, correct_drift(rows)


def errors_of(drift, true_F2):
    true_F2 = true_F2[drift.frame_F] - true_F2[drift.frame_F].mean(0)
    error_F2 = np.stack([drift.x_F, drift.y_F], 1) - true_F2
    return error_F2, np.stack([drift.sigma_x_F, drift.sigma_y_F], 1)


@pytest.mark.parametrize("kind", ["steady", "jump", "sine"])
def test_drift_is_found_and_the_band_holds_it(kind):
    true_F2 = curve(kind)
    _, place, found = corrected(kind)
    error_F2, sigma_F2 = errors_of(found.drift, true_F2)
    assert np.sqrt(np.mean(error_F2**2)) < 3
    assert np.mean(np.abs(error_F2) <= 2 * sigma_F2) >= 0.9
    assert np.median(sigma_F2) < 5
    assert found.drift.x_F.mean() == pytest.approx(0, abs=1e-9)
    assert found.drift.jump_J.tolist() == ([167] if kind == "jump" else [])
    # What is left of the positions is their own error.
    left = np.stack([found.emitters.x, found.emitters.y], 1) - place
    assert np.std(left - left.mean(0)) == pytest.approx(14.4, rel=0.1)


def test_without_drift_nothing_is_harmed():
    rows, _ = table(curve("none"), seed=2)
    found = correct_drift(rows)
    assert np.sqrt(np.mean(found.drift.x_F**2 + found.drift.y_F**2)) < 2
    assert np.std(found.emitters.x - rows.x) < 2


def test_without_errors_in_the_table():
    true_F2 = curve("sine")
    rows, _ = table(true_F2, seed=3, errors=False)
    error_F2, sigma_F2 = errors_of(correct_drift(rows).drift, true_F2)
    assert np.sqrt(np.mean(error_F2**2)) < 4
    assert np.mean(np.abs(error_F2) <= 2 * sigma_F2) >= 0.9


def test_a_large_jump_is_found_to_the_frame():
    true_F2 = np.zeros((FRAMES, 2))
    true_F2[250:] = [-700, 450]
    rows, _ = table(true_F2, seed=4)
    found = correct_drift(rows)
    assert found.drift.jump_J.tolist() == [250]
    assert np.ptp(found.drift.x_F) == pytest.approx(700, abs=3)
    assert "jumps:     at frame 250" in found.text()


def test_frames_that_do_not_begin_at_0_and_rows_in_any_order():
    rows, _, one = corrected("steady")
    there = rows.with_columns(frame=rows.frame + 1000)
    order = np.random.default_rng(0).permutation(len(rows))
    other = correct_drift(there.select(order))
    assert other.drift.frame_F[0] == one.drift.frame_F[0] + 1000
    np.testing.assert_allclose(other.drift.x_F, one.drift.x_F, atol=0.5)
    np.testing.assert_allclose(other.emitters.x, one.emitters.x[order], atol=0.5)


def test_what_stays_and_what_is_told():
    rows, _ = table(curve("steady"))
    broken = rows.x.copy()
    broken[7] = np.nan
    rows = rows.with_columns(x=broken, z=np.full(len(rows), 3.0))
    found = correct_drift(rows)
    assert list(found.emitters) == list(rows)
    for name in ("frame", "z", "sigma_x", "number"):
        np.testing.assert_array_equal(found.emitters[name], rows[name])
    assert np.flatnonzero(np.isnan(found.emitters.x)).tolist() == [7]
    step = found.emitters.meta["steps"][-1]
    assert step["step"] == "drift"
    assert step["range_x"] == pytest.approx(150, abs=8)
    assert step["jumps"] == []
    assert "steps" not in rows.meta
    assert found.text().startswith("drift:     ")
    assert "error:     ± " in found.text()


def test_localisations_by_chance_tell_nothing():
    random = np.random.default_rng(6)
    n = 6000
    rows = Emitters(
        {
            "frame": random.integers(FRAMES, size=n),
            "x": random.uniform(0, 8000, n),
            "y": random.uniform(0, 8000, n),
            "sigma_x": np.full(n, 10.0),
            "sigma_y": np.full(n, 10.0),
        }
    )
    with pytest.raises(UserError, match="of places that are seen again"):
        correct_drift(rows)


@pytest.mark.parametrize("n", [0, 1, 300])
def test_too_few_localisations(n):
    rows, _ = table(curve("none"), n=1000)
    with pytest.raises(UserError, match="at least 500"):
        correct_drift(rows.select(np.arange(n)))
    with pytest.raises(UserError, match="in 1 frames"):
        correct_drift(rows.with_columns(frame=np.zeros(1000)))
    with pytest.raises(UserError, match="number them in succession"):
        correct_drift(rows.with_columns(frame=rows.frame * 10**9))


def test_the_curve_is_written_and_drawn(tmp_path):
    drift = corrected("jump")[2].drift
    drift.write(tmp_path / "drift.csv")
    head = (tmp_path / "drift.csv").read_text(encoding="utf-8").splitlines()[0]
    assert head == "frame,x [nm],y [nm],sigma_x [nm],sigma_y [nm]"
    read = np.loadtxt(tmp_path / "drift.csv", delimiter=",", skiprows=1)
    np.testing.assert_array_equal(read[:, 0], drift.frame_F)
    np.testing.assert_allclose(read[:, 2], drift.y_F, atol=1e-3)
    np.testing.assert_allclose(read[:, 3], drift.sigma_x_F, atol=1e-3)
    save_drift_picture(drift, tmp_path / "drift.png")
    assert (tmp_path / "drift.png").read_bytes().startswith(b"\x89PNG")
    for again in (
        lambda: drift.write(tmp_path / "drift.csv"),
        lambda: save_drift_picture(drift, tmp_path / "drift.png"),
    ):
        with pytest.raises(UserError, match="exists already"):
            again()
    drift.write(tmp_path / "drift.csv", overwrite=True)
    with pytest.raises(UserError, match=r"\.png"):
        save_drift_picture(drift, tmp_path / "drift.pdf")


def on_filaments(seed, n=500, on=5, side=6400.0):
    """No drift; molecules on two filaments along x, in five frames each, erring in like manner."""
    random = np.random.default_rng(seed)
    along, which = random.uniform(0, side, n), random.integers(2, size=n)
    place = np.stack([along, (which + 0.5) * side / 2 + 300 * np.sin(along / 900 + which)], 1)
    frame = random.integers(200 - on, size=n)[:, None] + np.arange(on)
    error = 14 * random.standard_normal((n, on, 2))
    for k in range(1, on):
        error[:, k] = 0.7 * error[:, k - 1] + np.sqrt(1 - 0.7**2) * error[:, k]
    seen = (place[:, None] + error).reshape(-1, 2)
    columns = {"frame": frame.ravel(), "x": seen[:, 0], "y": seen[:, 1]}
    return Emitters({**columns, **{f"sigma_{axis}": np.full(n * on, 14.0) for axis in "xy"}})


def test_halves_that_disagree_widen_the_band_of_a_small_table():
    """Along the filaments any shift fits, and tens of nm are found where there is no drift."""
    for seed in range(2):
        found = correct_drift(on_filaments(seed))
        off_x, off_y, band_x, band_y = (
            np.sqrt(np.mean(getattr(found.drift, name) ** 2))
            for name in ("x_F", "y_F", "sigma_x_F", "sigma_y_F")
        )
        assert off_x > 10
        assert found.widened[0] > 1.4
        assert off_x < 2.2 * band_x
        # Across them all is as before.
        assert found.widened[1] < 1.3
        assert off_y < 2 * band_y < 5
        assert found.emitters.meta["steps"][-1]["error_widened"] == pytest.approx(
            found.widened, abs=0.01
        )
        assert "because halves of the field disagree" in found.text()


def test_halves_are_compared_in_small_tables_only():
    rows, _ = table(np.zeros((1200, 2)), n=10_500)
    large = correct_drift(rows)
    assert large.widened is None
    assert "halves" not in large.text()
    assert "error_widened" not in large.emitters.meta["steps"][-1]
