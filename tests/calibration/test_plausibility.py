"""A camera's numbers against the noise of movies whose camera is known."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from truevar.calibration.photon_transfer import darkest, estimate_camera, transfer_curve
from truevar.calibration.plausibility import camera_doubts
from truevar.camera import EMCCD, SCMOS, Camera
from truevar.io.movies.movie import open_movie
from truevar.simulation.scenes import SCENES, simulate
from truevar.wording import Message

BASELINE, GAIN = "camera.baseline", "camera.e_per_adu"


def doubts(frames: np.ndarray, camera: Camera, *estimated: str) -> list[str]:
    found = camera_doubts(lambda: frames, camera, estimated)
    assert len(found) <= 1
    assert all("\n" not in line for line in found)
    return found


def suggested(option: str, frames: np.ndarray, camera: Camera, *estimated: str) -> float:
    """The first number for an option that the one line tells to give."""
    (line,) = doubts(frames, camera, *estimated)
    return float(
        re.findall(
            rf"{option} (-?[\d.]*\d)", Message(line).for_command_line().split(" would make: ")[-1]
        )[0]
    )


@pytest.fixture(scope="module")
def scmos() -> np.ndarray:
    return simulate("2d-scmos", 0.5, 12, 64, seed=11).frames()


@pytest.fixture(scope="module")
def emccd() -> np.ndarray:
    return simulate("2d-emccd", 0.5, 12, 64, seed=12).frames()


@pytest.mark.parametrize(
    ("scene", "density", "frames", "size", "background"),
    [
        ("2d-scmos", 0.05, 6, 64, None),
        ("2d-scmos", 4.0, 20, 48, 10.0),
        ("2d-scmos", 1.0, 8, 16, None),
        ("2d-scmos", 1.0, 2, 16, 50.0),
        ("2d-scmos", 0.5, 10, 32, 0.0),
        ("2d-dim", 1.0, 12, 64, 5.0),
        ("2d-structured", 1.0, 12, 64, None),
        ("2d-emccd", 0.05, 6, 32, None),
        ("2d-emccd", 4.0, 20, 48, 90.0),
        ("2d-emccd", 1.0, 2, 16, None),
        ("2d-widths-80", 4.0, 10, 48, None),
        ("2d-widths-220", 2.0, 10, 48, None),
        ("filaments", 2.0, 20, 64, None),
    ],
)
def test_the_right_numbers_are_not_doubted(scene, density, frames, size, background):
    movie = simulate(scene, density, frames, size, 31, background).frames()
    assert doubts(movie, SCENES[scene].camera) == []


def test_numbers_that_are_about_right_are_not_doubted(scmos):
    for off in (-3.0, 3.0):
        for factor in (0.85, 1.15):
            about = replace(SCMOS, baseline=100.0 + off, e_per_adu=0.46 * factor, read_sigma=2.0)
            assert doubts(scmos, about) == []


def test_estimates_of_the_movie_itself_are_not_doubted(scmos, emccd):
    for frames, camera in ((scmos, SCMOS), (emccd, EMCCD)):
        known = {"em_gain": camera.em_gain, "read_sigma": camera.read_sigma}
        half, _ = estimate_camera(frames, None, camera.e_per_adu, **known)
        assert doubts(frames, half, BASELINE) == []
        half, _ = estimate_camera(frames, camera.baseline, None, **known)
        assert doubts(frames, half, GAIN) == []


def test_nothing_is_read_where_nothing_was_stated():
    def unread() -> np.ndarray:
        raise AssertionError("read")

    assert camera_doubts(unread, Camera(1000.0, 45.0), [BASELINE, GAIN]) == []


def test_nothing_can_be_said_of_one_frame_or_of_no_noise(scmos):
    wrong = Camera(1000.0, 45.0)
    assert doubts(scmos[:1], wrong) == []
    assert doubts(np.full((5, 32, 32), 7, np.uint16), wrong) == []
    assert doubts(scmos[:2], wrong) != []


@pytest.mark.parametrize("estimated", [(), (BASELINE,)])
def test_a_sensitivity_of_an_emccd_for_another_camera(scmos, estimated):
    camera = replace(SCMOS, e_per_adu=45.0)
    if estimated:
        camera, _ = estimate_camera(scmos, None, 45.0)
    assert suggested("--e-per-adu", scmos, camera, *estimated) == pytest.approx(0.46, rel=0.2)


@pytest.mark.parametrize("factor", [0.4, 2.5])
def test_a_gain_that_is_off_by_a_factor(scmos, factor):
    camera = replace(SCMOS, e_per_adu=0.46 * factor)
    assert suggested("--e-per-adu", scmos, camera) == pytest.approx(0.46, rel=0.2)


def test_adu_per_electron(scmos):
    (line,) = doubts(scmos, replace(SCMOS, e_per_adu=1 / 0.46))
    assert "its inverse" in line


@pytest.mark.parametrize("read_sigma", [1.5, 74.4])
def test_an_emccd_told_as_gain_1(emccd, read_sigma):
    camera = replace(EMCCD, em_gain=1.0, read_sigma=read_sigma)
    assert "looks like an EMCCD" in doubts(emccd, camera)[0]
    assert suggested("--em-gain", emccd, camera) == pytest.approx(300.0, rel=0.2)
    assert suggested("--e-per-adu", emccd, camera) == 45.0


def test_an_emccd_of_which_only_the_sensitivity_is_told(emccd):
    camera, _ = estimate_camera(emccd, None, 45.0)
    assert suggested("--em-gain", emccd, camera, BASELINE) == pytest.approx(300.0, rel=0.2)


def test_an_emccd_without_its_excess_noise(emccd):
    camera = Camera(100.0, 45.0 / 300.0, 1.0, 0.25)
    ratio = suggested("--em-gain", emccd, camera) / suggested("--e-per-adu", emccd, camera)
    assert ratio == pytest.approx(300 / 45, rel=0.2)


def test_an_em_gain_that_is_not_there_or_wrong(scmos, emccd):
    (line,) = doubts(scmos, replace(SCMOS, em_gain=300.0))
    assert 'Leave camera={"em_gain": …} out' in line
    wrong = replace(EMCCD, em_gain=100.0)
    assert suggested("--em-gain", emccd, wrong) == pytest.approx(300.0, rel=0.2)


@pytest.mark.parametrize("baseline", [165.0, 200.0, 1000.0])
def test_a_baseline_above_the_background(scmos, baseline):
    camera = replace(SCMOS, baseline=baseline)
    (line,) = doubts(scmos, camera)
    assert "above the background" in line
    assert suggested("--baseline", scmos, camera) == pytest.approx(100.0, rel=0.3)


def test_a_baseline_above_the_background_and_no_gain(scmos):
    camera, _ = estimate_camera(scmos, 1000.0, None)
    assert suggested("--baseline", scmos, camera, GAIN) == pytest.approx(100.0, rel=0.3)


def test_a_baseline_that_was_left_out(scmos):
    camera = replace(SCMOS, baseline=0.0)
    assert suggested("--baseline", scmos, camera) == pytest.approx(100.0, rel=0.3)


def test_a_baseline_at_the_background():
    """The bright part of the movie fits it; the pixels darker than darkness do not."""
    frames = simulate("2d-scmos", 0.5, 12, 64, seed=13).frames()
    dark, _ = darkest(transfer_curve(frames))
    camera = replace(SCMOS, baseline=dark)
    assert suggested("--baseline", frames, camera) == pytest.approx(100.0, rel=0.3)


def _mapped() -> tuple[np.ndarray, np.ndarray]:
    """(3, 48, 48) maps and (10, 48, 48) frames taken with them."""
    rng = np.random.default_rng(5)
    gain = 2.2 * (1 + 0.05 * rng.standard_normal((48, 48)))
    read = 1.4 * np.exp(0.25 * rng.standard_normal((48, 48)))
    read[rng.random((48, 48)) < 0.01] *= 10
    maps = np.stack([100 + 2 * rng.standard_normal((48, 48)), (read * gain) ** 2, gain])
    light = torch.full((10, 48, 48), 20.0)
    light[:, 10:30, 10:30] += 40
    generator = torch.Generator().manual_seed(5)
    return maps, Camera.from_maps(maps).expose(light, generator).numpy().astype(np.uint16)


def test_maps():
    maps, frames = _mapped()
    assert doubts(frames, Camera.from_maps(maps)) == []
    (line,) = doubts(frames, Camera.from_maps(np.stack([maps[0], maps[1], 1 / maps[2]])))
    assert "camera maps" in line
    (line,) = doubts(frames, Camera.from_maps(np.stack([maps[0] + 300, maps[1], maps[2]])))
    assert "offset of the camera maps" in line


def test_movies_of_others_with_known_numbers(shared_data):
    with open_movie(shared_data / "simulated" / "storm-analysis-256x256" / "test.dax") as movie:
        frames = movie.read(0, 10)
    assert doubts(frames, Camera(100.0, 1.0)) == []
    assert suggested("--e-per-adu", frames, Camera(100.0, 45.0)) == pytest.approx(1.0, rel=0.2)
    assert suggested("--baseline", frames, Camera(1000.0, 1.0)) == pytest.approx(100.0, rel=0.3)
    folder = shared_data / "real" / "scmos-256x256"
    maps = np.load(folder / "calib.npy").astype(np.float32).transpose(0, 2, 1)
    with open_movie(folder / "sample.dax") as movie:
        frames = movie.read(0, 11)
    assert doubts(frames, Camera.from_maps(maps)) == []
    offset, variance, gain = (float(np.median(plane)) for plane in maps)
    plain = Camera(offset, 1 / gain, 1.0, variance**0.5 / gain)
    assert doubts(frames, plain) == []
    wrong = replace(plain, baseline=1000.0)
    assert suggested("--baseline", frames, wrong) == pytest.approx(offset, rel=0.3)
