"""Movies in array files: ``.npy``, ``.npz`` and MATLAB's ``.mat``."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np

from truevar.errors import UserError
from truevar.io.mat5 import list_variables, load_variable
from truevar.io.stored import ArrayFrames, Source, StoredFrames

NPY_MAGIC = b"\x93NUMPY"
MAT_MAGIC = b"MATLAB 5.0 MAT-file"
MAT73_MAGIC = b"MATLAB 7.3 MAT-file"


def as_frames(shape: tuple[int, ...], what: str) -> tuple[int, int, int]:
    """(frames, H, W) of an array's shape; a 2-D array is one frame.

    Raises:
        UserError: neither 2-D nor 3-D.
    """
    if len(shape) == 2:
        return 1, shape[0], shape[1]
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    raise UserError(f"{what} has {len(shape)} axes {shape}; a movie has three: frames, y, x")


def open_array(array: Any) -> ArrayFrames:
    """A numpy array (frames, H, W), or (H, W) for one frame; it is not copied.

    Raises:
        UserError: neither 2-D nor 3-D.
    """
    values = np.asarray(array)
    return ArrayFrames(values.reshape(as_frames(values.shape, "the array")))


def open_npy(path: Path) -> Source:
    """A ``.npy`` with (frames, H, W), read frame by frame.

    Raises:
        UserError: damaged, truncated, or no plain numbers in it.
    """
    try:
        with open(path, "rb") as handle:
            shape, fortran, dtype = _npy_header(handle)
            begin = handle.tell()
    except OSError:
        raise
    except Exception as error:  # damaged bytes can upset a parser in any way
        raise UserError(f"{path} is not a readable .npy file; save it again") from error
    _check_plain(dtype, path)
    frames, height, width = as_frames(shape, str(path))
    if begin + int(np.prod(shape, dtype=object)) * dtype.itemsize > path.stat().st_size:
        raise UserError(f"{path} is truncated: it ends before its last frame does; copy it again")
    if fortran and len(shape) == 3:
        # Pixels of one frame are scattered over the file; only a map reads them lazily.
        return ArrayFrames(np.load(path, mmap_mode="r", allow_pickle=False))
    if fortran:
        return open_array(np.load(path, allow_pickle=False))
    one = height * width * dtype.itemsize
    offsets = begin + one * np.arange(frames, dtype=np.int64)
    return StoredFrames([path], (frames, height, width), dtype, offsets)


def open_npz(path: Path) -> Source:
    """The first 3-D array of numbers in a ``.npz`` (else a 2-D one, as one frame).

    A zip archive cannot be read frame by frame: the movie is held in memory.

    Raises:
        UserError: damaged, or no such array.
    """
    try:
        found: dict[str, tuple[int, ...]] = {}
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if not name.endswith(".npy"):
                    continue
                with archive.open(name) as handle:
                    shape, _, dtype = _npy_header(handle)
                if dtype.kind in "iuf":
                    found[name.removesuffix(".npy")] = shape
        name, notes = _choose(found, path)
        with np.load(path, allow_pickle=False) as arrays:
            source = open_array(arrays[name])
    except UserError:
        raise
    except Exception as error:  # damaged bytes can upset a parser in any way
        raise UserError(f"{path} is not a readable .npz file; save it again") from error
    source.notes.extend(notes)
    return source


def open_mat(path: Path, version73: bool) -> Source:
    """The first 3-D array of numbers in a MATLAB file.

    MATLAB keeps movies as (y, x, frame), so the last axis is taken as frames,
    unless the other reading is plain: the last two axes are equal and the first
    differs, as a program other than MATLAB writes (frame, y, x).

    Args:
        path: the file.
        version73: it is an HDF5 file (v7.3), read frame by frame; older ones
            are held in memory.

    Raises:
        UserError: damaged, or no such array.
    """
    try:
        return _open_mat73(path) if version73 else _open_mat5(path)
    except UserError:
        raise
    except Exception as error:  # damaged bytes can upset a parser in any way
        raise UserError(f"{path} is not a readable .mat file; save it again") from error


def _open_mat5(path: Path) -> Source:
    variables = {one.name: one for one in list_variables(path)}
    name, notes = _choose({key: one.shape for key, one in variables.items()}, path)
    values = load_variable(path, variables[name])
    if values.ndim == 3 and not _frames_first(values.shape):
        values = values.transpose(2, 0, 1)
    source = open_array(values)
    source.notes.extend(notes)
    return source


def _open_mat73(path: Path) -> Source:
    file = h5py.File(path, "r")
    try:
        found = {
            name: item.shape[::-1]  # HDF5 tells MATLAB's axes in reverse
            for name, item in file.items()
            if isinstance(item, h5py.Dataset)
            and item.dtype.kind in "iuf"
            and item.attrs.get("MATLAB_class", b"") not in (b"char", b"logical", b"cell")
        }
        name, notes = _choose(found, path)
        item = file[name]
        if item.ndim == 3 and not _frames_first(item.shape[::-1]):
            source = ArrayFrames(item, owner=file, swap=True)
        else:
            values = item[()].T
            file.close()
            source = open_array(values)
    except BaseException:
        file.close()
        raise
    source.notes.extend(notes)
    return source


def _frames_first(shape: tuple[int, ...]) -> bool:
    return shape[1] == shape[2] != shape[0]


def _choose(found: dict[str, tuple[int, ...]], path: Path) -> tuple[str, list[str]]:
    """Name of the array that is the movie, and a note if there was a choice."""
    movies = [name for name, shape in found.items() if len(shape) == 3 and min(shape) > 0]
    names = movies or [name for name, shape in found.items() if len(shape) == 2 and min(shape) > 1]
    if not names:
        said = ", ".join(f"{name} {shape}" for name, shape in list(found.items())[:4])
        raise UserError(
            f"{path} holds no array with three axes (frames, y, x)"
            + (f", only {said}" if said else " of numbers")
        )
    if len(names) == 1:
        return names[0], []
    return names[0], [f"the file holds the arrays {', '.join(names[:6])}; {names[0]} is read"]


def _npy_header(handle: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(handle)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(handle)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(handle)
    raise ValueError(f"npy version {version}")


def _check_plain(dtype: np.dtype[Any], path: Path) -> None:
    if dtype.hasobject or dtype.names is not None:
        raise UserError(f"{path} holds objects, not pixels; save a plain array of numbers")
