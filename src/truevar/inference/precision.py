"""With how many digits the network computes."""

from __future__ import annotations

import torch

from truevar.device import multiplies_bfloat16
from truevar.errors import UserError

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def pick_precision(name: str, device: str | torch.device) -> torch.dtype:
    """The number format of convolutions and matrix products; the rest is always float32.

    Args:
        name: one of :data:`PRECISIONS`, or ``auto``: bfloat16 where the processor multiplies
            matrices of it in hardware (Intel's AMX, NVIDIA's Ampere and later), float32
            elsewhere. What it costs in accuracy is in docs/results.
        device: where the network is.

    Raises:
        UserError: no such format.
    """
    if name == "auto":
        return torch.bfloat16 if _is_fast(torch.device(device)) else torch.float32
    if not isinstance(name, str) or name not in PRECISIONS:
        raise UserError(
            f"there is no precision {name!r}; choose auto or one of {', '.join(PRECISIONS)}"
        )
    return PRECISIONS[name]


def _is_fast(device: torch.device) -> bool:
    """Whether bfloat16 is multiplied in hardware, whole tiles at a time."""
    if device.type == "cuda":
        return multiplies_bfloat16(device)
    # No public name says this in every PyTorch we run on; without it, float32 is right too.
    supports_amx = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return device.type == "cpu" and supports_amx is not None and bool(supports_amx())
