"""What a file of weights says about itself, read without its weights and without torch.

The header of a safetensors file has an entry ``truevar``, which is JSON:

``architecture``  what kind of model; 0.1.0 wrote none, and its model is no longer run
``config``        the model's shape
``threshold``     probability above which an emitter is reported
``errors``        what its standard errors are to be multiplied by, if that was fitted
                  (:class:`truevar.refinement.error_scale.ErrorScale`)
``domain``        ranges of what it was trained on, by dimension
``training``      how it came about: steps, crops, minutes, versions, ``settings`` (the whole
                  training configuration) and ``mix`` (what its scenes were drawn from)

Older files have no ``errors`` and fewer entries in the last two.
"""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import Any

from truevar.errors import UserError

HEADER = "truevar"
"""The entry's name."""


def read_header(path: str | PathLike[str]) -> dict[str, Any]:
    """What a file of :func:`truevar.model.weights.save_weights` says about itself.

    Raises:
        UserError: no such file, or none of this program.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as stored:
            header = json.loads((stored.metadata() or {})[HEADER])
    except FileNotFoundError as error:
        raise UserError(f"there is no file {path}") from error
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise UserError(_foreign(path)) from error
    if not isinstance(header, dict):
        raise UserError(_foreign(path))
    # Whoever shows or uses them may rely on these being mappings, however old the file.
    return {
        **header,
        **{key: _mapping(header.get(key)) for key in ("domain", "training", "errors")},
    }


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _foreign(path: str | PathLike[str]) -> str:
    return (
        f"{Path(path)} holds no weights of truevar; give a file written by `truevar train` or "
        "train_true_var.py"
    )
