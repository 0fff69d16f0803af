"""From a movie's file, or its several files, to its frames: which reader takes it."""

from __future__ import annotations

from collections.abc import Sequence
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
from truevar.io.movies.joined import JoinedFrames
from truevar.io.movies.raw import open_dax, open_raw
from truevar.io.movies.stored import Source
from truevar.io.movies.tiff import MAGIC as TIFF_MAGIC
from truevar.io.movies.tiff import open_tiff
from truevar.io.movies.tiff_parts import open_tiff_parts
from truevar.wording import subject

KINDS = ".tif, .tiff, .stk, .raw (with .yaml), .dax (with .inf), .npy, .npz, .mat"


def open_file(path: Path, axes: str | None = None, alone: bool = False) -> Source:
    """Open a movie's file; only its head is read.

    Args:
        path: the file.
        axes: the order of the axes of an array file, such as ``"yxt"``.
        alone: do not look for further parts of the movie beside it.

    Raises:
        UserError: there is no such file, or it cannot be used.
    """
    try:
        if path.is_dir():
            raise UserError(f"{path} is a folder; give one movie file ({KINDS})")
        if not path.exists():
            raise UserError(f"there is no file {path}")
        with open(path, "rb") as handle:
            head = handle.read(128)
        return _open_kind(path, head, axes, alone)
    except UserError:  # a ValueError as well
        raise
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UserError(f"cannot read {path}: {reason}") from error


def open_files(paths: Sequence[Path], axes: str | None = None) -> Source:
    """Open the files of one movie, in the order given.

    Raises:
        UserError: one cannot be used, is given twice, or does not fit to the others.
    """
    if len(paths) == 1:
        return open_file(paths[0], axes)
    sources: list[Source] = []
    try:
        for number, path in enumerate(paths):
            sources.append(open_file(path, axes, alone=True))
            if any(path.samefile(other) for other in paths[:number]):
                raise UserError(f"{path} is given twice; give every part of the movie once")
        joined = JoinedFrames(sources, paths)
    except BaseException:
        for source in sources:
            source.close()
        raise
    said = ", ".join(
        f"{path.name} ({source.shape[0]})" for path, source in zip(paths, sources, strict=True)
    )
    joined.notes.append(f"read as one movie, with so many frames each: {said}")
    return joined


def _open_kind(path: Path, head: bytes, axes: str | None, alone: bool) -> Source:
    ending = path.suffix.lower()
    if not head:
        raise UserError(f"{path} is empty")
    bare = ending in (".raw", ".dax")  # whose first bytes are pixels
    is_mat = head.startswith((MAT_MAGIC, MAT73_MAGIC)) or ending == ".mat"
    is_array = not bare and (is_mat or head.startswith(NPY_MAGIC) or ending == ".npz")
    if axes is not None and not is_array:
        raise UserError(f"{subject('axes')} is for .npy, .npz and .mat; leave it out for {path}")
    if ending == ".raw":
        return open_raw(path)
    if ending == ".dax":
        return open_dax(path)
    if head.startswith(TIFF_MAGIC):
        return open_tiff(path) if alone else open_tiff_parts(path)
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
