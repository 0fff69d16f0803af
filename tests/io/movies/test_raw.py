import numpy as np
import pytest
import yaml

from truevar.errors import UserError
from truevar.io.movies.movie import open_movie

KEYS = {"Byte Order": "<", "Data Type": "uint16", "Frames": 6, "Height": 18, "Width": 22}


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 60000, (6, 18, 22)).astype(np.uint16)


def write_raw(folder, frames, **changed):
    said = {**KEYS, **changed}
    (folder / "a.raw").write_bytes(frames.tobytes())
    (folder / "a.yaml").write_text(yaml.safe_dump({k: v for k, v in said.items() if v is not None}))
    return folder / "a.raw"


def refused(path):
    with pytest.raises(UserError) as caught:
        open_movie(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("order", ["<", ">"])
def test_raw(tmp_path, frames, order):
    stored = frames.astype(f"{order}u2")
    with open_movie(write_raw(tmp_path, stored, **{"Byte Order": order})) as movie:
        assert movie.dtype == np.uint16
        np.testing.assert_array_equal(movie.read(0, 6), frames)
        np.testing.assert_array_equal(movie.read(2, 4), frames[2:4])
    with open_movie(tmp_path / "a.raw", roi=(3, 20, 1, 18)) as movie:
        np.testing.assert_array_equal(movie.read(1, 3), frames[1:3, 1:18, 3:20])


def test_camera_of_picasso(tmp_path, frames):
    said = {"Pixelsize": 130, "Baseline": 100, "Sensitivity": 0.5, "Gain": 1, "Qe": 0.9}
    with open_movie(write_raw(tmp_path, frames, **said)) as movie:
        assert movie.meta == {
            "pixel_size": 130,
            "baseline": 100,
            "e_per_adu": 0.5,
            "em_gain": 1,
            "qe": 0.9,
        }


def test_frame_count_that_is_wrong(tmp_path, frames):
    with open_movie(write_raw(tmp_path, frames, Frames=7)) as movie:
        assert len(movie) == 6
        assert "7 frames" in movie.notes[0]


def test_raw_that_is_truncated(tmp_path, frames):
    path = write_raw(tmp_path, frames)
    path.write_bytes(path.read_bytes()[:-1])
    assert "truncated" in refused(path)


@pytest.mark.parametrize("key", KEYS)
def test_yaml_that_lacks_a_key(tmp_path, frames, key):
    assert f"lacks the key {key!r}" in refused(write_raw(tmp_path, frames, **{key: None}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Byte Order", "?"),
        ("Data Type", "uint17"),
        ("Height", 0),
        ("Width", "wide"),
        ("Frames", 1.5),
        ("Data Type", "object"),
        ("Data Type", "complex64"),
        ("Data Type", "S0"),
    ],
)
def test_yaml_without_sense(tmp_path, frames, key, value):
    refused(write_raw(tmp_path, frames, **{key: value}))


@pytest.mark.parametrize("text", ["", "- a\n- b", "a: [", "\x00\x01", "just text"])
def test_yaml_that_is_none(tmp_path, frames, text):
    path = write_raw(tmp_path, frames)
    (tmp_path / "a.yaml").write_text(text)
    refused(path)


def test_raw_without_yaml(tmp_path, frames):
    path = write_raw(tmp_path, frames)
    (tmp_path / "a.yaml").unlink()
    assert "needs a.yaml beside it" in refused(path)


@pytest.mark.parametrize("order", ["big", "little"])
def test_dax(tmp_path, frames, order):
    path = tmp_path / "a.dax"
    path.write_bytes(frames.astype(">u2" if order == "big" else "<u2").tobytes())
    inf = path.with_suffix(".inf")
    inf.write_text(
        f"binning = 1 x 1\ndata type = 16 bit integers (binary, {order} endian)\n"
        "frame dimensions = 22 x 18\nnumber of frames = 5\n"
    )
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.read(0, 6), frames)
        assert "says 5 frames and the file holds 6" in movie.notes[0]
    inf.write_text("frame dimensions = 22 x 19\n")
    assert "no whole number of frames" in refused(path)
    inf.write_text("frame dimensions = 0 x 19\n")
    assert "0 x 19" in refused(path)
    inf.write_text("nothing\n")
    assert "lacks the line" in refused(path)
    inf.unlink()
    assert "needs a.inf beside it" in refused(path)


def test_real_movies(shared_data):
    with open_movie(shared_data / "real/scmos-256x256/sample.dax") as movie:
        assert movie.shape == (11, 256, 256)
        assert "says 10 frames" in movie.notes[0]
        assert 90 < np.median(movie.read(0, 11)) < 130  # the other byte order gives thousands
    with open_movie(shared_data / "simulated/picasso-paint-32x32/testdata.raw") as movie:
        assert movie.shape == (1000, 32, 32)
        assert movie.meta["pixel_size"] == 160


def test_a_bare_gain_is_put_aside_with_a_note(tmp_path, frames):
    with open_movie(write_raw(tmp_path, frames, Baseline=100, Gain=2.2)) as movie:
        assert movie.meta == {"baseline": 100}
        assert "Gain: 2.2" in movie.notes[0]
