"""The model's classes: from var_emitter_model_true import TrueVAREmitterPredictor."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "src"))

from truevar.doors import need_torch  # noqa: E402

need_torch()

from truevar.model.loss import VAREmitterLoss  # noqa: E402
from truevar.model.predictor import TrueVAREmitterPredictor  # noqa: E402
from truevar.model.quantizer import EmitterVectorQuantizer  # noqa: E402
from truevar.model.transformer import AdaLNSelfAttn  # noqa: E402

__all__ = ["AdaLNSelfAttn", "EmitterVectorQuantizer", "TrueVAREmitterPredictor", "VAREmitterLoss"]
