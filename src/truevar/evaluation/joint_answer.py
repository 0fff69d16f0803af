"""How likely a model holds the whole truth: all emitters of a frame, each in its cell, at once.

A table asks for every emitter by itself, and efficiency scores it so: whether two answers can be
true together does not matter there. It matters for whatever is concluded from several emitters at
a time. The measure of that is the probability a model gives the true numbers in all cells of the
finest grid together, a proper score (Gneiting & Raftery 2007): only the true joint distribution
does best. For scales that decide given the coarser ones it is the chain's product, each scale
told what is true of the one before; for scales that decide on their own it is what the finest says.
"""

from __future__ import annotations

import torch

from truevar.model.choose import Children
from truevar.model.handdown import Manner
from truevar.model.predictor import TrueVAREmitterPredictor
from truevar.model.targets import EmitterTargets
from truevar.model.truth import Truth

LOOKED_AT = 0.003
"""Probability of holding an emitter below which cells are taken to be empty for sure."""

_BEYOND = 1e-4
"""Probability of more emitters than a decision can announce."""

Seen = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""What :meth:`truevar.model.TrueVAREmitterPredictor.encode` gives."""


@torch.no_grad()
def nats_of_truth(
    network: TrueVAREmitterPredictor, seen: Seen, targets: EmitterTargets
) -> torch.Tensor:
    """(B,) negative log probability of the true numbers in all finest cells, in nats.

    Args:
        network: the model.
        seen: the crops, encoded.
        targets: their emitters.
    """
    n_crops = len(targets.log_bg_BHW)
    size = targets.log_bg_BHW.shape[1:]
    cells = network.config.cells
    counts = [
        targets.counts(cell, (round(size[0] / cell), round(size[1] / cell))) for cell in cells
    ]
    chained = network.config.next_scale
    truth = None
    if chained:
        told_B = torch.ones(n_crops, dtype=torch.bool, device=targets.x_N.device)
        truth = Truth.of(targets, told_B, counts, cells[-1], network.tokenizer)
    keep = [counts_Bhw > 0 for counts_Bhw in counts]
    children = Children(keep=keep, threshold=LOOKED_AT)
    outputs = network.decide(*seen, cells, children, Manner.soft(targets.x_N.device), truth)
    nats_B = torch.zeros(n_crops, device=targets.x_N.device)
    for output, counts_Bhw in list(zip(outputs, counts, strict=True))[0 if chained else -1 :]:
        true_R = counts_Bhw[output.crop_R, output.row_R, output.col_R].long()
        way_G = output.splits.index(true_R.view(-1, output.splits.parts))
        log_G = output.log_split_GK.gather(1, way_G.clamp_min(0)[:, None])[:, 0]
        log_G = torch.where(way_G < 0, torch.full_like(log_G, _BEYOND).log(), log_G)
        nats_B.index_add_(0, output.crop_G, -log_G)
    return nats_B
