"""The mission's four doors: what the files at the root of the repository lead to.

``train_true_var.py`` (:mod:`truevar.doors.train`), ``inference_true_var.py``
(:mod:`truevar.doors.inference`), ``config_true_var.json`` (:mod:`truevar.doors.configuration`)
and ``var_emitter_model_true.py``, which hands on the model's classes.

Importing this package needs nothing but Python, so that a missing package is said in one line.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from truevar.cli import guarded
from truevar.doors.options import as_door_option
from truevar.errors import UserError

_INSTALL = (
    "run `make demo`, then use .venv/bin/python; or install all that is needed: "
    "python -m pip install ."
)
_WHEN_FULL = {
    "train": "make micro_batch or the model smaller in the configuration",
    "inference": "give a smaller region (--roi) or fewer frames (--frames)",
}


def enter(door: str, argv: Sequence[str] | None = None) -> int:
    """Go through a door: ``train`` or ``inference``.

    Args:
        door: which.
        argv: arguments after the script's name; those of the process by default.

    Returns:
        the exit code: 0 done, 2 after one line on stderr about what cannot be used.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)

    def job() -> int:
        try:
            code: int = import_module(f"truevar.doors.{door}").run(arguments)
            return code
        except ModuleNotFoundError as error:
            raise UserError(_missing(error)) from error

    return guarded(f"{door}_true_var.py", job, _WHEN_FULL[door], as_door_option)


def need_torch() -> None:
    """Leave with exit code 2 after one line on stderr if PyTorch is missing.

    Raises:
        SystemExit: it is.
    """
    try:
        import_module("torch")
    except ModuleNotFoundError as error:
        print(f"var_emitter_model_true: error: {_missing(error)}", file=sys.stderr)
        raise SystemExit(2) from None


def _missing(error: ModuleNotFoundError) -> str:
    """What to do about a package that is not there; one of ours is a bug and raised."""
    package = (error.name or "").partition(".")[0]
    if package in ("", "truevar"):
        raise error
    return f"the Python package {package!r} is not installed here; {_INSTALL}"
