"""Scale after scale: what the model does with a frame's features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from truevar.model.beyond import FINEST_DECIDED, LEAST, narrowed
from truevar.model.choose import Children, choose_parents
from truevar.model.f_hat import SparseFHat
from truevar.model.handdown import (
    Manner,
    decide_codes,
    decide_counts,
    onto_grid,
    parent_prior,
)
from truevar.model.heads import Head
from truevar.model.scale_output import ScaleOutput
from truevar.model.scales import CoarserScale
from truevar.model.transformer import Cells
from truevar.model.truth import Truth

if TYPE_CHECKING:
    from truevar.model.predictor import TrueVAREmitterPredictor


def decide_scales(
    network: TrueVAREmitterPredictor,
    f_BChw: torch.Tensor,
    back_BHW: torch.Tensor,
    psf_sigma_B: torch.Tensor,
    cells: Sequence[float],
    children: Children,
    manner: Manner,
    truth: Truth | None = None,
    active_Bhw: torch.Tensor | None = None,
) -> list[ScaleOutput]:
    """All scales' decisions, from image features.

    See :meth:`truevar.model.TrueVAREmitterPredictor.decide`.
    """
    config = network.config
    threshold = config.active_threshold if children.threshold is None else children.threshold
    n_crops, trained = len(f_BChw), len(network.heads)
    log_back_BHW = back_BHW.log()
    levels = network.pyramid(f_BChw, int(max(cells[0], 1)))
    size = (f_BChw.shape[2], f_BChw.shape[3])
    f_hat: SparseFHat | None = None
    outputs: list[ScaleOutput] = []
    handed_down: list[ScaleOutput] = []
    coarser: CoarserScale | None = None
    least = threshold
    for k, cell in enumerate(cells):
        own = min(k, trained - 1)
        grid = (round(size[0] / cell), round(size[1] / cell))
        log_prior_G4 = announced_G4 = total_G4 = None
        if coarser is None:
            if active_Bhw is None:
                looked = Cells.all_of(n_crops, grid, f_BChw.device)
            else:
                # Blocks may hold several groups, where the coarsest cells are narrow.
                finer = grid[0] // 2 // active_Bhw.shape[1]
                groups_Bhw = active_Bhw.repeat_interleave(finer, 1).repeat_interleave(finer, 2)
                crop_G, row_G, col_G = groups_Bhw.nonzero().unbind(1)
                looked = Cells.of_groups(crop_G, row_G, col_G, grid, n_crops)
        else:
            parent = outputs[-1]
            if k > own and cell < FINEST_DECIDED:
                chosen_G = choose_parents(parent, None, LEAST / 4**parent.beyond, None)
                count_R4 = handed_down[-1].count_R4
                outputs.append(narrowed(parent, count_R4, chosen_G, network.quarters))
                handed_down.append(decide_counts(outputs[-1], manner))
                continue
            keep = children.keep[k - 1] if children.keep else None
            chosen_G = choose_parents(parent, keep, least, children.most)
            crop_G, row_G, col_G = (
                values[chosen_G] for values in (parent.crop_R, parent.row_R, parent.col_R)
            )
            looked = Cells.of_groups(crop_G, row_G, col_G, grid, n_crops)
            if config.next_scale:
                log_prior_G4 = parent_prior(parent, chosen_G)
                if config.joint_split:
                    announced_G4 = handed_down[-1].count_R4[chosen_G].detach()
            coarser = replace(coarser, parent_G=chosen_G)
            if k > own and config.joint_split:
                total_G4 = handed_down[-1].count_R4[chosen_G]
        token_G4D, kv_LRE = network.transformer(
            k,
            levels,
            looked,
            cell,
            network.condition(psf_sigma_B, k, cell),
            network.pos_embeds[own],
            coarser,
        )
        output = _describe(
            network,
            own,
            token_G4D,
            looked,
            cell,
            log_back_BHW,
            log_prior_G4,
            announced_G4,
            total_G4,
        )
        given_BhwC = coarser.given_BhwC if coarser else None
        outputs.append(replace(output, given_BhwC=given_BhwC, beyond=k - own))
        if k == len(cells) - 1:
            break
        decided = decide_counts(output, manner, psf_sigma_B if k == 0 else None)
        if truth is not None:
            decided = truth.counted(decided, k)
        handed_down.append(decided)
        token_RD = token_G4D.flatten(0, 1)
        # Beyond the trained scales an emitter's probability spreads over ever more cells.
        least = threshold / 4 ** (k - own)
        active_R = decided.prob_R.detach() >= least
        if k == 0:
            # Children are chosen from the distribution, so a draw of nothing keeps its block.
            may_R = active_R | (output.prob_R.detach() >= least)
            f_hat = _empty_f_hat(network, output, may_R, children, n_crops)
        if k < trained:
            said_RC = _say(network, k, decided, token_RD, manner)
            if truth is not None and said_RC is not None:
                said_RC = truth.said_by(said_RC, decided, k)
            given_BhwC = _accumulate(k, trained, f_hat, said_RC, active_R, decided, n_crops)
        elif given_BhwC is not None:
            # f̂ is complete: Phi and codes know no finer grid than they were trained on.
            given_BhwC = given_BhwC.repeat_interleave(2, 1).repeat_interleave(2, 2) / 4
        coarser = CoarserScale(
            looked, kv_LRE, looked.crop_G, token_RD, decided.decision(), given_BhwC
        )
    return outputs


def _describe(
    network: TrueVAREmitterPredictor,
    own: int,
    token_G4D: torch.Tensor,
    looked: Cells,
    cell: float,
    log_back_BHW: torch.Tensor,
    log_prior_G4: torch.Tensor | None,
    announced_G4: torch.Tensor | None,
    total_G4: torch.Tensor | None,
) -> ScaleOutput:
    """What the head of scale ``own`` says; cell by cell or four siblings together."""
    head = network.heads[own]
    assert isinstance(head, Head)
    P = head.splits.parts
    row_G4, col_G4 = looked.places()
    output: ScaleOutput = head(
        token_G4D.reshape(-1, P, token_G4D.shape[2]),
        looked.crop_G.repeat_interleave(4 // P),
        row_G4.view(-1, P),
        col_G4.view(-1, P),
        cell,
        looked.grid,
        log_back_BHW,
        log_prior_G4.view(-1, P) if log_prior_G4 is not None else None,
        announced_G4,
        total_G4,
    )
    return output


def _empty_f_hat(
    network: TrueVAREmitterPredictor,
    output: ScaleOutput,
    may_R: torch.Tensor,
    children: Children,
    n_crops: int,
) -> SparseFHat | None:
    """An empty f̂, once the first scale has said where there may be anything at all."""
    quantizer = network.tokenizer.quantizer if network.tokenizer else network.quantizer
    if quantizer is None:
        return None
    _, occupied_Bhw = onto_grid(output.mean_R.detach()[:, None], may_R, output, n_crops)
    if children.keep:
        occupied_Bhw = occupied_Bhw | children.keep[0]
    return SparseFHat(quantizer, len(network.heads), occupied_Bhw[:, None])


def _say(
    network: TrueVAREmitterPredictor,
    si: int,
    decided: ScaleOutput,
    token_RD: torch.Tensor,
    manner: Manner,
) -> torch.Tensor | None:
    """(R, C) what every cell of scale ``si`` adds to f̂: its code, or its features."""
    if network.tokenizer is not None:
        return decide_codes(decided, network.tokenizer.quantizer.codes, si, manner)
    if network.config.residual == "none":
        return None
    own = min(si, len(network.heads) - 1)
    feature_RC: torch.Tensor = network.to_feature[own](token_RD)
    return feature_RC.float()


def _accumulate(
    si: int,
    SN: int,
    f_hat: SparseFHat | None,
    said_RC: torch.Tensor | None,
    active_R: torch.Tensor,
    decided: ScaleOutput,
    n_crops: int,
) -> torch.Tensor | None:
    """(B, h, w, C) f̂ on the next scale's grid, with what scale ``si`` says added."""
    if said_RC is None:
        return None
    with torch.autocast(said_RC.device.type, enabled=False):
        h_BhwC, active_Bhw = onto_grid(said_RC, active_R, decided, n_crops)
        if f_hat is None:
            h_BChw = h_BhwC.permute(0, 3, 1, 2)
            plain_BChw = F.interpolate(h_BChw, scale_factor=2, mode="bilinear")
            return plain_BChw.permute(0, 2, 3, 1)
        # Gains: finest cells in a cell of this scale, and of the next.
        gain = 4.0 ** (SN - 1 - si)
        return f_hat.add(si, h_BhwC / gain, active_Bhw) * (gain / 4)
