"""The model: tensors in, tensors out. Imports neither ``truevar.io`` nor ``truevar.simulation``.

The way of a frame: :mod:`~truevar.model.frame_reader` with :mod:`~truevar.model.normalise`
(physics out) and :mod:`~truevar.model.encoder` (features), :mod:`~truevar.model.cascade` (scale
after scale: :mod:`~truevar.model.scales`, :mod:`~truevar.model.heads`,
:mod:`~truevar.model.handdown`, :mod:`~truevar.model.f_hat`), put together by
:mod:`~truevar.model.predictor`.
:mod:`~truevar.model.loss` trains it, :mod:`~truevar.model.weights` stores it with a
:mod:`~truevar.model.header`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from truevar.model.loss import VAREmitterLoss
    from truevar.model.predictor import TrueVAREmitterPredictor
    from truevar.model.targets import EmitterTargets

_WHERE = {
    "EmitterTargets": "truevar.model.targets",
    "TrueVAREmitterPredictor": "truevar.model.predictor",
    "VAREmitterLoss": "truevar.model.loss",
}

__all__ = ["EmitterTargets", "TrueVAREmitterPredictor", "VAREmitterLoss"]


def __getattr__(name: str) -> Any:
    # Imported when first used: :mod:`~truevar.model.header` is read without torch.
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'truevar.model' has no attribute {name!r}")
