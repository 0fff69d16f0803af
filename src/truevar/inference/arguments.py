"""What a Python caller hands to ``localize``, made plain, or refused in one line.

The command line's own parser lets none of this through.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from truevar.errors import UserError
from truevar.io.movies.arrays import ArrayLike, is_array_like
from truevar.numbers import number
from truevar.wording import subject

MovieLike = (
    str | PathLike[str] | Sequence[str | PathLike[str]] | NDArray[Any] | torch.Tensor | ArrayLike
)


def as_movie(
    movie: Any,
) -> str | PathLike[str] | list[str | PathLike[str]] | NDArray[Any] | ArrayLike:
    """A file, the files of one movie, or an array; a tensor becomes an array.

    Raises:
        UserError: none of these.
    """
    if isinstance(movie, torch.Tensor):
        tensor = movie.detach().cpu()
        # numpy has no bfloat16.
        values = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
        return np.asarray(values)
    if isinstance(movie, (list, tuple)):
        paths = [isinstance(one, (str, bytes, PathLike)) for one in movie]
        if paths and all(paths):
            return list(movie)
        if any(paths):
            raise UserError("a list of a movie's files must hold nothing but paths")
        try:
            return np.asarray(movie)
        except ValueError as error:
            raise UserError("the frames of the movie differ in size; give one array") from error
    if isinstance(movie, (str, PathLike, np.ndarray)) or is_array_like(movie):
        return movie
    raise UserError(
        f"a movie is a file or an array (frames, H, W) in ADU, not {_kind(movie)}; give its "
        "path, or numpy.asarray of it"
    )


def as_range(frames: Any) -> tuple[int | None, int | None] | None:
    """(first, end) or None.

    Raises:
        UserError: not a pair of whole numbers or None.
    """
    ends = _whole(frames, 2)
    if ends is None:
        raise UserError(
            f"frames={frames!r} is no range; give (first, end), counted from 0, such as (0, 100) "
            "or (500, None)"
        )
    return (ends[0], ends[1]) if ends else None


def as_region(
    roi: Any,
) -> tuple[int | None, int | None, int | None, int | None] | None:
    """(x0, x1, y0, y1) or None.

    Raises:
        UserError: not four whole numbers or None.
    """
    ends = _whole(roi, 4)
    if ends is None:
        raise UserError(
            f"roi={roi!r} is no region; give (x0, x1, y0, y1) in px, such as (0, 128, 64, 192)"
        )
    return (ends[0], ends[1], ends[2], ends[3]) if ends else None


def as_offset(offset: Any) -> tuple[int, int] | None:
    """(x, y) or None.

    Raises:
        UserError: not a pair of whole numbers.
    """
    ends = _whole(offset, 2)
    if ends is None or None in ends:
        raise UserError(f"camera_offset={offset!r} is no position; give (x, y) in px")
    return (int(ends[0] or 0), int(ends[1] or 0)) if ends else None


def check_probability(min_prob: Any) -> None:
    """Refuse a least probability that is none.

    Raises:
        UserError: not a number from 0 to 1, nor None.
    """
    if min_prob is None:
        return
    number("min_prob", min_prob, 0, 1)


def check_samples(samples: Any, preview: bool) -> None:
    """Refuse a number of draws that is none.

    Raises:
        UserError: not a whole number of at least 1, nor None; a preview.
    """
    if samples is None:
        return
    if isinstance(samples, bool) or not isinstance(samples, (int, np.integer)) or samples < 1:
        raise UserError(f"{subject('samples')} must be a whole number of at least 1")
    if preview:
        raise UserError(
            f"a preview has no {subject('samples')}: it stops at the coarsest cells; give one of "
            "the two"
        )


def check_model(model: Any, kind: type) -> None:
    """Refuse what is neither a name, nor a file, nor a model.

    Raises:
        UserError: something else.
    """
    if not isinstance(model, (str, PathLike, kind)):
        raise UserError(
            f"a model is a name, a .safetensors file or what load_model gives, not {_kind(model)}"
        )


def check_together(together: Any) -> None:
    """Refuse a number of frames that are given together that is none.

    Raises:
        UserError: not a whole number of at least 1, nor None.
    """
    whole = isinstance(together, (int, np.integer)) and not isinstance(together, bool)
    if together is not None and not (whole and together >= 1):
        raise UserError(f"{subject('together')} must be a whole number of at least 1, or None")


def check_machines(workers: Any, scheduler: Any) -> None:
    """Refuse a number of processes, or an address of a cluster, that is none.

    Raises:
        UserError: neither a whole number of at least 1 nor None; not a text; both.
    """
    whole = isinstance(workers, (int, np.integer)) and not isinstance(workers, bool)
    if workers is not None and not (whole and workers >= 1):
        raise UserError(f"{subject('workers')} must be a whole number of at least 1, or None")
    if scheduler is not None and (not isinstance(scheduler, (str, PathLike)) or not scheduler):
        raise UserError(
            f"{subject('scheduler')} is the address of a Dask scheduler, such as tcp://host:8786"
        )
    if scheduler is not None and (workers or 1) > 1:
        raise UserError(
            f"{subject('workers')} are processes of this machine, and {subject('scheduler')} has "
            "its own; give one of the two"
        )


def _whole(values: Any, count: int) -> list[int | None] | None:
    """``count`` whole numbers or None; empty for None, None for anything else."""
    if values is None:
        return []
    if not isinstance(values, (list, tuple, np.ndarray)) or len(values) != count:
        return None
    try:
        return [None if one is None else operator.index(one) for one in values]
    except TypeError:
        return None


def _kind(value: Any) -> str:
    return "None" if value is None else type(value).__name__
