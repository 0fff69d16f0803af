import numpy as np
import pytest

from truevar.calibration.photon_transfer import SOURCE
from truevar.camera import Camera
from truevar.errors import UserError
from truevar.io.camera_file import BY_TRANSFER
from truevar.io.camera_names import (
    ALIASES,
    CAMERA_NUMBERS,
    LENGTHS,
    check_number,
    gain_is_em_gain,
    nearest_name,
)


def test_every_number_of_a_camera_has_a_name():
    assert set(CAMERA_NUMBERS) == set(Camera.__dataclass_fields__) - {"source"}
    assert set(ALIASES.values()) == {*CAMERA_NUMBERS, *LENGTHS}
    assert BY_TRANSFER == SOURCE  # by which an estimate is recognised in a table's metadata


def test_numbers_of_every_kind():
    for value in (130, 130.0, np.float32(130), np.int16(130), np.array(130.0)):
        assert check_number("psf_sigma", value) == 130
    with pytest.raises(UserError, match="the text '1e3'"):
        check_number("psf_sigma", "1e3")
    assert check_number("psf_sigma", "1e3", text=True) == 1000  # which YAML takes for text


@pytest.mark.parametrize(
    "key", ["Width", "Box Size", "convert2photons", "mirror_dim", "exposure_ms", "pixels", "psf"]
)
def test_names_that_resemble_none(key):
    assert nearest_name(key) is None


def test_a_gain_beside_a_conversion_that_is_none_is_not_sure():
    assert gain_is_em_gain({"e_per_adu": 0.5, "gain": 1.0})
    assert not gain_is_em_gain({"e_per_adu": None, "gain": 1.0})
    assert not gain_is_em_gain({"e_per_adu": 0.5, "gain": True})
