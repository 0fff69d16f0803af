import numpy as np
import pytest
import torch

from truevar.camera import EMCCD, SCMOS, Camera
from truevar.errors import UserError

N = 1_000_000


def exposures(camera: Camera, level: float) -> np.ndarray:
    generator = torch.Generator().manual_seed(3)
    expected = torch.full((1, 1000, N // 1000), level)
    return camera.to_photons(camera.expose(expected, generator).numpy()).astype(float)


@pytest.mark.parametrize("level", [2.0, 20.0, 500.0])
def test_scmos_variance_is_poisson_plus_read_plus_rounding(level):
    photons = exposures(SCMOS, level)
    variance = level + 1.5**2 + 0.46**2 / 12
    assert photons.mean() == pytest.approx(level, abs=5 * np.sqrt(variance / N))
    assert photons.var() == pytest.approx(variance, rel=0.01)


@pytest.mark.parametrize("level", [2.0, 20.0, 500.0])
def test_emccd_doubles_the_variance_of_photon_noise(level):
    photons = exposures(EMCCD, level)
    charge = level + EMCCD.cic
    variance = 2 * charge + (74.4 / 300) ** 2 + (45 / 300) ** 2 / 12
    assert EMCCD.excess == 2
    assert photons.mean() == pytest.approx(charge, abs=5 * np.sqrt(variance / N))
    assert photons.var() == pytest.approx(variance, rel=0.015)


def test_emccd_single_electrons_are_exponential():
    dark = Camera(em_gain=300.0, e_per_adu=1.0, read_sigma=0.0)
    generator = torch.Generator().manual_seed(0)
    adu = dark.expose(torch.full((1, 1000, 1000), 0.01), generator).numpy()
    lit = adu[adu > 0]
    # P(n > 0) = 1 - exp(-0.01); an exponential's median is ln 2 times its mean.
    assert (adu > 0).mean() == pytest.approx(1 - np.exp(-0.01), rel=0.05)
    assert np.median(lit) / lit.mean() == pytest.approx(np.log(2), rel=0.05)


def test_maps_give_every_pixel_its_own_noise_and_gain():
    maps = np.zeros((3, 2, 4), np.float32)
    maps[0], maps[1], maps[2] = 100.0, 4.0, 2.0
    maps[1, 1, 3] = 400.0
    camera = Camera.from_maps(maps)
    expected = torch.full((20_000, 2, 4), 30.0)
    adu = camera.expose(expected, torch.Generator().manual_seed(1)).numpy()
    photons = camera.to_photons(adu)
    assert camera.shape == (2, 4)
    np.testing.assert_allclose(photons.mean(0), 30.0, atol=0.4)
    variance = photons.var(0)
    assert variance[0, 0] == pytest.approx(30 + 4 / 4 + 0.25 / 12, rel=0.05)
    assert variance[1, 3] == pytest.approx(30 + 400 / 4 + 0.25 / 12, rel=0.05)
    cut = camera.crop(slice(1, 2), slice(2, 4))
    assert cut.shape == (1, 2)
    assert cut.read_variance[0, 1] == pytest.approx(100.0)


def test_photons_and_adu_are_inverse():
    camera = Camera(baseline=100.0, e_per_adu=45.0, em_gain=300.0, read_sigma=0.0)
    photons = camera.to_photons(np.array([[100, 400]], np.uint16))
    np.testing.assert_allclose(photons, [[0.0, 45.0]])


@pytest.mark.parametrize(
    "numbers",
    [{"e_per_adu": 0.0}, {"em_gain": 0.5}, {"read_sigma": -1.0}, {"baseline": float("nan")}],
)
def test_impossible_cameras_are_refused(numbers):
    with pytest.raises(UserError, match="camera"):
        Camera(**numbers)


def test_same_seed_gives_the_same_exposure():
    for camera in (SCMOS, EMCCD):
        first, second = (
            camera.expose(torch.full((1, 8, 8), 9.0), torch.Generator().manual_seed(7))
            for _ in range(2)
        )
        assert torch.equal(first, second)


def test_maps_must_be_alike():
    maps = np.ones((4, 6), np.float32)
    with pytest.raises(UserError, match="different shapes"):
        Camera(baseline=maps, read_sigma=maps[:2])
    with pytest.raises(UserError, match=r"\(6,\)"):  # which would be spread over the rows
        Camera(baseline=maps[0])
    with pytest.raises(UserError, match="em_gain"):
        Camera(em_gain="300")
    for text in ("a", [[1], [1, 2]]):
        with pytest.raises(UserError, match=r"array of numbers \(3, H, W\)"):
            Camera.from_maps(text)
