"""Configuration: what a model is, how it is trained, and what on; needs nothing but Python.

Frozen dataclasses that refuse, when they are made, what cannot work, each with ``to_dict`` and
``from_dict``; :class:`RunConfig` holds the three of a training run and is one file in JSON.
"""

from truevar.config.mix import TrainingMix
from truevar.config.model import PRESETS, RESIDUALS, ModelConfig
from truevar.config.run import RunConfig, check_together, read_object
from truevar.config.training import ENDLESS, TrainConfig

__all__ = [
    "ENDLESS",
    "PRESETS",
    "RESIDUALS",
    "ModelConfig",
    "RunConfig",
    "TrainConfig",
    "TrainingMix",
    "check_together",
    "read_object",
]
