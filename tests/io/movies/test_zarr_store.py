"""Zarr and OME-Zarr, written by the package zarr where it is there."""

import shutil

import numpy as np
import pytest

from truevar.errors import UserError
from truevar.io.movies.movie import open_movie


@pytest.fixture
def zarr():
    return pytest.importorskip("zarr", reason='needs zarr: pip install "truevar[zarr]"')


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(1, 60000, (12, 20, 24)).astype(np.uint16)


def refused(path, axes=None):
    with pytest.raises(UserError) as caught:
        open_movie(path, axes=axes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def axis(name):
    kind = {"t": "time", "c": "channel"}.get(name, "space")
    return {"name": name, "type": kind, **({"unit": "micrometer"} if kind == "space" else {})}


def write_ome(zarr, path, array, names, version="0.4", scale=0.108, attributes=None):
    """An OME-Zarr with two levels, as the versions of its specification have it."""
    group = zarr.create_group(str(path), zarr_format=3 if version == "0.5" else 2, overwrite=True)
    half = tuple(slice(None, None, 2 if name in "yx" else 1) for name in names)
    for level, values in enumerate((array, array[half])):
        chunks = tuple(
            length if name in "yx" else 1 for name, length in zip(names, values.shape, strict=True)
        )
        group.create_array(str(level), data=values, chunks=chunks)
    sets = []
    for level in range(2):
        factors = [scale * 2**level if name in "yx" else 1.0 for name in names]
        sets.append(
            {"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": factors}]}
        )
    image = {"version": version, "datasets": sets, "axes": [axis(name) for name in names]}
    if version == "0.3":
        image["axes"] = list(names)
    if version in ("0.1", "0.3"):
        image["datasets"] = [{"path": one["path"]} for one in sets]
    if version == "0.1":
        del image["axes"]
    said = {"multiscales": [image], **(attributes or {})}
    group.attrs.update({"ome": {"version": version, **said}} if version == "0.5" else said)
    return path


@pytest.mark.parametrize("form", [2, 3])
def test_an_array(tmp_path, zarr, frames, form):
    path = tmp_path / "a.zarr"
    array = zarr.create_array(str(path), data=frames, chunks=(5, 20, 24), zarr_format=form)
    array.attrs.update({"pixel_size": 123.0, "baseline": 100, "gain": 2})
    with open_movie(path) as movie:
        assert movie.shape == (12, 20, 24)
        assert (movie.name, movie.path) == ("a.zarr", path)
        assert movie.meta == {"pixel_size": 123.0, "baseline": 100.0}
        assert (movie.notes, movie.warnings) == ([], [])
        np.testing.assert_array_equal(movie.read(0, 12), frames)
        np.testing.assert_array_equal(movie.read(4, 6), frames[4:6])
    with open_movie(path, frames=(2, 9), roi=(1, 20, 2, 19)) as movie:
        np.testing.assert_array_equal(movie.read(0, 7), frames[2:9, 2:19, 1:20])
    shutil.rmtree(path)


def test_axes_that_are_said(tmp_path, zarr, frames):
    path = tmp_path / "a.zarr"
    zarr.create_array(str(path), data=frames.transpose(1, 2, 0), chunks=(20, 24, 1))
    with open_movie(path, axes="yxt") as movie:
        np.testing.assert_array_equal(movie.read(3, 12), frames[3:])
    assert "axes 'tzyx' cannot be used" in refused(path, "tzyx")


@pytest.mark.parametrize("form", [2, 3])
def test_names_of_axes(tmp_path, zarr, frames, form):
    for names, order in ((("y", "x", "time"), (1, 2, 0)), (("frame", "Y", "X"), (0, 1, 2))):
        path = tmp_path / f"{names[0]}.zarr"
        options = {"dimension_names": names} if form == 3 else {}
        array = zarr.create_array(
            str(path), data=frames.transpose(order), chunks=(6, 6, 6), zarr_format=form, **options
        )
        if form == 2:
            array.attrs["_ARRAY_DIMENSIONS"] = list(names)
        with open_movie(path) as movie:
            np.testing.assert_array_equal(movie.read(0, 12), frames)


def test_four_axes_need_names(tmp_path, zarr, frames):
    zarr.create_array(str(tmp_path / "a.zarr"), data=frames[:, None])
    assert "has 4 axes (12, 1, 20, 24)" in refused(tmp_path / "a.zarr")


