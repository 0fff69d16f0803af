"""Width of the PSF from movies whose PSF is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from truevar.calibration.photon_transfer import estimate_camera
from truevar.calibration.psf_width import DEFAULT, PsfWidth, estimate_psf_sigma
from truevar.imaging.gaussian import render_frames
from truevar.io.movies.movie import open_movie
from truevar.simulation.scenes import simulate


def _measure(scene: str, density: float, seed: int = 5) -> PsfWidth:
    movie = simulate(scene, density, 100, 64, seed=seed)
    camera = movie.camera
    return estimate_psf_sigma(
        camera.to_photons(movie.frames()), camera.read_variance, camera.excess
    )


@pytest.mark.parametrize("density", [0.05, 0.2, 1.0])
@pytest.mark.parametrize("width", [80, 130, 180, 220])
def test_widths_of_sparse_to_dense_movies(width: int, density: float):
    found = _measure(f"2d-widths-{width}", density)
    assert found.sigma_px == pytest.approx(width / 100, rel=0.05)
    assert found.spots >= 10
    assert "spots are not" not in found.note


@pytest.mark.parametrize("width", [80, 130, 180])
def test_widths_where_spots_overlap(width: int):
    found = _measure(f"2d-widths-{width}", 2.0)
    assert found.sigma_px == pytest.approx(width / 100, rel=0.1)


@pytest.mark.parametrize("scene", ["2d-emccd", "2d-dim", "filaments", "2d-structured"])
def test_other_scenes(scene: str):
    expected = 1.1 if scene == "2d-emccd" else 1.3
    assert _measure(scene, 1.0).sigma_px == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("sigma", [0.6, 1.0, 3.0])
def test_extreme_widths(sigma: float):
    frames = _spots(sigma, sigma)
    found = estimate_psf_sigma(frames)
    assert found.sigma_px == pytest.approx(sigma, rel=0.05)


def test_a_wrong_gain_matters_little():
    frames = _spots(1.3, 1.3)
    for factor in (0.5, 2.0):
        assert estimate_psf_sigma(frames * factor).sigma_px == pytest.approx(1.3, rel=0.05)


def test_an_elongated_psf_is_told():
    half = np.concatenate([_spots(1.0, 1.6, 20, 1), _spots(1.6, 1.0, 20, 2)])
    found = estimate_psf_sigma(half)
    assert found.elongation > 0.2
    assert "spots are not" in found.note


@pytest.mark.parametrize("shape", [(1, 16, 16), (20, 40, 64)])
def test_without_spots_the_width_is_assumed(shape: tuple[int, int, int]):
    noise = np.random.default_rng(1).poisson(20.0, shape).astype(np.float32)
    found = estimate_psf_sigma(noise)
    assert (found.sigma_px, found.spots) == (DEFAULT, 0)
    assert "psf_sigma=NM" in found.note


def test_empty_light_and_maps_are_taken():
    found = estimate_psf_sigma(np.zeros((3, 32, 48)), np.ones((32, 48)))
    assert found.spots == 0


def test_simulated_by_others(shared_data):
    simulated = shared_data / "simulated"
    with open_movie(simulated / "picasso-paint-32x32" / "testdata.raw") as movie:
        found = estimate_psf_sigma(movie.read(0, 1000))
    assert found.sigma_px == pytest.approx(0.82, rel=0.02)
    with open_movie(simulated / "storm-analysis-256x256" / "test.dax") as movie:
        found = estimate_psf_sigma(movie.read(0, 10) - 100.0)
    assert found.sigma_px == pytest.approx(1.0, rel=0.02)


@pytest.mark.parametrize("name", ["astigmatic-256x256/test_bg_sub.dax", "tetrapod-332x492/1.tif"])
def test_other_psfs_are_told(shared_data, name: str):
    path = shared_data / "real" / name
    names = ("1.tif", "2.tif", "3.tif") if path.name == "1.tif" else (path.name,)
    parts = []
    for one in names:
        with open_movie(path.with_name(one)) as movie:
            parts.append(movie.read(0, len(movie)))
    frames = np.concatenate(parts)
    camera, _ = estimate_camera(frames)
    found = estimate_psf_sigma(camera.to_photons(frames))
    assert "spots are not" in found.note


def _spots(sigma_x: float, sigma_y: float, frames: int = 40, seed: int = 0) -> np.ndarray:
    """(frames, 64, 64) photo-electrons with two lone spots a frame."""
    generator = torch.Generator().manual_seed(seed)
    n = 2 * frames
    x = 18 + 28 * torch.rand(n, generator=generator)
    y = 16 + 6 * torch.rand(n, generator=generator) + 26 * (torch.arange(n) % 2)
    one = torch.ones(n)
    light = render_frames(
        x, y, 3000 * one, torch.arange(n) // 2, sigma_x * one, frames, 64, 64, sigma_y * one
    )
    return torch.poisson(light + 20, generator=generator).numpy()
