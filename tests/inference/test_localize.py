from dataclasses import replace

import numpy as np
import pytest
import tifffile
import torch

import truevar
from truevar.camera import SCMOS
from truevar.errors import UserError
from truevar.inference.localize import localize
from truevar.model.weights import available_models
from truevar.simulation.scenes import simulate

pytestmark = pytest.mark.skipif(not available_models(), reason="no model came with the package")

KNOWN = {"pixel_size": 100.0, "psf_sigma": 130.0, "camera": SCMOS}


@pytest.fixture(scope="module")
def movie():
    return simulate("2d-scmos", 0.7, 9, 40, seed=21).frames()


@pytest.mark.parametrize("seen_by", ["model", "far_sighted"])
def test_a_range_gives_the_emitters_of_the_whole_movie(seen_by, movie, request):
    """Neighbours outside the range are looked at, and their own emitters left out."""
    model = request.getfixturevalue(seen_by)
    for how in ({**KNOWN, "refine": False}, KNOWN):
        whole = localize(movie, model=model, **how)
        for first, end in ((3, 7), (0, 5), (4, 9), (5, 6), (1, 3)):
            part = localize(movie, model=model, frames=(first, end), **how)
            same = whole.select((whole.frame >= first) & (whole.frame < end))
            assert len(same) > 4
            np.testing.assert_array_equal(part.frame, same.frame)
            for name in ("photons", "bg", "sigma_photons", "prob"):
                np.testing.assert_allclose(part[name], same[name], rtol=5e-3, atol=0.1)
            nearly_the_same_places(part, same, exactly=not how.get("refine", True))


def nearly_the_same_places(part, same, exactly):
    """An emitter that is on for long has evidence beyond the frames beside a part."""
    if exactly:
        np.testing.assert_allclose(part.x, same.x, rtol=5e-3, atol=0.1)
        np.testing.assert_allclose(part.sigma_x, same.sigma_x, rtol=5e-3, atol=0.1)
    moved = np.hypot(part.x - same.x, part.y - same.y) / same.sigma_x
    assert np.mean(moved < 0.5) >= 0.9
    assert moved.max() < 2


def test_a_bad_frame_can_be_left_out(model, movie):
    bad = movie.astype(np.float32)
    bad[4] = np.nan
    with pytest.raises(UserError, match="frame 4"):
        localize(bad, model=model, **KNOWN)
    assert set(localize(bad, model=model, frames=(5, None), **KNOWN).frame) == {5, 6, 7, 8}


def test_positions_in_a_region_refer_to_the_whole_frame(model, movie):
    whole = localize(movie, model=model, **KNOWN)
    part = localize(movie, model=model, roi=(8, 40, 4, 36), **KNOWN)
    assert part.meta["region"] == [8, 40, 4, 36]
    inner = (whole.x > 1600) & (whole.x < 3300) & (whole.y > 1200) & (whole.y < 2800)
    bright = whole.select(inner & (whole.photons > 800) & (whole.prob > 0.95))
    assert len(bright) > 4
    for frame, x, y in zip(bright.frame, bright.x, bright.y, strict=True):
        here = part.frame == frame
        assert np.hypot(part.x[here] - x, part.y[here] - y).min() < 20


def test_camera_numbers_and_maps_that_cannot_be(model, movie):
    given = {"pixel_size": 100.0, "psf_sigma": 130.0, "model": model}
    with pytest.raises(UserError, match="is read_noise meant"):
        localize(movie, camera={"read_nose": 1.5}, **given)
    with pytest.raises(UserError, match=r"\(3, H, W\)"):
        localize(movie, camera_maps=np.ones((3, 40)), **given)


def test_maps_on_a_movie_that_is_not_finite(model, movie):
    bad = movie.astype(np.float32)
    bad[1, 2, 3] = np.inf
    maps = np.stack([np.full((40, 40), value) for value in (100.0, 9.0, 2.2)])
    with pytest.raises(UserError, match="frame 1"):
        localize(bad, model=model, camera_maps=maps, pixel_size=100.0, psf_sigma=130.0)


def test_a_tensor_gives_the_emitters_of_its_array(model, movie):
    from_array = localize(movie[:3], model=model, **KNOWN)
    from_tensor = localize(torch.from_numpy(movie[:3]), model=model, **KNOWN)
    assert len(from_array) > 4
    np.testing.assert_array_equal(from_array.x, from_tensor.x)


