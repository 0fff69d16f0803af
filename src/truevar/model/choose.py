"""Which cells have children."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from truevar.model.scale_output import ScaleOutput

_STEP = 512


@dataclass(frozen=True)
class Children:
    """Which cells have children; see :func:`choose_parents`.

    Attributes:
        keep: in training, per scale a (B, h, w) mask of cells that have children whatever
            the model thinks: the true ones. None in use.
        threshold: probability below which a cell has none; the model's own by default.
        most: at most so many parents per scale, kept ones aside: bounds memory while a model
            that has only begun to learn sees emitters everywhere. Given in training.
    """

    keep: Sequence[torch.Tensor] | None = None
    threshold: float | None = None
    most: int | None = None


def choose_parents(
    output: ScaleOutput,
    keep_Bhw: torch.Tensor | None,
    threshold: float,
    most: int | None,
) -> torch.Tensor:
    """Cells that have children.

    In training as in use all cells above the threshold: a finer scale must learn from what it
    will see, how often the children of unlikely parents are empty most of all.

    Args:
        output: the scale whose cells may be parents.
        keep_Bhw: (B, h, w) cells that have children in any case.
        threshold: probability of holding an emitter below which a cell has none.
        most: the likeliest so many at most, kept ones aside. Where given, their number is rounded
            up to a whole step with the next likely: few distinct shapes, whose kernels are
            compiled once.

    Returns:
        (G,) rows of ``output``, ascending.
    """
    rank_R = output.prob_R.detach()
    chosen_R = rank_R >= threshold
    if keep_Bhw is not None:
        kept_R = keep_Bhw[output.crop_R, output.row_R, output.col_R]
        chosen_R = chosen_R | kept_R
        rank_R = rank_R + 2.0 * kept_R
    if most is None:
        return chosen_R.nonzero().flatten()
    wanted = -(-int(chosen_R.sum()) // _STEP) * _STEP
    least = int(kept_R.sum()) if keep_Bhw is not None else 0
    wanted = min(wanted, max(most, least), len(rank_R))
    return rank_R.topk(wanted).indices.sort().values
