"""Movies in array files: ``.npy``, ``.npz`` and MATLAB's ``.mat``."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO, Any, Protocol, TypeGuard

import h5py
import numpy as np

from truevar.errors import UserError
from truevar.io.movies.mat5 import list_variables, load_variable
from truevar.io.movies.stored import SMALLEST, ArrayFrames, Source, StoredFrames
from truevar.wording import Message, argument, subject

NPY_MAGIC = b"\x93NUMPY"
MAT_MAGIC = b"MATLAB 5.0 MAT-file"
MAT73_MAGIC = b"MATLAB 7.3 MAT-file"


_LONGEST = 4
"""Hardly a movie has frames so many times longer along one side than along the other."""


class ArrayLike(Protocol):
    """What is sliced like a numpy array and read only then: of dask, zarr, h5py and others."""

    shape: Any
    dtype: Any

    def __getitem__(self, index: Any) -> Any:
        """A part, which ``numpy.asarray`` makes an array of."""


def is_array_like(value: Any) -> TypeGuard[ArrayLike]:
    """Whether something can be read as an :class:`ArrayLike`, numpy's own arrays included."""
    return (
        isinstance(getattr(value, "shape", None), tuple)
        and isinstance(getattr(value, "dtype", None), np.dtype)
        and hasattr(value, "__getitem__")
        and len(value.shape) > 0
    )


def frames_of(
    array: Any, what: str, axes: str | None = None, usual: str = "tyx", owner: Any = None
) -> ArrayFrames:
    """The frames of an array; it is not copied. A 2-D array is one frame.

    Args:
        array: anything that is sliced like a numpy array.
        what: the array in words, for messages.
        axes: what the user says about its axes: the letters t, y and x in their order.
        usual: the same where the user says nothing.
        owner: what is closed with the movie.

    Raises:
        UserError: neither 2-D nor 3-D, or ``axes`` do not fit.
    """
    shape = tuple(array.shape)
    if axes is not None and (not isinstance(axes, str) or sorted(axes) != ["t", "x", "y"]):
        raise UserError(
            f"axes {axes!r} cannot be used; give t (frames), y and x in the order in which "
            "they are stored, such as yxt"
        )
    if len(shape) == 2 and axes is None:
        return ArrayFrames(np.asarray(array)[None], owner)
    if len(shape) != 3:
        raise UserError(
            f"{what} has {len(shape)} axes {shape}; a movie has three: frames, y, x"
            + ("" if axes is None else f" ({subject('axes')} is for three)")
        )
    given = axes or usual
    return ArrayFrames(array, owner, (given.index("t"), given.index("y"), given.index("x")))


def open_array(array: Any, axes: str | None = None) -> ArrayFrames:
    """An array (frames, H, W), or (H, W) for one frame; it is not copied.

    Args:
        array: of numpy, or an :class:`ArrayLike`, of which only what is asked for is read.
        axes: the order of its axes, if not ``"tyx"``.

    Raises:
        UserError: neither 2-D nor 3-D, or ``axes`` do not fit.
    """
    lazy = array if is_array_like(array) else np.asarray(array)
    return frames_of(lazy, "the array", axes)


def open_npy(path: Path, axes: str | None = None) -> Source:
    """A ``.npy`` with (frames, H, W), read frame by frame.

    Args:
        path: the file.
        axes: the order of its axes, if not ``"tyx"``.

    Raises:
        UserError: damaged, truncated, no plain numbers in it, or ``axes`` do not fit.
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
    if begin + int(np.prod(shape, dtype=object)) * dtype.itemsize > path.stat().st_size:
        raise UserError(f"{path} is truncated: it ends before its last frame does; copy it again")
    if len(shape) != 3 or fortran or axes not in (None, "tyx"):
        # Pixels of one frame may be scattered over the file; only a map reads them lazily.
        mode: Any = "r" if len(shape) == 3 else None
        return frames_of(np.load(path, mmap_mode=mode, allow_pickle=False), str(path), axes)
    frames, height, width = shape
    one = height * width * dtype.itemsize
    offsets = begin + one * np.arange(frames, dtype=np.int64)
    return StoredFrames([path], (frames, height, width), dtype, offsets)


def open_npz(path: Path, axes: str | None = None) -> Source:
    """The first 3-D array of numbers in a ``.npz`` (else a 2-D one, as one frame).

    A zip archive cannot be read frame by frame: the movie is held in memory.

    Args:
        path: the file.
        axes: the order of the array's axes, if not ``"tyx"``.

    Raises:
        UserError: damaged, no such array, or ``axes`` do not fit.
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
            source = frames_of(arrays[name], f"{name} in {path}", axes)
    except UserError:
        raise
    except Exception as error:  # damaged bytes can upset a parser in any way
        raise UserError(f"{path} is not a readable .npz file; save it again") from error
    source.notes.extend(notes)
    return source


