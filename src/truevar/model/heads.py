"""The layer that says what a scale has decided about its cells."""

from __future__ import annotations

import torch
from torch import nn

from truevar.model.scale_output import ScaleOutput, standard_error
from truevar.model.splits import SplitTable

OFFSET_REACH = 0.75
"""How far from its cell's centre an emitter may be placed, in cells: a little beyond the border
(at 0.5), for whichever of two cells announces an emitter on it must be able to place it. Not more:
cells that can place emitters anywhere need not be where the emitters are."""

_LEAST = 1e-4
"""A parent is not believed to be surer than this: a finer scale may overrule it."""


def log_inside(offset_R2: torch.Tensor, sigma_R2: torch.Tensor) -> torch.Tensor:
    """(R,) log of the share of a cell's Gaussian that lies inside the cell.

    On a border it is a half and on a corner a quarter, in each of the cells that meet there, so
    what they announce together is one emitter. Left to itself a layer adds up "over this border"
    and "over that border", and on a corner all four leave the emitter to the others.

    Args:
        offset_R2: (R, 2) from the cell's centre, in cells.
        sigma_R2: (R, 2) standard errors, in cells.
    """
    high_R2 = torch.special.ndtr((0.5 - offset_R2) / sigma_R2)
    low_R2 = torch.special.ndtr((-0.5 - offset_R2) / sigma_R2)
    return (high_R2 - low_R2).clamp_min(1e-3).log().sum(1)


class Head(nn.Module):
    """Tokens of G groups of P cells to a :class:`ScaleOutput`. Always in float32.

    Args:
        dim: D, width of the tokens.
        splits: the ways a group's emitters can sit in its cells.
        n_code_logits: of every cell's code; 0 for no codes.
        informed: whether it is told what the parents announced, and starts from that.
    """

    def __init__(
        self, dim: int, splits: SplitTable, n_code_logits: int = 0, informed: bool = False
    ):
        super().__init__()
        self.splits = splits
        self.norm = nn.LayerNorm(dim)
        self.to_split = nn.Linear(splits.parts * dim, len(splits))
        self.to_geometry = nn.Linear(dim, 7)
        self.to_code = nn.Linear(dim, n_code_logits) if n_code_logits else None
        # How far to believe where the parent placed its emitters, by their number.
        self.prior_gain = nn.Parameter(torch.full((splits.cap + 1,), 0.5))
        self.count_gain = nn.Parameter(torch.ones(()))
        # How far to believe that an emitter is a cell's if the cell itself places it inside.
        self.inside_gain = nn.Parameter(torch.ones(()))
        with torch.no_grad():
            self.to_split.weight.mul_(0.3)
            self.to_split.bias.zero_()
            if not informed:
                # Start from "empty": false alarms would flood the finer scales.
                self.to_split.bias.copy_(-1.5 * self.splits.total_K - 1.0)
                self.to_split.bias[0] = 2.0
            self.to_geometry.weight.mul_(0.3)
            self.to_geometry.bias.zero_()
            if self.to_code is not None:
                self.to_code.weight.mul_(0.3)
                self.to_code.bias.zero_()

    def forward(
        self,
        token_GPD: torch.Tensor,
        crop_G: torch.Tensor,
        row_GP: torch.Tensor,
        col_GP: torch.Tensor,
        cell: float,
        grid: tuple[int, int],
        log_back_BHW: torch.Tensor,
        log_prior_GP: torch.Tensor | None = None,
        announced_Gn: torch.Tensor | None = None,
        total_Gn: torch.Tensor | None = None,
    ) -> ScaleOutput:
        """Decide for every group, and describe every cell.

        Args:
            token_GPD: (G, P, D) tokens.
            crop_G: (G,) frame of the batch.
            row_GP, col_GP: (G, P) place in this scale's grid.
            cell: width of a cell in px.
            grid: (h, w) of this scale.
            log_back_BHW: (B, H, W) log of the local background estimate.
            log_prior_GP: (G, P) log probability that an emitter of the parent lies in a cell,
                by where the parent placed it.
            announced_Gn: (G, 4) probability of 0, 1, 2, 3 or more emitters in the parent: what
                a group's decision starts from.
            total_Gn: (G, 4) the same, to be kept: beyond the scales it was trained on, a head
                only says where they are.
        """
        with torch.autocast(token_GPD.device.type, enabled=False):
            token_GPD = self.norm(token_GPD.float())
            geometry_R7 = self.to_geometry(token_GPD).flatten(0, 1)
            s = cell
            offset_R2 = OFFSET_REACH * torch.tanh(geometry_R7[:, :2] / OFFSET_REACH)
            sigma_R2 = standard_error(geometry_R7[:, 2:4], s)
            logits_GK = self.to_split(token_GPD.flatten(1))
            log_inside_GP = log_inside(offset_R2.detach(), sigma_R2.detach() / s)
            log_inside_GP = log_inside_GP.view(-1, self.splits.parts)
            logits_GK = logits_GK + self.inside_gain * (log_inside_GP @ self.splits.splits_KP.T)
            if log_prior_GP is not None:
                gain_K = self.prior_gain[self.splits.total_K.long()]
                logits_GK = logits_GK + gain_K * (log_prior_GP @ self.splits.splits_KP.T)
            if announced_Gn is not None:
                announced_GK = self.splits.evenly(announced_Gn.clamp_min(_LEAST))
                logits_GK = logits_GK + self.count_gain * announced_GK.log()
            log_split_GK = logits_GK.log_softmax(1)
            if total_Gn is not None:
                log_split_GK = self.splits.with_totals(log_split_GK, total_Gn)
            code_logits_RV = self.to_code(token_GPD).flatten(0, 1) if self.to_code else None
            return ScaleOutput.of_heads(
                s,
                grid,
                self.splits,
                crop_G,
                row_GP,
                col_GP,
                log_split_GK,
                offset_R2,
                sigma_R2,
                geometry_R7[:, 4:],
                log_back_BHW,
                code_logits_RV,
            )
