"""What localising is asked to do, and a movie made ready for it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from truevar.calibration.camera_sources import Stated
from truevar.calibration.imaging_setup import Setup, find_setup, leaves_open, sample_size
from truevar.camera import Camera
from truevar.device import pick_device
from truevar.errors import TrueVARWarning
from truevar.inference.arguments import (
    as_offset,
    as_range,
    as_region,
    check_machines,
    check_model,
    check_probability,
    check_samples,
)
from truevar.inference.chunks import frames_around
from truevar.inference.domain import domain_warnings
from truevar.inference.engine import Engine
from truevar.inference.width_from_emitters import settle_width
from truevar.io.camera_file import ASSUMED, BY_WIDTH
from truevar.io.movies.movie import Movie
from truevar.model.weights import DEFAULT_MODEL, TrainedModel, load_model
from truevar.wording import Message

Announce = Callable[[Setup], None]
"""Called with the setup before the first frame, and later with what is new in it."""

_FEW = 12
"""First frames of a movie still to come, where nothing has to be estimated from them."""


@dataclass(frozen=True)
class Asked:
    """The arguments of :func:`truevar.localize` that say what is done to a movie.

    Raises:
        UserError: one cannot be used, whatever the movie.
    """

    axes: str | None = None
    model: str | PathLike[str] | TrainedModel = DEFAULT_MODEL
    pixel_size: float | None = None
    psf_sigma: float | None = None
    camera: Camera | Stated | None = None
    camera_profile: Stated | None = None
    camera_maps: NDArray[np.float32] | str | PathLike[str] | None = None
    camera_offset: tuple[int, int] | None = None
    frames: tuple[int | None, int | None] | None = None
    roi: tuple[int | None, int | None, int | None, int | None] | None = None
    min_prob: float | None = None
    device: str | torch.device = "cpu"
    precision: str = "auto"
    preview: bool = False
    refine: bool = True
    samples: int | None = None
    workers: int | None = 1
    scheduler: str | None = None

    def __post_init__(self) -> None:
        check_probability(self.min_prob)
        check_samples(self.samples, self.preview)
        check_model(self.model, TrainedModel)
        check_machines(self.workers, self.scheduler)
        as_range(self.frames)
        as_region(self.roi)
        as_offset(self.camera_offset)

    def with_model(self) -> Asked:
        """The same with the model loaded, to where it computes."""
        if isinstance(self.model, TrainedModel):
            return self
        return replace(self, model=load_model(self.model, pick_device(self.device)))

    def wanted_first(self, meta: Mapping[str, Any], height: int, width: int) -> int:
        """Frames of a movie still to come that must be there before it can be localised.

        Args:
            meta: what its file says.
            height, width: of its frames.
        """
        given = (self.psf_sigma, self.camera, self.camera_profile, self.camera_maps)
        if leaves_open(meta, *given):
            return sample_size(height, width)
        return min(_FEW, sample_size(height, width))

    def setup_of(self, part: Movie) -> Setup:
        """What a movie was taken with; the model must be loaded."""
        used = find_setup(
            part,
            self.pixel_size,
            self.psf_sigma,
            self.camera,
            self.camera_profile,
            self.camera_maps,
            as_offset(self.camera_offset),
        )
        assert isinstance(self.model, TrainedModel)
        if used.sources.get("psf_sigma") in (ASSUMED, BY_WIDTH):
            settle_width(self.model, part, used, self.precision)
        sigma_px = used.psf_sigma / used.pixel_size
        used.warnings.extend(domain_warnings(self.model.domain, sigma_px, used.pixel_size))
        return used


@dataclass
class Ready:
    """A movie with all that it takes to localise it.

    Attributes:
        asked: with its model loaded.
        part: the movie's part that is localised.
        used: what it was taken with.
        trained: the model.
        threshold: emitters less probable are left out.
        refine: whether emitters are placed anew by all frames they are on in.
        engine: the model at work on frames of this size.
        began: when, by the monotonic clock.
    """

    asked: Asked
    part: Movie
    used: Setup
    trained: TrainedModel
    threshold: float
    refine: bool
    engine: Engine
    began: float

    @property
    def refine_to(self) -> float | None:
        """As :func:`truevar.inference.chunks.localize_chunk` has it."""
        return self.threshold if self.refine else None

    @property
    def beside(self) -> int:
        """Frames to each side of some that tell something about their emitters."""
        return frames_around(self.engine, self.refine)

    @property
    def picture_meta(self) -> dict[str, Any]:
        """What a picture needs to know of the field."""
        (_, height, width), (field_height, field_width) = self.part.shape, self.part.field
        return {
            "pixel_size": self.used.pixel_size,
            "width": field_width,
            "height": field_height,
            "region": [self.part.x0, self.part.x0 + width, self.part.y0, self.part.y0 + height],
        }

    def how_meta(self) -> dict[str, Any]:
        """How a table of this came about, for its ``meta``."""
        samples = self.asked.samples
        return {
            "psf_sigma": self.used.psf_sigma,
            "camera": self.used.camera.describe(),
            "sources": self.used.sources,
            "model": self.trained.name,
            "min_prob": self.threshold if samples is None else 0.0,
            **({"samples": samples} if samples is not None else {"refined": self.refine}),
            "device": str(self.engine.device),
            "precision": str(self.engine.precision).removeprefix("torch."),
        }


def prepare(
    part: Movie,
    asked: Asked,
    announce: Announce | None = None,
    used: Setup | None = None,
    stacklevel: int = 4,
) -> Ready:
    """Settle the setup, tell it, and put the model to work.

    Args:
        part: the movie's part that is localised.
        asked: with its model loaded.
        announce: called with the setup.
        used: a setup that was settled, and told, before.
        stacklevel: of the warnings.

    Raises:
        UserError: a number out of range, or what does not belong to the movie.
    """
    began = time.monotonic()
    assert isinstance(asked.model, TrainedModel)
    trained = asked.model
    if used is None:
        used = asked.setup_of(part)
        if announce:
            announce(used)
        for line in used.warnings:
            warnings.warn(TrueVARWarning(line), stacklevel=stacklevel)
    threshold = trained.threshold if asked.min_prob is None else asked.min_prob
    refine = asked.refine and not asked.preview and asked.samples is None
    _, height, width = part.shape
    engine = Engine(
        trained,
        used.camera,
        used.psf_sigma / used.pixel_size,
        height,
        width,
        threshold,
        precision=asked.precision,
        scales=1 if asked.preview else None,
        samples=asked.samples,
        echoes=refine,
    )
    said = f"a preview: cells of {engine.cells[-1]:g} px only"
    if asked.preview and said not in used.notes:
        used.notes.append(Message(said))
    return Ready(asked, part, used, trained, threshold, refine, engine, began)
