"""From a movie's file to its frames: which reader takes it."""

from __future__ import annotations

from pathlib import Path

from truevar.errors import UserError
from truevar.io.movies.arrays import (
    MAT73_MAGIC,
    MAT_MAGIC,
    NPY_MAGIC,
    open_mat,
    open_npy,
    open_npz,
)
from truevar.io.movies.czi import CZI_MAGIC, open_czi
from truevar.io.movies.nd2 import ND2_MAGIC, open_nd2
from truevar.io.movies.raw import open_dax, open_raw
from truevar.io.movies.stored import Source
from truevar.io.movies.tiff import MAGIC as TIFF_MAGIC
from truevar.io.movies.tiff import open_tiff
from truevar.io.movies.tiff_parts import open_tiff_parts
from truevar.io.movies.zarr_store import is_zarr, open_zarr
from truevar.wording import subject

KINDS = (
    ".tif, .tiff, .stk, .nd2, .czi, .zarr, .raw (with .yaml), .dax (with .inf), .npy, .npz, .mat"
)


def open_file(path: Path, axes: str | None = None, alone: bool = False) -> Source:
    """Open a movie's file; only its head is read.

    Args:
        path: the file, or the folder of a Zarr.
        axes: the order of the axes of an array file, such as ``"yxt"``.
        alone: do not look for further parts of the movie beside it.

    Raises:
        UserError: there is no such file, or it cannot be used.
    """
    try:
        if path.is_dir():
            if is_zarr(path):
                return open_zarr(path, axes)
            raise UserError(f"{path} is a folder; give it alone, or one movie file ({KINDS})")
        with open(path, "rb") as handle:
            head = handle.read(128)
        return _open_kind(path, head, axes, alone)
    except UserError:  # a ValueError as well
        raise
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
        raise cannot_read(path, error) from error


def cannot_read(path: Path, error: Exception) -> UserError:
    """What is raised where the system does not give a file or folder."""
    if isinstance(error, FileNotFoundError) and str(error.filename) == str(path):
        return UserError(f"there is no file {path}")
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return UserError(f"cannot read {path}: {reason}")


def _open_kind(path: Path, head: bytes, axes: str | None, alone: bool) -> Source:
    ending = path.suffix.lower()
    if not head:
        raise UserError(f"{path} is empty")
    bare = ending in (".raw", ".dax")  # whose first bytes are pixels
    is_mat = head.startswith((MAT_MAGIC, MAT73_MAGIC)) or ending == ".mat"
    is_array = not bare and (is_mat or head.startswith(NPY_MAGIC) or ending == ".npz")
    if axes is not None and not is_array:
        raise UserError(
            f"{subject('axes')} is for .npy, .npz, .mat and Zarr; leave it out for {path}"
        )
    if ending == ".raw":
        return open_raw(path)
    if ending == ".dax":
        return open_dax(path)
    if head.startswith(TIFF_MAGIC):
        return open_tiff(path) if alone else open_tiff_parts(path)
    if head.startswith(ND2_MAGIC) or ending == ".nd2":
        return open_nd2(path)
    if head.startswith(CZI_MAGIC) or ending == ".czi":
        return open_czi(path)
    if head.startswith(NPY_MAGIC):
        return open_npy(path, axes)
    if is_mat:
        version73 = head.startswith((MAT73_MAGIC, b"\x89HDF"))
        return open_mat(path, version73, axes)
    if ending == ".npz":
        return open_npz(path, axes)
    if ending in (".tif", ".tiff", ".stk", ".npy", ".btf", ".tf8", ".lsm"):
        raise UserError(f"{path} is not a {ending} file, whatever its name says; check the file")
    raise UserError(f"{path} is not a movie that can be read; known are {KINDS}")
