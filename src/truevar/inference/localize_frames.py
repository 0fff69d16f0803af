"""Localise frames as a camera gives them, for acquisition software."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from os import PathLike
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import truevar
from truevar.calibration.camera_sources import Stated
from truevar.calibration.imaging_setup import Setup
from truevar.camera import Camera
from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.inference.arguments import as_movie, as_region, check_together
from truevar.inference.asked import Asked, Ready, prepare
from truevar.inference.chunks import chunks
from truevar.inference.crowding import CrowdingWatch
from truevar.inference.growing_table import GrowingTable
from truevar.inference.incoming import Found, Incoming, localize_at_once, localize_incoming
from truevar.io.movies.movie import open_movie
from truevar.model.weights import DEFAULT_MODEL, TrainedModel

FOREVER = 1 << 31
"""More frames than any movie has."""


def localize_frames(
    frames: Iterable[Any],
    *,
    model: str | PathLike[str] | TrainedModel = DEFAULT_MODEL,
    pixel_size: float | None = None,
    psf_sigma: float | None = None,
    camera: Camera | Stated | None = None,
    camera_profile: Stated | None = None,
    camera_maps: NDArray[np.float32] | str | PathLike[str] | None = None,
    camera_offset: tuple[int, int] | None = None,
    roi: tuple[int | None, int | None, int | None, int | None] | None = None,
    min_prob: float | None = None,
    device: str | torch.device = "cpu",
    precision: str = "auto",
    preview: bool = False,
    refine: bool = True,
    together: int | None = 8,
    announce: Callable[[Setup], None] | None = None,
) -> Iterator[Emitters]:
    """Find the emitters of frames while they come in.

    The emitters of a frame are given when the frames behind it have come that can tell something
    about them: at most ``together`` + 3 of them with the models that come with the package (two
    neighbours, two more for refinement), ``together`` + 1 without refinement. Frames are taken from
    the iterator one by one and only when they are wanted, so it may wait for the camera.

    Relation to :func:`truevar.localize`, given the same frames, camera and PSF width: the same
    emitters with the same photons, background and probability. Places differ by a part of their
    errors, for an emitter that stays on is refined with the frames around ``together`` frames,
    there with those around 8 to 64; without refinement they are the same. (The same: but for the
    last digits of single precision.) With ``together=None`` frames are taken together as there, and
    all of it is the same to the last digit. What :func:`truevar.localize` says at the end (``fit``,
    warnings about it) is not said here.

    Args:
        frames: gives (H, W) frames or (n, H, W) blocks, in order, all of one size, in ADU.
        model, pixel_size, camera_profile, camera_maps, camera_offset, min_prob, device, precision,
        preview, refine: as for :func:`truevar.localize`.
        psf_sigma, camera: as there. What is not given is estimated from the first frames (200; of
            large frames fewer), and nothing is given before they have come.
        roi: (x0, x1, y0, y1) in px, half-open; positions refer to the whole frame.
        together: frames that are given together; fewer come sooner and take longer to compute,
            for each lot needs those around it as well. None for as many as
            :func:`truevar.localize` takes together.
        announce: called with the setup before the first frame, and with what is new in it if
            frames turn out to hold more emitters than the model knows.

    Yields:
        tables of successive frames, ``meta["frame_range"]`` (first, end), without a gap, and also
        where there are no emitters. ``Emitters.concat`` joins them.

    Raises:
        UserError: the model or a number cannot be used (at once); a frame cannot (when it comes).
    """
    check_together(together)
    asked = Asked(
        model=model,
        pixel_size=pixel_size,
        psf_sigma=psf_sigma,
        camera=camera,
        camera_profile=camera_profile,
        camera_maps=camera_maps,
        camera_offset=camera_offset,
        roi=roi,
        min_prob=min_prob,
        device=device,
        precision=precision,
        preview=preview,
        refine=refine,
    ).with_model()
    try:
        blocks = _blocks(iter(frames))
    except TypeError as error:
        raise UserError(
            f"frames are given by an iterator, and {type(frames).__name__} is none"
        ) from error
    return _found(blocks, asked, together, announce)


def _found(
    blocks: Iterator[NDArray[Any]],
    asked: Asked,
    together: int | None,
    announce: Callable[[Setup], None] | None,
) -> Iterator[Emitters]:
    first = next(blocks, None)
    if first is None:
        return
    incoming = Incoming(chain([first], blocks))
    known = incoming.read(0, asked.wanted_first({}, *first.shape[1:]))
    with open_movie(known, roi=as_region(asked.roi)) as part:
        ready = prepare(part, asked, announce, stacklevel=4)
        (_, height, width), x0, y0 = part.shape, part.x0, part.y0
    incoming.crop(slice(y0, y0 + height), slice(x0, x0 + width))
    watch = CrowdingWatch(ready.trained.domain, ready.used, announce)
    meta = {
        "program": f"truevar {truevar.__version__}",
        "movie": "frames as they came",
        **ready.picture_meta,
        **ready.how_meta(),
    }
    for found, at in _answers(ready, incoming, together):
        table = GrowingTable(0, x0, y0, ready.used.pixel_size)
        table.add(found, at[0])
        watch(len(found.x), (at[1] - at[0]) * height * width, at)
        notes = {"notes": ready.used.notes, "warnings": ready.used.warnings}
        told = {name: [str(line) for line in lines] for name, lines in notes.items()}
        yield table.emitters({**meta, "frame_range": list(at), **told})


def _answers(ready: Ready, incoming: Incoming, together: int | None) -> Found:
    if together is not None:
        yield from localize_at_once(ready.engine, incoming, ready.refine_to, together)
        return
    for first, stop in chunks(0, FOREVER, *ready.engine.size):
        incoming.wait_for(first + 1)
        if incoming.come <= first:
            return
        yield from localize_incoming(ready.engine, incoming, first, stop, ready.refine_to)


def _blocks(frames: Iterator[Any]) -> Iterator[NDArray[Any]]:
    """Frames as (n, H, W), all of one size."""
    size: tuple[int, ...] | None = None
    for one in frames:
        block = np.asarray(as_movie(one))
        block = block[None] if block.ndim == 2 else block
        if block.ndim != 3 or block.dtype.kind not in "iuf":
            raise UserError(
                f"a frame is an array (H, W), or several (n, H, W), in ADU; one of "
                f"{block.shape} {block.dtype} came"
            )
        size = size or block.shape[1:]
        if block.shape[1:] != size:
            raise UserError(
                f"a frame of {block.shape[2]} x {block.shape[1]} px came after frames of "
                f"{size[1]} x {size[0]} px; all must be of one size"
            )
        if len(block):
            yield block
