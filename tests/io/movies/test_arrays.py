import zipfile

import h5py
import numpy as np
import pytest
import scipy.io
import tifffile

from truevar.errors import UserError
from truevar.io.movies.movie import open_movie
from truevar.io.movies.stored import StoredFrames


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 200, (30, 18, 22)).astype(np.uint8)


def refused(path):
    with pytest.raises(UserError) as caught:
        open_movie(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def write_mat73(path, **arrays):
    """As MATLAB does: HDF5 behind 512 bytes of text, axes in reverse."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in arrays.items():
            file[name] = values.T
            file[name].attrs["MATLAB_class"] = np.bytes_("double")
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116))


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "f4", "f8", "i4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy(tmp_path, frames, dtype, order):
    np.save(tmp_path / "a.npy", np.asarray(frames.astype(dtype), order=order))
    with open_movie(tmp_path / "a.npy") as movie:
        assert movie.dtype.isnative
        np.testing.assert_array_equal(movie.read(0, 30), frames)
        np.testing.assert_array_equal(movie.read(7, 9), frames[7:9])
        assert isinstance(movie._source, StoredFrames) == (order == "C")
        movie.close()


def test_npy_with_one_frame(tmp_path, frames):
    for order in "CF":
        np.save(tmp_path / "a.npy", np.asarray(frames[0], order=order))
        with open_movie(tmp_path / "a.npy") as movie:
            np.testing.assert_array_equal(movie.read(0, 1), frames[:1])


def test_npy_that_is_no_movie(tmp_path, frames):
    path = tmp_path / "a.npy"
    np.save(path, frames)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert "truncated" in refused(path)
    path.write_bytes(whole[:20])
    assert "not a readable" in refused(path)
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert "objects" in refused(path)
    np.save(path, np.zeros((2, 20, 20), [("a", "f4")]))
    assert "objects" in refused(path)
    np.save(path, np.zeros((2, 20, 20), complex))
    assert "complex" in refused(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path, frames, save):
    save(tmp_path / "a.npz", times=np.arange(3.0), movie=frames, other=frames + 1)
    with open_movie(tmp_path / "a.npz") as movie:
        np.testing.assert_array_equal(movie.read(0, 30), frames)
        assert "movie is read" in movie.notes[0]


def test_npz_that_is_no_movie(tmp_path, frames):
    path = tmp_path / "a.npz"
    np.savez(path, a=np.zeros(5), b=np.zeros((2, 2, 3, 3)))
    assert "no array with three axes" in refused(path)
    np.savez(path, a=np.array([None], dtype=object))
    assert "no array with three axes" in refused(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "text")
    assert "no array with three axes" in refused(path)
    path.write_bytes(b"PK\3\4 no zip")
    assert "not a readable .npz" in refused(path)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "i2", "f4", "f8"])
def test_mat_of_matlab(tmp_path, frames, packed, dtype):
    movie = frames.astype(dtype).transpose(1, 2, 0)  # (y, x, frame)
    content = {"dt": 0.1, "who": "me", "more": {"a": 1}, "mov": movie, "ok": np.array([True])}
    scipy.io.savemat(tmp_path / "a.mat", content, do_compression=packed)
    with open_movie(tmp_path / "a.mat") as movie:
        np.testing.assert_array_equal(movie.read(0, 30), frames)
        np.testing.assert_array_equal(movie.read(4, 6), frames[4:6])


def test_mat_with_frames_first(tmp_path):
    frames = np.random.default_rng(0).integers(0, 200, (30, 18, 18)).astype(np.uint8)
    scipy.io.savemat(tmp_path / "a.mat", {"mov": frames})
    write_mat73(tmp_path / "b.mat", mov=frames)
    for name in ("a.mat", "b.mat"):
        with open_movie(tmp_path / name) as movie:
            np.testing.assert_array_equal(movie.read(0, 30), frames)


def test_mat_of_one_frame(tmp_path, frames):
    scipy.io.savemat(tmp_path / "a.mat", {"im": frames[0]})
    write_mat73(tmp_path / "b.mat", im=frames[0])
    for name in ("a.mat", "b.mat"):
        with open_movie(tmp_path / name) as movie:
            np.testing.assert_array_equal(movie.read(0, 1), frames[:1])


def test_mat73_is_read_frame_by_frame(tmp_path, frames):
    write_mat73(tmp_path / "a.mat", dt=np.zeros((1, 1)), mov=frames.transpose(1, 2, 0))
    with open_movie(tmp_path / "a.mat", roi=(2, 20, 1, 18)) as movie:
        np.testing.assert_array_equal(movie.read(3, 9), frames[3:9, 1:18, 2:20])
    (tmp_path / "a.mat").unlink()  # the file is closed


def test_mat_that_is_no_movie(tmp_path, frames):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"a": 1.0, "c": np.zeros((20, 20, 3), complex)})
    assert "no array with three axes" in refused(path)
    scipy.io.savemat(path, {"mov": frames})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "not a readable .mat" in refused(path)
    path.write_bytes(b"something else")
    assert "not a readable .mat" in refused(path)
    write_mat73(path, mov=frames)
    path.write_bytes(path.read_bytes()[:3000])
    assert "not a readable .mat" in refused(path)


@pytest.mark.parametrize("kind", ["npy", "npz", "mat", "packed.mat", "v73.mat"])
def test_damaged_bytes_never_escape(tmp_path, frames, kind):
    path = tmp_path / f"a.{kind}"
    if kind == "npy":
        np.save(path, frames)
    elif kind == "npz":
        np.savez_compressed(path, a=frames)
    elif kind == "v73.mat":
        write_mat73(path, mov=frames)
    else:
        scipy.io.savemat(path, {"mov": frames}, do_compression=kind.startswith("packed"))
    whole = path.read_bytes()
    random = np.random.default_rng(7)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in random.integers(0, min(len(whole), 600), 6):
            damaged[place] = random.integers(0, 256)
        path.write_bytes(damaged)
        try:
            with open_movie(path) as movie:
                movie.read(0, 3)
        except UserError as error:
            assert "\n" not in str(error)  # noqa: PT017 (many files pass unharmed)


def test_real_arrays(shared_data):
    with open_movie(
        shared_data / "real/microtubules-16x16/deconSTORM_microtubuledata.mat"
    ) as movie:
        assert movie.shape == (626, 16, 16)
        # Multiples of 1/7, and every frame like its neighbours: the axes are right.
        block = movie.read(0, 626)
        np.testing.assert_allclose(7 * block, np.round(7 * block), atol=1e-6)
        means = block.mean((1, 2))
        assert np.ptp(means) < means.mean()
    with open_movie(shared_data / "real/pmhc-af647-128x128/pMHC_AF647_200k_000_.npz") as movie:
        assert movie.shape == (10, 128, 128)


# Which axis is which

SHAPES = [
    # MATLAB's axes, frames taken last or first, plain or to be confirmed
    ((18, 22, 30), "yxt", False),
    ((64, 20, 30), "yxt", False),
    ((20, 20, 20), "yxt", False),
    ((20, 20, 300), "yxt", True),
    ((40, 60, 900), "yxt", True),
    ((30, 18, 18), "tyx", True),
    ((300, 18, 22), "tyx", True),
    ((900, 20, 300), "yxt", True),  # neither is likely: MATLAB's
    ((16, 18, 6), "yxt", True),  # too small to be frames
    ((6, 16, 18), "tyx", True),
]


@pytest.mark.parametrize(("shape", "taken", "plain"), SHAPES)
@pytest.mark.parametrize("kind", ["5", "7.3"])
def test_mat_says_which_axis_was_taken_for_frames(tmp_path, shape, taken, plain, kind):
    array = np.random.default_rng(0).integers(1, 200, shape).astype(np.uint8)
    path = tmp_path / "a.mat"
    if kind == "5":
        scipy.io.savemat(path, {"mov": array})
    else:
        write_mat73(path, mov=array)
    with open_movie(path) as movie:
        known = array if taken == "tyx" else array.transpose(2, 0, 1)
        np.testing.assert_array_equal(movie.read(0, 2), known[:2])
        said, quiet = movie.notes, movie.warnings
        if not plain:
            said, quiet = quiet, said
        which = "first" if taken == "tyx" else "last"
        size = " x ".join(map(str, shape))
        assert said[0].startswith(f"the {which} axis of mov ({size}) is taken for frames")
        assert ('axes="yxt" says' in said[0]) == (not plain)
        assert (len(said), quiet) == (1, [])


AXES = ["tyx", "txy", "ytx", "yxt", "xty", "xyt"]


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("kind", ["array", "npy", "fortran.npy", "npz", "mat", "v73.mat"])
def test_axes_that_are_said(tmp_path, frames, axes, kind):
    array = frames.transpose(["tyx".index(axis) for axis in axes])
    path = tmp_path / f"a.{kind}"
    if kind == "array":
        path = array
    elif kind.endswith("npy"):
        np.save(path, np.asarray(array, order="F" if "fortran" in kind else "C"))
    elif kind == "npz":
        np.savez(path, mov=array)
    elif kind == "mat":
        scipy.io.savemat(path, {"mov": array})
    else:
        write_mat73(path, mov=array)
    with open_movie(path, axes=axes, roi=(1, 20, 0, 17)) as movie:
        assert (movie.notes, movie.warnings) == ([], [])  # nothing was guessed
        np.testing.assert_array_equal(movie.read(0, 30), frames[:, :17, 1:20])
        np.testing.assert_array_equal(movie.read(3, 5), frames[3:5, :17, 1:20])


def test_axes_that_cannot_be(tmp_path, frames):
    np.save(tmp_path / "a.npy", frames)
    np.save(tmp_path / "b.npy", frames[0])
    for axes in ("tx", "tyy", "tyxc", "", 3):
        with pytest.raises(UserError, match="cannot be used"):
            open_movie(tmp_path / "a.npy", axes=axes)
    with pytest.raises(UserError, match="is for three"):
        open_movie(tmp_path / "b.npy", axes="yxt")
    tifffile.imwrite(tmp_path / "a.tif", frames, photometric="minisblack")
    with pytest.raises(UserError, match=r"is for \.npy"):
        open_movie(tmp_path / "a.tif", axes="yxt")


class Lazy:
    """An array that is read by slices only, as those of dask, zarr and h5py are."""

    def __init__(self, values: np.ndarray):
        self.values, self.shape, self.dtype = values, values.shape, values.dtype
        self.most = 0

    def __getitem__(self, index: object) -> np.ndarray:
        part = np.asarray(self.values[index])
        self.most = max(self.most, len(part))
        return part

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        raise AssertionError("the whole movie was read")


def test_an_array_that_is_read_by_slices_is_not_read_whole() -> None:
    lazy = Lazy(np.arange(50 * 16 * 20, dtype=">u2").reshape(50, 16, 20))
    with open_movie(lazy) as movie:
        assert movie.shape == (50, 16, 20)
        block = movie.read(10, 14)
    np.testing.assert_array_equal(block, lazy.values[10:14])
    assert block.dtype == np.uint16
    assert block.dtype.isnative
    assert lazy.most == 4


def test_axes_of_an_array_that_is_read_by_slices() -> None:
    lazy = Lazy(np.arange(16 * 20 * 5).reshape(16, 20, 5))
    with open_movie(lazy, axes="yxt") as movie:
        np.testing.assert_array_equal(movie.read(1, 3), lazy.values[..., 1:3].transpose(2, 0, 1))
