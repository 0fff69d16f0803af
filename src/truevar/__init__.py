"""TrueVAR: emitters of localisation microscopy by next-scale prediction.

import truevar
emitters = truevar.localize("movie.tif", pixel_size=100)
emitters.write("emitters.csv")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from truevar.camera import Camera
    from truevar.emitters import Emitters
    from truevar.errors import TrueVARWarning, UserError
    from truevar.evaluation.scoring import evaluate
    from truevar.inference.localize import localize
    from truevar.inference.localize_frames import localize_frames
    from truevar.io.tables.table import read_emitters as read
    from truevar.io.tables.table import write_emitters as write
    from truevar.model.weights import load_model
    from truevar.postprocess.drift import correct_drift
    from truevar.postprocess.filtering import filter_rows
    from truevar.postprocess.linking import link
    from truevar.postprocess.resolution import fourier_ring
    from truevar.simulation.scenes import simulate
    from truevar.training.run import train
    from truevar.view.picture import save_picture
    from truevar.view.report.page import report

_WHERE = {
    "Camera": "truevar.camera",
    "Emitters": "truevar.emitters",
    "TrueVARWarning": "truevar.errors",
    "UserError": "truevar.errors",
    "correct_drift": "truevar.postprocess.drift",
    "evaluate": "truevar.evaluation.scoring",
    "filter_rows": "truevar.postprocess.filtering",
    "fourier_ring": "truevar.postprocess.resolution",
    "link": "truevar.postprocess.linking",
    "load_model": "truevar.model.weights",
    "localize": "truevar.inference.localize",
    "localize_frames": "truevar.inference.localize_frames",
    "read": "truevar.io.tables.table:read_emitters",
    "report": "truevar.view.report.page",
    "save_picture": "truevar.view.picture",
    "simulate": "truevar.simulation.scenes",
    "train": "truevar.training.run",
    "write": "truevar.io.tables.table:write_emitters",
}
"""Module of every name, and what it is called there if otherwise."""

_RENAMED = {"read_emitters": "read", "write_emitters": "write"}

__all__ = [
    "Camera",
    "Emitters",
    "TrueVARWarning",
    "UserError",
    "__version__",
    "correct_drift",
    "evaluate",
    "filter_rows",
    "fourier_ring",
    "link",
    "load_model",
    "localize",
    "localize_frames",
    "read",
    "report",
    "save_picture",
    "simulate",
    "train",
    "write",
]


def __getattr__(name: str) -> Any:
    # Imported when first used: training needs none of the readers, help none of torch.
    if name in _WHERE:
        module, _, called = _WHERE[name].partition(":")
        return getattr(import_module(module), called or name)
    if name in _RENAMED:
        raise AttributeError(f"truevar.{name} is called truevar.{_RENAMED[name]} now")
    raise AttributeError(f"module 'truevar' has no attribute {name!r}")
