"""Localise a movie: the main job, as a function."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from os import PathLike
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import truevar
from truevar.calibration.camera_sources import Stated
from truevar.calibration.imaging_setup import Setup, find_setup
from truevar.camera import Camera
from truevar.device import pick_device
from truevar.emitters import Emitters
from truevar.errors import TrueVARWarning
from truevar.inference.arguments import (
    MovieLike,
    as_movie,
    as_offset,
    as_range,
    as_region,
    check_model,
    check_probability,
    check_samples,
)
from truevar.inference.chunks import chunks, determines, localize_chunk
from truevar.inference.crowding import CrowdingWatch
from truevar.inference.domain import domain_warnings
from truevar.inference.engine import Engine
from truevar.inference.growing_table import GrowingTable, TableOnDisk
from truevar.inference.journal import Chunk, Journal
from truevar.inference.posterior_check import FRAMES, PosteriorCheck
from truevar.inference.refined import LEAST_PROB
from truevar.inference.width_from_emitters import settle_width
from truevar.io.camera_file import ASSUMED, BY_WIDTH
from truevar.io.movies.movie import open_movie
from truevar.io.tables.parts import TableParts
from truevar.model.weights import DEFAULT_MODEL, TrainedModel, load_model
from truevar.wording import Message

Progress = Callable[[int, int, int], None]
"""Called with frames done, frames in all, and emitters so far."""

Live = Callable[[Callable[[], Emitters]], None]
"""Called with a function that gives the emitters so far."""


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
        progress: called after every batch.
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
    return _found(
        movie,
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
        progress=progress,
        announce=announce,
        journal=journal,
        live=live,
    ).joined()


def localize_to_disk(movie: MovieLike, journal: Journal, **how: Any) -> TableParts:
    """Find the emitters of a movie, however many: memory does not grow with them.

    Args:
        movie: as for :func:`localize`.
        journal: holds them until it is removed; the table reads them from there.
        how: as for :func:`localize`.

    Raises:
        UserError: as there, and when the table is read and the journal is damaged.
    """
    return _found(movie, journal=journal, on_disk=True, **how)


def _found(
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
    progress: Progress | None = None,
    announce: Callable[[Setup], None] | None = None,
    journal: Journal | None = None,
    live: Live | None = None,
    on_disk: bool = False,
) -> TableParts:
    """What :func:`localize` does; with ``on_disk`` the journal alone holds what is finished."""
    check_probability(min_prob)
    check_samples(samples, preview)
    check_model(model, TrainedModel)
    source, frames, roi = as_movie(movie), as_range(frames), as_region(roi)
    camera_offset = as_offset(camera_offset)
    if isinstance(model, TrainedModel):
        trained, device = model, next(model.network.parameters()).device
    else:
        device = pick_device(device)
        trained = load_model(model, device)
    threshold = trained.threshold if min_prob is None else min_prob
    began = time.monotonic()
    with open_movie(source, frames=frames, roi=roi, axes=axes) as part:
        part.check_not_empty()
        n_frames, height, width = part.shape
        field_height, field_width = part.field
        used = find_setup(
            part, pixel_size, psf_sigma, camera, camera_profile, camera_maps, camera_offset
        )
        if used.sources.get("psf_sigma") in (ASSUMED, BY_WIDTH):
            settle_width(trained, part, used, precision)
        sigma_px = used.psf_sigma / used.pixel_size
        used.warnings.extend(domain_warnings(trained.domain, sigma_px, used.pixel_size))
        if announce:
            announce(used)
        for line in used.warnings:
            warnings.warn(TrueVARWarning(line), stacklevel=3)
        refine = refine and not preview and samples is None
        engine = Engine(
            trained,
            used.camera,
            sigma_px,
            height,
            width,
            min(threshold, LEAST_PROB) if refine else threshold,
            precision=precision,
            scales=1 if preview else None,
            samples=samples,
            echoes=refine,
        )
        if preview:
            used.notes.append(Message(f"a preview: cells of {engine.cells[-1]:g} px only"))
        picture_meta = {
            "pixel_size": used.pixel_size,
            "width": field_width,
            "height": field_height,
            "region": [part.x0, part.x0 + width, part.y0, part.y0 + height],
        }
        origin = (part.first_frame, part.x0, part.y0, used.pixel_size)
        table = TableOnDisk(journal, *origin) if journal and on_disk else GrowingTable(*origin)
        if journal:
            journal.check(determines(part, used, trained, threshold, engine, refine))
        watch = CrowdingWatch(trained.domain, used, announce)
        # Draws and previews are no answer that could look like the movie.
        check = PosteriorCheck(part, used, 0 if preview or samples is not None else FRAMES)
        for first, stop in chunks(part.first_frame, n_frames, height, width):
            if kept := journal.read(first, stop) if journal else None:
                table.add_columns(kept.columns)
                check.add(kept.columns, first, stop)
                watch.say(kept.warning)
                if progress:
                    progress(stop - part.first_frame, n_frames, len(table))
                continue
            rows, already = len(table.parts), watch.said
            refine_to = threshold if refine else None
            for found, done in localize_chunk(engine, part, first, stop, refine_to):
                table.add(found, done[0] - part.first_frame)
                watch(len(found.x) // (samples or 1), (done[1] - done[0]) * height * width, done)
                if progress:
                    progress(done[1] - part.first_frame, n_frames, len(table))
                if live:
                    live(lambda: table.emitters(picture_meta))
            check.add(table.columns(rows), first, stop)
            if journal:
                warning = "" if already else watch.said
                journal.add(first, stop, Chunk(table.columns(rows), warning))
                table.finished()
        meta = {
            "program": f"truevar {truevar.__version__}",
            "movie": part.name,
            **picture_meta,
            "frames": part.total_frames,
            "frame_range": [part.first_frame, part.first_frame + n_frames],
            "psf_sigma": used.psf_sigma,
            "camera": used.camera.describe(),
            "sources": used.sources,
            "model": trained.name,
            "min_prob": threshold if samples is None else 0.0,
            **({"samples": samples} if samples is not None else {"refined": refine}),
            "device": str(device),
            "precision": str(engine.precision).removeprefix("torch."),
            **check.tell(announce),
            "seconds": round(time.monotonic() - began, 2),
            "notes": [str(line) for line in used.notes],
            "warnings": [str(line) for line in used.warnings],
        }
    return table.in_parts(meta)
