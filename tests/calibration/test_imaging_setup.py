"""Who says what a movie was taken with, and who goes first."""

import numpy as np
import pytest

import truevar
from truevar.calibration.imaging_setup import find_setup
from truevar.camera import Camera
from truevar.errors import UserError
from truevar.io.movies.movie import open_movie

LENGTHS = {"pixel_size": 100.0, "psf_sigma": 130.0}


def movie(width=40, height=30, roi=None, **tags):
    """A movie of 5 frames without emitters, at 20 photo-electrons, with tags."""
    frames = np.random.default_rng(2).poisson(140, (5, height, width)).astype(np.uint16)
    opened = open_movie(frames, roi=roi)
    opened.meta.update(tags)
    return opened


def ramp(height, width):
    """A map in which every pixel has another value."""
    return (100 + np.arange(height * width, dtype=np.float32)).reshape(height, width)


# Maps


def test_a_cameras_maps_larger_than_the_movie_are_not_cropped_unasked():
    camera = Camera(baseline=ramp(90, 120), e_per_adu=0.5, read_sigma=1.5)
    with pytest.raises(UserError, match="120 x 90 px and the movie 40 x 30 px.*camera_offset="):
        find_setup(movie(), camera=camera, **LENGTHS)


@pytest.mark.parametrize("roi", [None, (4, 30, 2, 28)])
def test_a_cameras_maps_are_placed_by_the_offset(roi):
    whole = ramp(90, 120)
    camera = Camera(baseline=whole, e_per_adu=0.5, read_sigma=1.5)
    part = movie(roi=roi)
    used = find_setup(part, camera=camera, offset=(70, 50), **LENGTHS).camera
    _, height, width = part.shape
    y, x = 50 + part.y0, 70 + part.x0
    np.testing.assert_array_equal(used.baseline, whole[y : y + height, x : x + width])


@pytest.mark.parametrize("roi", [None, (4, 30, 2, 28)])
def test_calibration_maps_are_placed_by_the_offset(roi):
    whole = np.stack([ramp(90, 120), np.full((90, 120), 4.0), np.full((90, 120), 2.0)])
    part = movie(roi=roi)
    with pytest.raises(UserError, match="camera_offset="):
        find_setup(part, maps=whole, **LENGTHS)
    used = find_setup(part, maps=whole, offset=(3, 5), **LENGTHS).camera
    _, height, width = part.shape
    y, x = 5 + part.y0, 3 + part.x0
    np.testing.assert_array_equal(used.baseline, whole[0, y : y + height, x : x + width])
    assert used.em_gain == 1


def test_a_cameras_maps_of_the_whole_frames_are_cut_to_the_region():
    whole = ramp(30, 40)
    camera = Camera(baseline=whole, e_per_adu=0.5, read_sigma=1.5)
    part = movie(roi=(4, 30, 2, 28))
    used = find_setup(part, camera=camera, **LENGTHS).camera
    np.testing.assert_array_equal(used.baseline, whole[2:28, 4:30])
    # One of the region's own size is of the region.
    cut = find_setup(part, camera=used, **LENGTHS).camera
    np.testing.assert_array_equal(cut.baseline, used.baseline)


def test_an_offset_without_maps_is_refused():
    for camera in (Camera(), {"baseline": 100, "e_per_adu": 0.5}):
        with pytest.raises(UserError, match="^camera_offset says"):
            find_setup(movie(), camera=camera, offset=(0, 0), **LENGTHS)


def test_what_of_a_camera_file_gives_way_to_maps_is_said():
    maps = np.stack([np.full((30, 40), value) for value in (100.0, 4.0, 2.0)])
    profile = {"baseline": 90, "e_per_adu": 0.4, "pixel_size": 120}
    used = find_setup(movie(), maps=maps, profile=profile, psf_sigma=130.0)
    assert float(np.median(used.camera.baseline)) == 100
    assert used.pixel_size == 120
    said = "camera maps used; baseline and e_per_adu of the camera file not"
    assert any(note.startswith(said) for note in used.notes)
    used = find_setup(movie(), maps=maps, profile={"pixel_size": 120}, psf_sigma=130.0)
    assert not any("camera maps used" in note for note in used.notes)


