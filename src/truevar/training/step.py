"""One batch through the model to its loss."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from truevar.config import TrainConfig
from truevar.model.choose import Children
from truevar.model.handdown import Manner
from truevar.model.loss import VAREmitterLoss
from truevar.model.predictor import TrueVAREmitterPredictor
from truevar.model.scale_output import ScaleOutput
from truevar.model.truth import Truth
from truevar.simulation.crops import CropBatch
from truevar.training.precision import mixed_precision

_FEWEST = 4
"""Crops of 40 px whose share of parents a smaller batch has too: a dense one has none to borrow
from, and a finest scale that never sees its unlikely parents announces an eighth too little."""


def batch_loss(
    network: TrueVAREmitterPredictor,
    loss_of: VAREmitterLoss,
    batch: CropBatch,
    config: TrainConfig,
    device: torch.device,
) -> tuple[torch.Tensor, dict[str, float]]:
    """Loss of one batch and its terms by name, in bfloat16 where that is fast and enough.

    Two further terms say what the bound on parents did: ``dropped``, parents per crop that would
    have had children and got none, and ``capped``, 1 where there was any.
    """
    targets = batch.targets
    height = batch.counts_BTHW.shape[2]
    cells = network.config.cells_of(height, height)
    areas = len(batch.counts_BTHW) * (height / 40) ** 2
    counts = [targets.counts(cell, (round(height / cell),) * 2) for cell in cells]
    told_B = truth = None
    if config.told:
        told_B = torch.rand(len(batch.counts_BTHW), device=device) < config.told
        truth = Truth.of(targets, told_B, counts, cells[-1], network.tokenizer)
    keep = [counts_Bhw > 0 for counts_Bhw in counts]
    with mixed_precision(device):
        f_BChw, back_BHW, sigma_B = network.encode(
            batch.counts_BTHW,
            batch.psf_sigma_B,
            batch.read_variance_BHW,
            batch.exists_BT,
            cells[0],
        )
        outputs = network.decide(
            f_BChw,
            back_BHW,
            sigma_B,
            cells,
            Children(
                keep=keep,
                most=round(config.parents_per_crop * max(areas, _FEWEST)),
            ),
            Manner.mixed(len(batch.counts_BTHW), config.sampled, config.corrupted, device),
            truth,
        )
        glance = network.glance(f_BChw, back_BHW)
    loss, terms = loss_of(outputs, targets, network.tokenizer, glance, told_B)
    dropped = dropped_parents(outputs, keep, network.config.active_threshold)
    terms["dropped"] = dropped / len(batch.counts_BTHW)
    terms["capped"] = float(dropped > 0)
    return loss, terms


def dropped_parents(
    outputs: Sequence[ScaleOutput], keep: Sequence[torch.Tensor], threshold: float
) -> int:
    """How many cells of all scales would have children but for the bound on their number.

    Args:
        outputs: the scales.
        keep: per scale the (B, h, w) cells that have children in any case.
        threshold: probability from which on a cell has children.
    """
    dropped = 0
    for output, finer, keep_Bhw in zip(outputs, outputs[1:], keep, strict=False):
        kept_R = keep_Bhw[output.crop_R, output.row_R, output.col_R]
        wanted = int(((output.prob_R >= threshold) | kept_R).sum())
        dropped += max(wanted - len(finer.row_R) // 4, 0)
    return dropped
