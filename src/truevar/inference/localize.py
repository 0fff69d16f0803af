"""Localise a movie: the main job, as a function."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from os import PathLike

import numpy as np
import torch
from numpy.typing import NDArray

from truevar.calibration.camera_sources import Stated
from truevar.calibration.imaging_setup import Setup
from truevar.camera import Camera
from truevar.emitters import Emitters
from truevar.inference.arguments import MovieLike, as_movie, as_range, as_region
from truevar.inference.asked import Announce, Asked, prepare
from truevar.inference.gather import Live, Progress, gather
from truevar.inference.journal import Journal
from truevar.io.movies.movie import open_movie
from truevar.io.tables.parts import TableParts
from truevar.model.weights import DEFAULT_MODEL, TrainedModel


def localize(
    movie: MovieLike,
    *,
    axes: str | None = None,
    model: str | PathLike[str] | TrainedModel = DEFAULT_MODEL,
    pixel_size: float | None = None,
    psf_sigma: float | None = None,
    camera: Camera | Stated | None = None,
    camera_profile: Stated | None = None,
    camera_maps: NDArray[np.float32] | str | PathLike[str] | None = None,
    camera_offset: tuple[int, int] | None = None,
    frames: tuple[int | None, int | None] | None = None,
    roi: tuple[int | None, int | None, int | None, int | None] | None = None,
    min_prob: float | None = None,
    device: str | torch.device = "cpu",
    precision: str = "auto",
    preview: bool = False,
    refine: bool = True,
    samples: int | None = None,
    workers: int | None = 1,
    scheduler: str | None = None,
    progress: Progress | None = None,
    announce: Callable[[Setup], None] | None = None,
    journal: Journal | None = None,
    live: Live | None = None,
) -> Emitters:
    """Find the emitters of a movie.

    Args:
        movie: a file, the files of one movie in their order, or an array or tensor
            (frames, H, W) or (H, W) in ADU. Arrays of dask, zarr or h5py are read piece by piece.
        axes: the order of the axes of an array or of a ``.npy``, ``.npz`` or ``.mat`` file:
            the letters t, y and x; by default (frames, H, W), for a ``.mat`` what its shape
            suggests.
        model: a trained model, its name, or a file of weights.
        pixel_size: nm; by default what the file says, else 100 with a warning.
        psf_sigma: width of the PSF in nm; estimated from the movie by default.
        camera: a :class:`truevar.Camera`; some of its numbers by name (``baseline``,
            ``e_per_adu``, ``em_gain``, ``read_sigma``), or an earlier table's ``meta``; the name of
            a saved camera (``truevar camera add``); or a camera file, such as the ``.yaml``
            beside an earlier table. What is missing comes from the movie's tags, then from an
            estimate.
        camera_profile: a saved camera or a camera file for what the numbers in ``camera`` leave
            open.
        camera_maps: (3, H, W) offset in ADU, variance in ADU², gain in ADU per electron, or a
            ``.npy`` file of them.
        camera_offset: (x, y) in px of the movie's first pixel on maps that are larger.
        frames: (first, end), counted from 0, half-open; None for an open end. The frames
            just outside are looked at as neighbours, so the range gives the same emitters as
            the whole movie (with the same camera and PSF width); refined places of those that
            are on for longer differ by a part of their errors.
        roi: (x0, x1, y0, y1) in px, half-open.
        min_prob: emitters less probable are left out; the model's own threshold by default.
        device: where to compute; a model that is given stays where it is.
        precision: ``float32``, ``bfloat16`` or ``auto``; see
            :func:`truevar.inference.precision.pick_precision`.
        preview: decide on the coarsest scale only: several times faster, positions less precise,
            emitters close together taken for one.
        refine: place the emitters by the likelihood of all frames they are on in, as far as that
            can be believed (:mod:`truevar.refinement`). Previews and samples are not refined.
        samples: draw so many joint answers of a next-scale model in place of one table with
            probabilities: whole fields that it holds possible, told apart by the column
            ``sample`` (:mod:`truevar.inference.draws`). ``min_prob`` does not matter then.
        workers: localise with so many processes, which share this one's threads; the table is the
            same, but for a seventh digit that may depend on their number. None for as many as pay
            off: one for each thread (up to eight) where the movie is long, on a processor.
        scheduler: address, or file, of a Dask scheduler (``dask.distributed``) whose workers
            localise; the table is the same. They must have this version of this package.
        progress: called after every batch; with ``scheduler`` after every chunk of frames.
        announce: called with the setup before the first frame, and with what is new in it
            if frames turn out to hold more emitters than the model knows.
        live: called after every batch with a function that gives the emitters so far.
        journal: where finished frames are kept, and taken from, until the table is written.

    Returns:
        the table, sorted by frame. Positions and frames refer to the whole movie, also under
        ``roi`` and ``frames``; ``meta`` says what was used and where it came from,
        ``meta["warnings"]`` what may be wrong with it.

    Warns:
        TrueVARWarning: the lines of ``meta["warnings"]``, before the first frame as far as they are
            known by then.

    Raises:
        UserError: the movie, the model or a number cannot be used.
    """
    asked = Asked(
        axes=axes,
        model=model,
        pixel_size=pixel_size,
        psf_sigma=psf_sigma,
        camera=camera,
        camera_profile=camera_profile,
        camera_maps=camera_maps,
        camera_offset=camera_offset,
        frames=frames,
        roi=roi,
        min_prob=min_prob,
        device=device,
        precision=precision,
        preview=preview,
        refine=refine,
        samples=samples,
        workers=workers,
        scheduler=scheduler,
    )
    return _found(movie, asked, journal, False, progress, announce, live).joined()


def localize_to_disk(
    movie: MovieLike,
    journal: Journal,
    asked: Asked,
    progress: Progress | None = None,
    announce: Announce | None = None,
    live: Live | None = None,
) -> TableParts:
    """Find the emitters of a movie, however many: memory does not grow with them.

    Args:
        movie: as for :func:`localize`.
        journal: holds them until it is removed; the table reads them from there.
        asked: its other arguments.
        progress, announce, live: as there.

    Raises:
        UserError: as there, and when the table is read and the journal is damaged.
    """
    return _found(movie, asked, journal, True, progress, announce, live)


def _found(
    movie: MovieLike,
    asked: Asked,
    journal: Journal | None,
    on_disk: bool,
    progress: Progress | None,
    announce: Announce | None,
    live: Live | None,
) -> TableParts:
    """What :func:`localize` does; with ``on_disk`` the journal alone holds what is finished."""
    source, frames, roi = as_movie(movie), as_range(asked.frames), as_region(asked.roi)
    asked = asked.with_model()
    began = time.monotonic()
    with open_movie(source, frames=frames, roi=roi, axes=asked.axes) as part:
        part.check_not_empty()
        ready = replace(prepare(part, asked, announce), began=began)
        return gather(ready, journal, on_disk, progress, announce, live)