def test_maps_and_a_camera_are_not_both_taken():
    maps = np.stack([np.full((30, 40), value) for value in (100.0, 4.0, 2.0)])
    for camera in (Camera(), {"baseline": 99.0}, {"em_gain": 300.0}):
        with pytest.raises(UserError, match="give one of them"):
            find_setup(movie(), camera=camera, maps=maps, **LENGTHS)
    said = find_setup(movie(em_gain=300.0), maps=maps, **LENGTHS).warnings
    assert any("EM gain of 300 (the movie's tags) was not used" in line for line in said)


# Precedence

FILE = "baseline: 98\ne_per_adu: 0.4\nread_sigma: 1.4\npixel_size: 98\npsf_sigma: 120\n"
TAGS = {"baseline": 97.0, "e_per_adu": 0.3, "read_sigma": 1.3, "pixel_size": 97.0, "qe": 0.7}


def test_the_users_numbers_then_the_users_file_then_the_tags(tmp_path):
    path = tmp_path / "camera.yaml"
    path.write_text("e_per_adu: 0.4\nread_sigma: 1.4\npixel_size: 98\npsf_sigma: 120\n")
    used = find_setup(movie(**TAGS), camera={"e_per_adu": 0.5}, profile=path, psf_sigma=140)
    assert used.camera.e_per_adu == 0.5
    assert used.camera.read_sigma == 1.4
    assert used.camera.baseline == 97
    assert used.camera.qe == 0.7
    assert (used.pixel_size, used.psf_sigma) == (98, 140)
    assert used.sources == {
        "pixel_size": "the camera file",
        "psf_sigma": "given",
        "camera.e_per_adu": "given",
        "camera.read_sigma": "the camera file",
        "camera.baseline": "the movie's tags",
        "camera.qe": "the movie's tags",
    }
    assert used.warnings == []
    assert used.notes == [
        "pixel_size 98 of the camera file used; the movie's tags say 97",
        "read_sigma 1.4 of the camera file used; the movie's tags say 1.3",
    ]


def test_an_argument_goes_before_the_same_number_in_camera():
    used = find_setup(movie(**TAGS), pixel_size=101, psf_sigma=130, camera={"pixel_size": 102})
    assert used.pixel_size == 101
    used = find_setup(movie(**TAGS), psf_sigma=130, camera={"pixel_size": 102})
    assert used.pixel_size == 102


def test_a_file_as_camera_is_the_camera_file(tmp_path):
    path = tmp_path / "camera.yaml"
    path.write_text(FILE)
    for one in (path, str(path)):
        used = find_setup(movie(**TAGS), camera=one)
        assert used.camera.baseline == 98
        assert used.sources["camera.baseline"] == "the camera file"
        assert used.psf_sigma == 120
    with pytest.raises(UserError, match="both a camera file"):
        find_setup(movie(), camera=path, profile=path)
    with pytest.raises(UserError, match="give a Camera as camera"):
        find_setup(movie(), profile=Camera())


def test_a_whole_camera_goes_before_all_numbers(tmp_path):
    path = tmp_path / "camera.yaml"
    path.write_text(FILE)
    used = find_setup(movie(**TAGS), camera=Camera(99, 0.6, source="the bench"), profile=path)
    assert (used.camera.baseline, used.camera.e_per_adu) == (99, 0.6)
    assert used.sources["camera"] == "the bench"
    assert used.pixel_size == 98  # which a Camera does not have


def test_what_nobody_says_is_estimated(tmp_path):
    used = find_setup(movie(e_per_adu=0.5), pixel_size=100, psf_sigma=130)
    assert used.sources["camera.e_per_adu"] == "the movie's tags"
    assert used.sources["camera.baseline"] == "estimated by photon transfer"
    assert used.sources["camera.read_sigma"] == "part of the estimated background"


