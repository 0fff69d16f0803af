"""With how many digits a model is trained."""

from __future__ import annotations

import torch

from truevar.device import multiplies_bfloat16


def mixed_precision(device: torch.device) -> torch.autocast:
    """Convolutions and matrix products in bfloat16 where the hardware has it, else in float32.

    What a model learns is the same; which is faster differs by up to eighty times.
    """
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=multiplies_bfloat16(device))
