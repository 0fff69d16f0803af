"""What inference leaves behind: tables, pictures, and a summary, scored where truth is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from truevar.emitters import Emitters
from truevar.evaluation.scoring import evaluate
from truevar.inference.modes import FrameStack, ScalePrediction
from truevar.view.scales import Panel, save_probability_map, save_side_by_side


def write_scales(
    folder: Path,
    mode: str,
    stack: FrameStack,
    scales: Sequence[ScalePrediction],
    pictured: int,
    truth: Emitters | None,
) -> None:
    """Write per scale ``MODE_WxH.csv`` and ``.png``, and ``MODE.png`` with all scales.

    Those of an earlier run are replaced: the mission's commands share a folder.

    Args:
        folder: there already.
        mode: begins the names.
        stack: the frames.
        scales: what was predicted.
        pictured: index in the stack of the frame that is drawn.
        truth: true emitters of the whole movie, where they are known.

    Raises:
        UserError: a file cannot be written.
    """
    frame = stack.first_frame + pictured
    panels = []
    for scale in scales:
        h, w = scale.grid
        cell = scale.cell * stack.pixel_size
        scale.emitters.write(folder / f"{mode}_{w}x{h}.csv", overwrite=True)
        save_probability_map(scale.prob_hw, cell, folder / f"{mode}_{w}x{h}.png")
        here = scale.emitters.select(scale.emitters.frame == frame)
        panels.append(Panel(cell, scale.prob_hw, here))
    save_side_by_side(
        stack.counts_NHW[pictured + stack.around].numpy(),
        panels,
        folder / f"{mode}.png",
        stack.pixel_size,
        (stack.x0, stack.y0),
        None if truth is None else _in_stack(truth, stack, pictured),
        f"{mode}, frame {frame}",
    )


def summary(
    mode: str,
    stack: FrameStack,
    scales: Sequence[ScalePrediction],
    truth: Emitters | None,
) -> str:
    """One line per scale: grid, cell, emitters found, Jaccard index and RMSE."""
    height, width = stack.size
    lines = [f"{mode}: {len(stack)} frames of {width} x {height} px"]
    head = f"{'scale':>5}  {'grid':>9}  {'cell nm':>7}  {'found':>6}"
    lines.append(head if truth is None else f"{head}  {'JI %':>5}  {'RMSE nm':>7}")
    for k, scale in enumerate(scales, 1):
        h, w = scale.grid
        cell = scale.cell * stack.pixel_size
        line = f"{k:>5}  {f'{w}x{h}':>9}  {cell:>7g}  {len(scale.emitters):>6}"
        if truth is not None:
            jaccard, rmse = accuracy(scale.emitters, truth, stack)
            line += f"  {_number(jaccard):>5}  {_number(rmse):>7}"
        lines.append(line)
    return "\n".join(lines)


def accuracy(found: Emitters, truth: Emitters, stack: FrameStack) -> tuple[float, float]:
    """Jaccard index in % and RMSE in nm within the stack's region (docs/protocol.md).

    Args:
        found: emitters of the stack, nm of the whole movie.
        truth: those of the whole movie.
        stack: tells region and frames.

    Returns:
        both; NaN where nothing counts.
    """
    height, width = stack.size
    result = evaluate(
        _in_stack(found, stack),
        _in_stack(truth, stack),
        stack.pixel_size,
        width,
        height,
        frames=len(stack),
        resamples=0,
    )
    return result.jaccard, result.rmse


def _in_stack(table: Emitters, stack: FrameStack, only: int | None = None) -> Emitters:
    """Rows of a movie's table that lie in the stack, from its own corner and first frame.

    With ``only``, those of that frame, in nm of the whole movie.
    """
    height, width = stack.size
    px = stack.pixel_size
    x, y = table.x - stack.x0 * px, table.y - stack.y0 * px
    frame = table.frame - stack.first_frame
    inside = (frame >= 0) & (frame < len(stack)) if only is None else frame == only
    inside &= (x >= -0.5 * px) & (x < (width - 0.5) * px)
    inside &= (y >= -0.5 * px) & (y < (height - 0.5) * px)
    if only is not None:
        return table.select(inside)
    return table.with_columns(x=x, y=y, frame=frame).select(np.flatnonzero(inside))


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1f}"
