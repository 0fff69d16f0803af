"""What is said of a camera that does not fit: slopes are ADU² of variance per ADU of light."""

import re

import pytest

from truevar.calibration.camera_advice import baseline_advice, gain_advice
from truevar.camera import Camera
from truevar.wording import Message


def numbers(line: Message) -> dict[str, float]:
    """The options that the line tells to give, the first of each."""
    said = line.for_command_line().split(" would make: ")[-1]
    return {
        name: float(value) for name, value in reversed(re.findall(r"--([\w-]+) (-?[\d.]*\d)", said))
    }


def test_an_emccd_without_its_gain():
    camera = Camera(100.0, 45.0, 1.0, 74.4)
    line = gain_advice(camera, 1 / 45, 2 * 300 / 45)
    assert "600 times" in line
    assert "EMCCD with a gain of about 300" in line
    assert numbers(line) == {"em-gain": 300.0, "e-per-adu": 45.0}


def test_an_emccd_whose_numbers_were_multiplied_out():
    """Of gain and sensitivity only the ratio is in the movie; the excess noise is a factor 2."""
    line = gain_advice(Camera(100.0, 0.15, 1.0, 1.5), 1 / 0.15, 2 / 0.15)
    said = numbers(line)
    assert "EMCCD" in line
    assert said["em-gain"] / said["e-per-adu"] == pytest.approx(1 / 0.15, rel=0.05)


def test_another_camera_with_the_sensitivity_of_an_emccd():
    line = gain_advice(Camera(100.0, 45.0), 1 / 45, 1 / 0.46)
    assert numbers(line)["e-per-adu"] == 0.46
    assert "looks like an EMCCD" not in line


def test_the_inverse_is_recognised():
    assert "its inverse" in gain_advice(Camera(100.0, 2.17), 1 / 2.17, 2.17)
    assert "its inverse" not in gain_advice(Camera(100.0, 5.0), 1 / 5, 2.17)


def test_an_em_gain_that_is_off_or_not_there():
    assert numbers(gain_advice(Camera(100.0, 45.0, 120.0), 240 / 45, 600 / 45))["em-gain"] == 300
    line = gain_advice(Camera(100.0, 0.46, 300.0), 600 / 0.46, 1 / 0.46)
    assert 'Leave camera={"em_gain": …} out' in line
    assert numbers(line) == {"e-per-adu": 0.46}


def test_a_baseline():
    assert "above the background" in baseline_advice(1000.0, 100.0, 148.0, 110.0)
    line = baseline_advice(0.0, 100.0, 148.0, 110.0)
    assert "not that of this movie" in line
    assert numbers(line) == {"baseline": 100.0}