@pytest.mark.parametrize("version", ["0.1", "0.3", "0.4", "0.5"])
def test_ome_zarr(tmp_path, zarr, frames, version):
    path = write_ome(zarr, tmp_path / "a.zarr", frames[:, None, None], "tczyx", version)
    with open_movie(path) as movie:
        assert movie.shape == (12, 20, 24)
        assert movie.meta == ({"pixel_size": pytest.approx(108)} if version > "0.3" else {})
        assert (movie.notes, movie.warnings) == ([], [])
        np.testing.assert_array_equal(movie.read(0, 12), frames)
        np.testing.assert_array_equal(movie.read(7, 8), frames[7:8])


def test_other_orders_of_ome_zarr(tmp_path, zarr, frames):
    for names, array in (
        ("tyx", frames),
        ("ctyx", frames[None]),
        ("ztyx", frames[None]),
    ):
        with open_movie(write_ome(zarr, tmp_path / f"{names}.zarr", array, names)) as movie:
            np.testing.assert_array_equal(movie.read(0, 12), frames)
    for names, array in (("yx", frames[0]), ("czyx", frames[None, :1]), ("zyx", frames[:1])):
        with open_movie(write_ome(zarr, tmp_path / f"{names}.zarr", array, names)) as movie:
            np.testing.assert_array_equal(movie.read(0, 1), frames[:1])


@pytest.mark.parametrize(
    ("names", "shape", "words"),
    [
        ("tcyx", (6, 2, 20, 24), "(time: 6, channels: 2)"),
        ("tzyx", (6, 2, 20, 24), "(time: 6, slices: 2)"),
        ("zyx", (12, 20, 24), "(slices: 12)"),
        ("cyx", (12, 20, 24), "(channels: 12)"),
    ],
)
def test_other_axes_are_refused(tmp_path, zarr, frames, names, shape, words):
    said = refused(write_ome(zarr, tmp_path / "a.zarr", frames.reshape(shape), names))
    assert words in said
    assert "export one channel, slice and position as a movie of its own" in said


def test_camera_and_scale_of_the_whole(tmp_path, zarr, frames):
    tags = {"baseline": 100, "e_per_adu": 0.46}
    path = write_ome(zarr, tmp_path / "a.zarr", frames, "tyx", attributes=tags)
    group = zarr.open(str(path))
    images = group.attrs["multiscales"]
    images[0]["coordinateTransformations"] = [{"type": "scale", "scale": [1, 0.5, 0.5]}]
    group.attrs["multiscales"] = images
    with open_movie(path) as movie:
        assert movie.meta == {"pixel_size": pytest.approx(54), "baseline": 100, "e_per_adu": 0.46}
    images[0]["axes"][2].pop("unit")
    group.attrs["multiscales"] = images
    with open_movie(path) as movie:
        assert "pixel_size" not in movie.meta
    assert "names its axes itself" in refused(path, "tyx")


def test_groups(tmp_path, zarr, frames):
    path = tmp_path / "a.zarr"
    group = zarr.create_group(str(path))
    assert "with the arrays: none; give" in refused(path)
    group.create_array("movie", data=frames)
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.read(0, 12), frames)
    group.create_array("other", data=frames)
    assert f"with the arrays: movie, other; give the folder of one array, such as {path}" in (
        refused(path)
    )
    with open_movie(path / "other") as movie:
        assert len(movie) == 12
    group.attrs["bioformats2raw.layout"] = 3
    assert "holds a set of images; give the folder of one" in refused(path)


def test_pieces_that_are_not_there(tmp_path, zarr, frames):
    path = tmp_path / "a.zarr"
    zarr.create_array(str(path), data=frames, chunks=(5, 20, 24), zarr_format=2)
    (path / "1.0.0").unlink()
    with open_movie(path) as movie:
        assert movie.warnings == [
            "1 of the array's 3 pieces are not there and count as 0: frames without light, or an "
            "incomplete copy"
        ]
        assert not movie.read(5, 10).any()


def test_damaged_stores(tmp_path, zarr, frames):
    path = tmp_path / "a.zarr"
    zarr.create_array(str(path), data=frames, chunks=(5, 20, 24), zarr_format=2)
    (path / "0.0.0").write_bytes((path / "0.0.0").read_bytes()[:50])
    with open_movie(path) as movie:
        with pytest.raises(UserError, match=r"^frames 0 to 2 of .*a.zarr cannot be read \("):
            movie.read(0, 3)
        np.testing.assert_array_equal(movie.read(5, 12), frames[5:])
    (path / ".zarray").write_text('{"shape":')
    assert "a.zarr cannot be read as Zarr (" in refused(path)
    path = write_ome(zarr, tmp_path / "b.zarr", frames, "tyx")
    shutil.rmtree(path / "0")
    assert "b.zarr cannot be read as Zarr (" in refused(path)
    zarr.open(str(path)).attrs["multiscales"] = [{"datasets": []}]
    assert "b.zarr cannot be read as Zarr (" in refused(path)
