"""Where to compute."""

from __future__ import annotations

import torch

from truevar.errors import UserError


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
