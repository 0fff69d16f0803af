"""What was done to a table, kept in its metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import truevar


def with_step(meta: Mapping[str, Any], step: str, **numbers: Any) -> dict[str, Any]:
    """Metadata that tell of one more step.

    Args:
        meta: of the table before.
        step: its name.
        numbers: plain values that determine what it did.

    Returns:
        a copy of ``meta`` whose ``steps`` end with this one, and the version that took it.
    """
    said = {"step": step, **numbers, "program": f"truevar {truevar.__version__}"}
    return {**meta, "steps": [*meta.get("steps", ()), said]}
