"""The course of a training run as a picture."""

from __future__ import annotations

import json
from pathlib import Path


def draw_curve(log: Path, picture: Path) -> bool:
    """Draw loss and validation efficiency against minutes.

    Args:
        log: ``log.jsonl`` of a run.
        picture: the PNG to write.

    Returns:
        False where matplotlib is not installed (training does not need it).
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    steps = [line for line in lines if "loss" in line]
    validations = [line for line in lines if "validation" in line]
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    minutes = [line["minutes"] for line in steps]
    left.plot(minutes, [line["loss"] for line in steps], color="black", label="all scales")
    for name in sorted(key for key in (steps[0] if steps else {}) if key.startswith("where")):
        left.plot(minutes, [line[name] for line in steps], label=f"where, scale {name[5:]}", lw=0.8)
    left.set(xlabel="minutes", ylabel="loss per emitter, nats", title="training")
    left.legend(fontsize=7)
    scenes = sorted({key for line in validations for key in line["validation"] if " " in key})
    for scene in scenes:
        points = [(v["minutes"], v["validation"][scene]["E"]) for v in validations]
        right.plot(*zip(*points, strict=True), marker=".", label=scene)
    right.set(xlabel="minutes", ylabel="efficiency E", title="held-out scenes")
    if scenes:
        right.legend(fontsize=7)
    figure.savefig(picture, dpi=110)
    return True