def test_what_may_be_wrong_is_warned_of_where_it_was_called(model, movie):
    known = {"psf_sigma": 130.0, "camera": SCMOS}
    with pytest.warns(truevar.TrueVARWarning, match="pixel size not given") as caught:
        found = localize(movie[:3], model=model, **known)
    assert [str(one.message) for one in caught] == found.meta["warnings"]
    assert {one.filename for one in caught} == {__file__}


def test_the_camera_is_settled_in_order(model, movie, tmp_path):
    """The caller's numbers, the caller's file, the movie's tags; and what is left, assumed."""
    tags = {"baseline": 96.0, "e_per_adu": 0.44, "pixel_size": 96.0}
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, movie[:3], photometric="minisblack", metadata=tags)
    file = tmp_path / "camera.yaml"
    file.write_text("e_per_adu: 0.45\npixel_size: 98\npsf_sigma: 128\n")
    options = {"model": model, "camera_profile": file}

    meta = localize(path, camera={"e_per_adu": 0.46}, pixel_size=100, **options).meta
    assert meta["camera"]["e_per_adu"] == 0.46
    assert meta["camera"]["baseline"] == 96
    assert (meta["pixel_size"], meta["psf_sigma"]) == (100, 128)
    assert any("read noise not given" in note for note in meta["notes"])

    meta = localize(path, model=model, camera=str(file)).meta
    assert meta["camera"]["e_per_adu"] == 0.45
    assert meta["pixel_size"] == 98
    assert any("the movie's tags say 96" in note for note in meta["notes"])

    again = localize(movie[:3], model=model, camera=meta)
    assert again.meta["camera"]["e_per_adu"] == 0.45
    assert again.meta["camera"]["baseline"] == 96
    assert (again.meta["pixel_size"], again.meta["psf_sigma"]) == (98, 128)


def test_a_camera_that_does_not_fit_is_told_before_and_a_crowd_on_the_way(model, movie):
    said = []
    given = {**KNOWN, "camera": replace(SCMOS, e_per_adu=45.0)}
    model = replace(model, domain={**model.domain, "density_per_px": (0.0, 1e-4)})
    with pytest.warns(truevar.TrueVARWarning) as caught:
        found = localize(
            movie, model=model, announce=lambda setup: said.append(list(setup.warnings)), **given
        )
    assert [len(lines) for lines in said] == [1, 1, 1]
    assert 'camera={"e_per_adu": 0.4' in said[0][0]
    assert "emitters per px" in said[1][0]
    assert "explain the frames badly" in said[2][0]
    assert found.meta["warnings"] == sum(said, []) == [str(one.message) for one in caught]


def test_a_movie_that_fits_is_not_warned_of(model, movie):
    assert localize(movie, model=model, **KNOWN).meta["warnings"] == []


def test_one_frame_is_not_sampled(model, movie, monkeypatch):
    """Callers that localise frame by frame pay nothing for what cannot be told from one."""
    monkeypatch.setattr("truevar.calibration.imaging_setup._sample", lambda movie: 1 / 0)
    assert localize(movie[:1], model=model, **KNOWN).meta["warnings"] == []


def test_lengths_in_another_unit(model, movie):
    with pytest.raises(UserError, match="pixel_size is 0.1 nm.*100 nm"):
        localize(movie, model=model, pixel_size=0.1)
    with pytest.raises(UserError, match="psf_sigma is 1.3 nm.*130 nm"):
        localize(movie, model=model, pixel_size=100.0, psf_sigma=1.3)
    with pytest.raises(UserError, match="pixel_size in the camera file is 0.1 nm"):
        localize(movie, model=model, camera_profile={"pixel_size": 0.1})
    with pytest.warns(truevar.TrueVARWarning) as caught:
        localize(movie[:1], model=model, pixel_size=16.0, psf_sigma=20.8, camera=SCMOS)
    assert any("160 nm at 100x" in str(one.message) for one in caught)


@pytest.mark.parametrize("seen_by", ["model", "far_sighted"])
def test_chunks_do_not_show(seen_by, request, monkeypatch):
    model = request.getfixturevalue(seen_by)
    movie = simulate("2d-scmos", 0.7, 20, 40, seed=22).frames()
    ways = [{**KNOWN, "refine": refine} for refine in (False, True)]
    wholes = [localize(movie, model=model, **how) for how in ways]
    monkeypatch.setattr("truevar.inference.chunks._CHUNK_PIXELS", 16 * 40 * 40)
    for how, whole in zip(ways, wholes, strict=True):
        parts = localize(movie, model=model, **how)
        np.testing.assert_array_equal(parts.frame, whole.frame)
        nearly_the_same_places(parts, whole, exactly=not how["refine"])
