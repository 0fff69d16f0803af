"""Gain and offset from movies whose camera is known."""

from __future__ import annotations

import numpy as np
import pytest

from truevar.calibration.photon_transfer import SOURCE, estimate_camera, transfer_curve
from truevar.camera import Camera
from truevar.io.movies.movie import open_movie
from truevar.simulation.scenes import simulate


def _level(camera: Camera, photons: float) -> float:
    """ADU of a background."""
    return float(camera.baseline) + photons * camera.em_gain / float(camera.e_per_adu)


@pytest.mark.parametrize("density", [0.02, 0.2, 1.0, 2.0])
@pytest.mark.parametrize("scene", ["2d-scmos", "filaments", "2d-structured"])
def test_a_scmos_is_found(scene: str, density: float):
    movie = simulate(scene, density, 100, 64, seed=3)
    camera, notes = estimate_camera(movie.frames())
    assert camera.e_per_adu == pytest.approx(0.46, rel=0.15)
    # Read noise counts as background: 2.25 of the 22 photo-electrons.
    found = (_level(movie.camera, 22.0) - camera.baseline) * camera.e_per_adu
    assert found == pytest.approx(22.0 + 2.25, rel=0.25)
    assert camera.source == SOURCE
    assert "photon transfer" in notes[0]


def test_offset_that_is_not_the_usual_one():
    counts = np.random.default_rng(1).poisson(_hilly(60), (40, 64, 64))
    camera, _ = estimate_camera(np.round(counts / 0.7 + 412.0).astype(np.uint16))
    assert camera.e_per_adu == pytest.approx(0.7, rel=0.1)
    assert camera.baseline == pytest.approx(412.0, abs=10.0)


def test_an_emccd_looks_like_twice_its_gain():
    movie = simulate("2d-emccd", 1.0, 100, 64, seed=3)
    frames = movie.frames()
    plain, notes = estimate_camera(frames)
    assert plain.e_per_adu == pytest.approx(45 / 300 / 2, rel=0.15)
    assert any("EMCCD" in note for note in notes)
    told, _ = estimate_camera(frames, em_gain=300.0, read_sigma=74.4)
    assert told.e_per_adu == pytest.approx(45.0, rel=0.15)
    assert told.em_gain == 300.0
    assert told.excess == 2.0


def test_what_the_user_gave_is_kept():
    frames = simulate("2d-scmos", 1.0, 60, 64, seed=4).frames()
    camera, notes = estimate_camera(frames, baseline=100.0, read_sigma=1.5)
    assert camera.baseline == 100.0
    assert camera.e_per_adu == pytest.approx(0.46, rel=0.1)
    assert "offset 100" not in notes[0]
    camera, _ = estimate_camera(frames, e_per_adu=0.46, read_sigma=1.5)
    assert camera.e_per_adu == 0.46
    assert camera.baseline == pytest.approx(100.0, abs=6.0)
    camera, notes = estimate_camera(frames, baseline=90.0, e_per_adu=0.5)
    assert (camera.baseline, camera.e_per_adu, notes) == (90.0, 0.5, [])


def test_offset_above_the_background_is_told():
    frames = simulate("2d-scmos", 1.0, 30, 64, seed=4).frames()
    camera, notes = estimate_camera(frames, baseline=200.0)
    assert camera.baseline == 200.0
    assert camera.e_per_adu > 0
    assert "above the background" in notes[0]


def test_photo_electrons_are_left_alone():
    counts = np.random.default_rng(2).poisson(_hilly(30), (40, 64, 64))
    camera, notes = estimate_camera(counts.astype(np.float32))
    assert (camera.baseline, camera.e_per_adu) == (0.0, 1.0)
    assert "photo-electrons already" in notes[0]


def test_a_flat_background_still_gives_the_right_noise():
    counts = np.random.default_rng(3).poisson(25.0, (30, 64, 64)) / 0.5 + 300.0
    camera, notes = estimate_camera(counts)
    photons = camera.to_photons(counts)
    assert photons.var() == pytest.approx(photons.mean(), rel=0.15)
    assert "poorly" in notes[0]


@pytest.mark.parametrize(
    "blocks",
    [
        np.full((5, 32, 32), 7, np.uint16),
        np.zeros((1, 16, 16)),
        np.tile(np.arange(32.0), (4, 32, 1)),
        np.random.default_rng(4).normal(0, 1e-3, (3, 16, 16)),
        np.random.default_rng(5).integers(0, 2, (1, 16, 16)),
        np.random.default_rng(6).normal(-1e5, 10, (2, 20, 40)).astype(np.float32),
    ],
    ids=["constant", "zero", "ramp", "tiny", "binary", "negative"],
)
def test_hopeless_movies_get_a_usable_camera(blocks: np.ndarray):
    camera, notes = estimate_camera(blocks)
    assert np.isfinite(camera.to_photons(blocks)).all()
    assert camera.e_per_adu > 0
    assert notes
    assert all("\n" not in note for note in notes)
    assert np.median(camera.to_photons(blocks)) >= 0


def test_the_curve_is_not_bent_by_sharp_spots():
    movie = simulate("2d-widths-80", 2.0, 60, 64, seed=5)
    curve = transfer_curve(movie.frames())
    light = (curve.mean - 100.0) * 0.46 + 2.25
    assert np.median(curve.variance * 0.46**2 / light) == pytest.approx(1.0, abs=0.1)
    assert curve.mean[-1] > 2 * curve.mean[0]


def test_a_large_sample_is_cut():
    blocks = np.random.default_rng(7).poisson(50.0, (3, 600, 2000)).astype(np.uint16)
    assert len(transfer_curve(blocks).mean) > 5


def test_real_movies(shared_data):
    folder = shared_data / "simulated" / "storm-analysis-256x256"
    with open_movie(folder / "test.dax") as movie:
        camera, _ = estimate_camera(movie.read(0, 10))
    assert (camera.baseline, camera.e_per_adu) == (100.0, pytest.approx(1.0, rel=0.1))
    with open_movie(shared_data / "real" / "scmos-256x256" / "sample.dax") as movie:
        camera, _ = estimate_camera(movie.read(0, 11))
    assert camera.baseline == pytest.approx(90.4, abs=6.0)
    assert camera.e_per_adu == pytest.approx(1 / 2.11, rel=0.15)


def _hilly(level: float) -> np.ndarray:
    """(64, 64) expected photons, from ``level`` to six times that."""
    row, col = np.mgrid[:64, :64]
    return level * (1 + 5 * np.exp(-((row - 30) ** 2 + (col - 20) ** 2) / 400))
