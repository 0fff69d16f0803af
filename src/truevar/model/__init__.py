"""The model: tensors in, tensors out. Imports neither ``truevar.io`` nor ``truevar.simulate``.

The way of a frame: :mod:`~truevar.model.normalise` (physics out),
:mod:`~truevar.model.encoder` (full-resolution features), :mod:`~truevar.model.scales`
(coarse to fine), :mod:`~truevar.model.heads` (what a scale says), put together by
:mod:`~truevar.model.predictor`. :mod:`~truevar.model.loss` trains it,
:mod:`~truevar.model.weights` stores it.
"""

from truevar.model.loss import EmitterTargets, VAREmitterLoss
from truevar.model.predictor import TrueVAREmitterPredictor

__all__ = ["EmitterTargets", "TrueVAREmitterPredictor", "VAREmitterLoss"]
