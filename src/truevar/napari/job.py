"""Localising in a thread beside napari's window."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal

from truevar.calibration.imaging_setup import Setup
from truevar.emitters import Emitters
from truevar.errors import TrueVARWarning, UserError
from truevar.inference.localize import localize
from truevar.io.camera_file import CameraProfile
from truevar.model.weights import DEFAULT_MODEL
from truevar.napari.layer_movie import Known
from truevar.napari.wording import in_the_panel

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """What to localise with.

    Attributes:
        known: what the layer, or a saved camera, tells; what is given goes before.
        pixel_size, psf_sigma: nm; None for what is known, else assumed and estimated.
        camera: numbers that were given, by name.
        maps: per-pixel maps of a saved camera.
        model: its name.
        min_prob: None for the model's own.
        device: where to compute.
    """

    known: Mapping[str, Known] = field(default_factory=dict)
    pixel_size: float | None = None
    psf_sigma: float | None = None
    camera: Mapping[str, float] = field(default_factory=dict)
    maps: Path | None = None
    model: str = DEFAULT_MODEL
    min_prob: float | None = None
    device: str = "cpu"


@dataclass(frozen=True)
class Outcome:
    """What came of a run.

    Attributes:
        emitters: the table; of a run that was cancelled that of the finished frames, None where
            there are none.
        cancelled: the run was cancelled before its end.
        error: one line on what went wrong.
    """

    emitters: Emitters | None = None
    cancelled: bool = False
    error: str = ""


class _Cancelled(Exception):  # noqa: N818
    """Carries no more than that: what is finished is kept in the job."""


class Job(QObject):
    """One run of :func:`truevar.localize` that tells how far it is, and can be cancelled.

    Args:
        frames: (frames, H, W) or (H, W), read piece by piece.
        settings: what with.

    Attributes:
        progressed: emitted with frames done, frames in all and emitters so far.
        warned: emitted with every line that says what may be wrong with the result.
    """

    progressed = Signal(int, int, int)
    warned = Signal(str)

    def __init__(self, frames: Any, settings: Settings):
        super().__init__()
        self._frames, self._settings = frames, settings
        self._cancel = threading.Event()
        self._done = (0, 0)
        self._setup: Setup | None = None
        self._so_far: Emitters | None = None

    def cancel(self) -> None:
        """Stop after the frames that are computed together; may be called from any thread."""
        self._cancel.set()

    def run(self) -> Outcome:
        """Localise; nothing is raised, for a thread has nobody to raise it to."""
        try:
            return Outcome(self._localize())
        except _Cancelled:
            return Outcome(self._finished(), cancelled=True)
        except UserError as error:
            return Outcome(error=error.for_command_line(in_the_panel))
        except Exception as error:
            log.exception("localising failed")
            line = " ".join(str(error).split())[:300]
            return Outcome(error=f"localising failed: {type(error).__name__}: {line}")

    def _localize(self) -> Emitters:
        given = self._settings
        numbers = {name: known.value for name, known in given.known.items()}
        sources = {name: known.source for name, known in given.known.items()}
        with warnings.catch_warnings():
            # They are told by `announce`, in this panel's words; here they would come twice.
            warnings.simplefilter("ignore", TrueVARWarning)
            return localize(
                self._frames,
                pixel_size=given.pixel_size,
                psf_sigma=given.psf_sigma,
                camera=dict(given.camera),
                camera_profile=CameraProfile(numbers, sources, maps=given.maps),
                model=given.model,
                min_prob=given.min_prob,
                device=given.device,
                progress=self._progress,
                announce=self._announce,
                live=self._live,
            )

    def _announce(self, setup: Setup) -> None:
        self._setup = self._setup or setup
        for line in setup.warnings:
            told = getattr(line, "for_command_line", None)
            self.warned.emit(told(in_the_panel) if told else str(line))
        self._stop_if_cancelled()

    def _progress(self, done: int, total: int, emitters: int) -> None:
        self._done = (done, total)
        self.progressed.emit(done, total, emitters)

    def _live(self, so_far: Callable[[], Emitters]) -> None:
        if self._cancel.is_set() and self._done[0] < self._done[1]:
            self._so_far = so_far()
            raise _Cancelled

    def _stop_if_cancelled(self) -> None:
        if self._cancel.is_set():
            raise _Cancelled

    def _finished(self) -> Emitters | None:
        """The table of the frames that were finished, which says that it is not of all."""
        if self._so_far is None or self._setup is None:
            return None
        done, total = self._done
        meta = {
            **self._so_far.meta,
            "frames": total,
            "frame_range": [0, done],
            "psf_sigma": self._setup.psf_sigma,
            "camera": self._setup.camera.describe(),
            "sources": dict(self._setup.sources),
            "model": self._settings.model,
            "notes": [
                *map(str, self._setup.notes),
                f"cancelled: frames 0 to {done - 1} of {total} were localised",
            ],
            "warnings": [str(line) for line in self._setup.warnings],
        }
        return Emitters(self._so_far.columns, meta)