def open_mat(path: Path, version73: bool, axes: str | None = None) -> Source:
    """The first 3-D array of numbers in a MATLAB file.

    MATLAB keeps movies as (y, x, frame), so the last axis is taken as frames,
    unless the other reading is plain: the last two axes are equal and the first
    differs, as a program other than MATLAB writes (frame, y, x). A note says which
    was taken, or a warning where the other would do as well.

    Args:
        path: the file.
        version73: it is an HDF5 file (v7.3), read frame by frame; older ones
            are held in memory.
        axes: the order of the array's axes as MATLAB shows it, such as ``"yxt"``;
            nothing is guessed then.

    Raises:
        UserError: damaged, no such array, or ``axes`` do not fit.
    """
    try:
        return _open_mat73(path, axes) if version73 else _open_mat5(path, axes)
    except UserError:
        raise
    except Exception as error:  # damaged bytes can upset a parser in any way
        raise UserError(f"{path} is not a readable .mat file; save it again") from error


def _open_mat5(path: Path, axes: str | None) -> Source:
    variables = {one.name: one for one in list_variables(path)}
    name, notes = _choose({key: one.shape for key, one in variables.items()}, path)
    shape = variables[name].shape
    values = load_variable(path, variables[name])
    source = frames_of(values, f"{name} in {path}", axes, _guess(shape))
    source.notes.extend(notes)
    if axes is None:
        _tell_guess(source, name, shape)
    return source


def _open_mat73(path: Path, axes: str | None) -> Source:
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
        shape, item, what = found[name], file[name], f"{name} in {path}"
        if (axes or _guess(shape)) in ("yxt", "xyt") and item.ndim == 3:
            last = {"yxt": "txy", "xyt": "tyx"}[axes or _guess(shape)]
            source = frames_of(item, what, last, owner=file)
            source.files = [path]
        else:  # pixels of one frame are scattered over the file
            values = item[()].T
            file.close()
            source = frames_of(values, what, axes, _guess(shape))
    except BaseException:
        file.close()
        raise
    source.notes.extend(notes)
    if axes is None:
        _tell_guess(source, name, shape)
    return source


def _guess(shape: tuple[int, ...]) -> str:
    """The likely order of axes of a MATLAB array."""
    if len(shape) != 3:
        return "yxt"
    first, middle, last = shape
    square = middle == last != first
    only = _is_frame(middle, last) and not _is_frame(first, middle)
    return "tyx" if square or only else "yxt"


def _tell_guess(source: Source, name: str, shape: tuple[int, ...]) -> None:
    """Say which axis was taken for frames; warn if another one might be."""
    if len(shape) != 3:
        return
    first, middle, last = shape
    frames_first = _guess(shape) == "tyx"
    size = " x ".join(str(length) for length in shape)
    which = "first" if frames_first else "last"
    line = f"the {which} axis of {name} ({size}) is taken for frames"
    square = first == middle != last
    if frames_first or square or not _is_frame(middle, last):
        source.notes.append(line)
    else:
        source.warnings.append(
            Message(
                f"{line}, as MATLAB has it, but the first might be; {argument('axes', 'yxt')} says "
                f"that this is right, {argument('axes', 'tyx')} that the first is"
            )
        )


def _is_frame(one: int, other: int) -> bool:
    """Whether two lengths are likely those of a frame."""
    short, long = min(one, other), max(one, other)
    return short >= SMALLEST and long < _LONGEST * short


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
