"""Where to compute."""

from __future__ import annotations

import ctypes
import sys

import torch

from truevar.errors import UserError

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""glibc's numbers for what ``mallopt`` changes."""


def pick_device(name: str | torch.device) -> torch.device:
    """A device that is there.

    Raises:
        UserError: unknown, or not on this machine.
    """
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # "meta" has tensors, but nothing in them
    except (RuntimeError, AssertionError, NotImplementedError, ImportError, TypeError) as error:
        raise UserError(
            f"device {str(name)!r} is not available here; use cpu, or cuda on a machine with an "
            "NVIDIA GPU"
        ) from error
    return device


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is multiplied in hardware.

    Elsewhere PyTorch does it number by number, up to eighty times slower than float32.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    # No public names say this in every PyTorch we run on; without them, float32 is right too.
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    told = [getattr(torch.cpu, name, None) for name in names]
    return device.type == "cpu" and any(supports is not None and supports() for supports in told)


def keep_freed_memory() -> None:
    """Let this process keep the memory that it frees, for its next large tensors.

    The C library of Linux gives large blocks back to the system at once, and getting them again,
    page by page, takes a tenth of the time of localising. Elsewhere this does nothing. Of use to a
    program of its own, not to a function in somebody else's.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library than glibc
        return
    mallopt(_MMAP_THRESHOLD, 1 << 30)
    mallopt(_TRIM_THRESHOLD, (1 << 31) - 1)