def test_a_psf_width_that_is_a_guess_is_no_estimate():
    camera = {"baseline": 100, "e_per_adu": 0.5, "read_sigma": 1.5}
    used = find_setup(movie(), camera=camera, pixel_size=100.0)  # without a spot
    assert used.sources["psf_sigma"] == "assumed"
    assert "1.3 px was assumed" in used.warnings[0]


def test_a_read_noise_that_was_assumed_is_said():
    for em_gain, electrons in ((1, 1.5), (300, 75)):
        camera = {"baseline": 100, "e_per_adu": 0.5, "em_gain": em_gain}
        used = find_setup(movie(), camera=camera, **LENGTHS)
        assert used.camera.read_sigma == electrons
        assert used.notes == [
            f"read noise not given: {electrons:g} electrons assumed; give "
            'camera={"read_sigma": E}'
        ]
    used = find_setup(movie(), camera={**camera, "read_sigma": 74}, **LENGTHS)
    assert used.notes == []


# What the program wrote once


def test_the_settings_of_an_earlier_table_are_used_again(tmp_path):
    """Out of its file, its metadata, or the camera in them."""
    camera = {"baseline": 99.0, "e_per_adu": 0.5, "read_sigma": 1.7}
    first = find_setup(movie(), camera=camera, pixel_size=108.0, psf_sigma=131.0)
    meta = {
        "pixel_size": first.pixel_size,
        "psf_sigma": first.psf_sigma,
        "camera": first.camera.describe(),
        "sources": first.sources,
    }
    table = truevar.Emitters({"frame": [0], "x": [5.0], "y": [6.0]}, meta)
    table.write(tmp_path / "table.hdf5")
    for again in (
        tmp_path / "table.yaml",
        table.meta,
        truevar.read(tmp_path / "table.hdf5").meta,
    ):
        used = find_setup(movie(**TAGS), camera=again)
        assert used.warnings == []
        assert (used.pixel_size, used.psf_sigma) == (108, 131)
        assert (used.camera.baseline, used.camera.e_per_adu) == (99, 0.5)
        assert used.camera.read_sigma == 1.7
    used = find_setup(movie(**TAGS), camera=meta["camera"], psf_sigma=130.0)
    assert (used.pixel_size, used.camera.baseline) == (97, 99)


def test_an_estimate_used_again_is_a_warning():
    meta = {
        "camera": Camera(99.0, 0.5, source="estimated by photon transfer").describe(),
        "sources": {
            "camera.baseline": "estimated by photon transfer",
            "camera.e_per_adu": "estimated by photon transfer",
            "camera.read_sigma": "part of the estimated background",
        },
    }
    used = find_setup(movie(), camera=meta, **LENGTHS)
    assert (used.camera.baseline, used.camera.e_per_adu, used.camera.read_sigma) == (99, 0.5, 0)
    (said,) = used.warnings
    assert said.startswith("baseline and e_per_adu of the camera's settings had been estimated")


# The EM gain


@pytest.mark.parametrize("camera", [{"em_gain": 2.2}, Camera(100, 0.46, 2.2)])
def test_a_low_em_gain_is_questioned(camera):
    tags = {"baseline": 100.0, "e_per_adu": 0.46, "read_sigma": 1.5}
    # The noise, which is that of no EMCCD, is doubted besides.
    said, _ = find_setup(movie(**tags), camera=camera, **LENGTHS).warnings
    assert "EM gain of 2.2 is unusually low" in said
    assert 'give camera={"em_gain": 1, "e_per_adu": 2.2} (or 0.455' in said


@pytest.mark.parametrize("em_gain", [1, 10, 300])
def test_a_usual_em_gain_is_not(em_gain):
    camera = {"baseline": 100, "e_per_adu": 0.46, "read_sigma": 1.5, "em_gain": em_gain}
    said = find_setup(movie(), camera=camera, **LENGTHS).warnings
    assert not any("unusually low" in line for line in said)
