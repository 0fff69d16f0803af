"""Localise a movie while the microscope still writes it.

Chunks are localised as their frames come and go into the journal. When there are no more, the
finished movie is localised like any other, with that journal: so its table is that of a run after
the fact. Only what has to be estimated is estimated from the first frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np

from truevar.calibration.imaging_setup import Setup
from truevar.errors import UserError
from truevar.inference.arguments import as_range, as_region
from truevar.inference.asked import Announce, Asked, Ready, prepare
from truevar.inference.chunks import chunks
from truevar.inference.crowding import CrowdingWatch
from truevar.inference.gather import Live, Progress, gather, settings_of, table_for
from truevar.inference.incoming import Incoming, localize_incoming
from truevar.inference.journal import GROWING, Chunk, Journal
from truevar.io.movies.growing import Growing, arriving, open_growing
from truevar.io.movies.movie import Movie, open_movie
from truevar.io.movies.stored import ArrayFrames
from truevar.io.tables.parts import TableParts
from truevar.wording import Message, argument, subject

FOREVER = 1 << 31
"""More frames than any movie has."""

_UNKNOWN = ("frames in all", "frame range", "last frame")
"""Settings that are known only when a movie is complete."""

UNKNOWN_TOTAL = 0
"""Frames in all, for ``progress``."""


@dataclass
class Following:
    """When to stop following a movie.

    Attributes:
        idle: seconds without anything new after which a movie is complete.
        stopped: whether to end at once, with the frames that have come.
    """

    idle: float
    stopped: Callable[[], bool] = lambda: False


def follow_to_disk(
    movie: str | PathLike[str] | Sequence[str | PathLike[str]],
    journal: Journal,
    asked: Asked,
    following: Following,
    progress: Progress | None = None,
    announce: Announce | None = None,
    live: Live | None = None,
) -> TableParts:
    """Localise a TIFF that grows, or a folder that TIFFs arrive in, which need not be there yet.

    Args:
        movie: the file or folder.
        journal: holds the emitters until it is removed; the table reads them from there.
        asked: how.
        following: when to stop.
        progress, announce, live: as for :func:`truevar.localize`; the frames in all that progress
            is told are :data:`UNKNOWN_TOTAL`.

    Returns:
        the table of the finished movie; of what has come where it was stopped.

    Raises:
        UserError: nothing came, or it cannot be used.
    """
    path = _only_one(movie, asked)
    asked, told = asked.with_model(), set[str]()

    def tell(setup: Setup) -> None:
        new = replace(
            setup,
            notes=[line for line in setup.notes if line not in told],
            warnings=[line for line in setup.warnings if line not in told],
        )
        told.update(map(str, (*setup.notes, *setup.warnings)))
        if announce and (new.notes or new.warnings):
            announce(new)

    growing = open_growing(path)
    was_stopped = False

    def stopped() -> bool:
        nonlocal was_stopped
        was_stopped = was_stopped or following.stopped()
        return was_stopped

    incoming = Incoming(arriving(growing, following.idle, stopped))
    ready, first = _begin(path, growing, incoming, asked, following, tell)
    settled = replace(ready.used, notes=[*ready.used.notes], warnings=[*ready.used.warnings])
    _follow(ready, first, incoming, journal, progress, tell, live)
    with _finished(path, growing, asked, was_stopped) as part:
        if part.total_frames < incoming.come:
            raise UserError(
                f"{path} holds {part.total_frames} frames, and {incoming.come} had come; localise "
                f"it again with {argument('overwrite', True)}"
            )
        used = _settle(settled, asked.setup_of(part), len(part))
        tell(used)
        part.check_not_empty()
        final = replace(prepare(part, asked, used=used), began=ready.began)
        journal.keep_only(chunks(part.first_frame, *part.shape))
        return gather(final, journal, True, announce=tell)


def _only_one(movie: str | PathLike[str] | Sequence[str | PathLike[str]], asked: Asked) -> Path:
    paths = [movie] if isinstance(movie, (str, PathLike)) else list(movie)
    if len(paths) != 1:
        raise UserError(f"one file or folder can be followed, and {len(paths)} were given")
    several = (asked.workers or 1) > 1
    if several or asked.scheduler is not None:
        name = "workers" if several else "scheduler"
        raise UserError(
            f"a movie is followed by one process; leave out {subject(name)} or {subject('follow')}"
        )
    if asked.axes is not None:
        raise UserError(f"{subject('axes')} is for arrays; leave it out for a TIFF")
    return Path(paths[0])


def _begin(
    path: Path,
    growing: Growing,
    incoming: Incoming,
    asked: Asked,
    following: Following,
    announce: Announce,
) -> tuple[Ready, int]:
    """Wait for the first frames and settle from them what is to be settled; the first frame's
    number."""
    first = (as_range(asked.frames) or (0, None))[0] or 0
    incoming.wait_for(first + 1)
    if incoming.come <= first:
        if not incoming.come:
            raise UserError(f"no frame came into {path}")
        raise UserError(
            f"no more than {incoming.come} frames came into {path}, with {following.idle:g} s for "
            f"the next; start later, or give {argument('follow', 60)} for a longer time"
        )
    height, width = incoming.read(first, first + 1).shape[1:]
    wanted = asked.wanted_first(growing.meta, height, width)
    source = ArrayFrames(incoming.read(first, first + wanted), path=path)
    source.meta.update(growing.meta)
    part = Movie(source, path.name or path.resolve().name, path, roi=as_region(asked.roi))
    ready = prepare(part, asked, announce)
    rows, cols = (
        slice(at, at + n) for at, n in zip((part.y0, part.x0), part.shape[1:], strict=True)
    )
    incoming.crop(rows, cols)
    return ready, first


def _follow(
    ready: Ready,
    first_frame: int,
    incoming: Incoming,
    journal: Journal,
    progress: Progress | None,
    announce: Announce,
    live: Live | None,
) -> None:
    """Put chunks into the journal as their frames come."""
    settings = {name: said for name, said in settings_of(ready).items() if name not in _UNKNOWN}
    journal.check({**settings, GROWING: True})
    table = table_for(ready, journal, on_disk=True)
    watch = CrowdingWatch(ready.trained.domain, ready.used, announce)
    height, width = ready.engine.size
    end_frame = (as_range(ready.asked.frames) or (0, None))[1] or FOREVER
    for first, stop in chunks(first_frame, end_frame - first_frame, height, width):
        if kept := journal.read(first, stop):
            incoming.pass_by(stop, ready.beside)
            table.add_columns(kept.columns)
            watch.say(kept.warning)
            if progress:
                progress(min(incoming.come, stop) - first_frame, UNKNOWN_TOTAL, len(table))
            continue
        # What an earlier run found at the movie's end as it was then.
        journal.keep_only(one for one in list(journal.done) if one[0] != first)
        end, already = first, watch.said
        for found, at in localize_incoming(ready.engine, incoming, first, stop, ready.refine_to):
            table.add(found, at[0])
            watch(len(found.x) // (ready.asked.samples or 1), len(range(*at)) * height * width, at)
            end = at[1]
            if progress:
                progress(end - first_frame, UNKNOWN_TOTAL, len(table))
            if live:
                live(lambda: table.emitters(ready.picture_meta))
        if end > first:
            journal.add(first, end, Chunk(table.columns(0), "" if already else watch.said))
            table.finished()
        if end < stop:
            return


def _finished(path: Path, growing: Growing, asked: Asked, stopped: bool) -> Movie:
    """The movie as it is now; of one that was stopped, or cannot be opened yet, what has come."""
    frames, roi = as_range(asked.frames), as_region(asked.roi)
    if not stopped:
        try:
            return open_movie(path, frames=frames, roi=roi)
        except UserError:  # the program that writes it has not closed it
            pass
    return Movie(growing.source(), path.name or path.resolve().name, path, frames, roi)


def _settle(first: Setup, whole: Setup, frames: int) -> Setup:
    """The setup for the table: that of the first frames, with what is said about the whole movie.

    Args:
        first: what the frames have been localised with.
        whole: what would be settled on now.
        frames: how many there are now.
    """
    same_camera = first.camera.describe() == whole.camera.describe() and all(
        np.array_equal(getattr(first.camera, name), getattr(whole.camera, name))
        for name in ("baseline", "e_per_adu", "read_sigma")
    )
    px, sigma = whole.pixel_size, whole.psf_sigma
    if same_camera and (first.pixel_size, first.psf_sigma) == (px, sigma):
        return whole
    now = []
    if not same_camera:
        e_per_adu = float(np.median(whole.camera.e_per_adu))
        baseline = float(np.median(whole.camera.baseline))
        now.append(f"a baseline of {baseline:.4g} ADU and {e_per_adu:.3g} electrons per ADU")
    if first.psf_sigma != sigma:
        now.append(f"a PSF of {sigma:.0f} nm")
    if now:
        first.notes.append(
            Message(
                f"what was estimated is from the movie's first frames; all {frames} say "
                f"{' and '.join(now)}"
            )
        )
    if first.pixel_size != px:
        first.warnings.append(
            f"a pixel size of {first.pixel_size:g} nm was used, and the movie says {px:g} now that "
            "it is complete: localise it again"
        )
    return first
