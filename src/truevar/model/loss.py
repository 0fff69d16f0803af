"""Multi-scale loss: where the emitters are, how many, and how they split.

Per scale, three terms, all negative log-likelihoods in nats:

* **where**: the mixture likelihood of Speiser et al. 2021 (DECODE, Methods, eq. 3): every
  true emitter is drawn from the Gaussians of all cells, weighted by how many emitters each
  announces. An emitter on a border belongs to both cells by its density, so neighbours
  add up and do not compete;
* **how many**: the frame's number of emitters under a normal distribution whose mean and
  variance are summed over the joint decisions of all groups;
* **how they split**: cross-entropy of the joint decision. Its target is the cell that takes
  the emitter under the mixture (largest responsibility), not the cell the emitter happens
  to lie in: 10 nm from a border the image cannot tell, and a target that asks for it makes
  two cells claim one emitter half each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from truevar.model.heads import ScaleOutput

_OUTLIER = 1e-6
"""Density per px² that any emitter has anywhere: bounds the loss of one that no cell explains."""

_NEIGHBOURS = (1, 2, 2, 3)
"""Per scale, the reach in cells within which a cell's Gaussian can explain an emitter."""


@dataclass(frozen=True)
class EmitterTargets:
    """True emitters of the middle frames of B crops.

    Attributes:
        crop_N: (N,) crop of every emitter.
        x_N, y_N: (N,) position in px.
        log_photons_N: (N,) log of the effective counts in this frame.
        log_bg_BHW: (B, H, W) log of the expected background in effective counts.
    """

    crop_N: torch.Tensor
    x_N: torch.Tensor
    y_N: torch.Tensor
    log_photons_N: torch.Tensor
    log_bg_BHW: torch.Tensor

    def cells(self, cell: float) -> tuple[torch.Tensor, torch.Tensor]:
        """(N,) row and (N,) column of the cell every emitter lies in."""
        row_N = ((self.y_N + 0.5) / cell).floor().long()
        return row_N, ((self.x_N + 0.5) / cell).floor().long()

    def occupancy(self, cell: float, grid: tuple[int, int]) -> torch.Tensor:
        """(B, h, w) whether a cell holds an emitter."""
        occupied = torch.zeros(
            len(self.log_bg_BHW), *grid, dtype=torch.bool, device=self.x_N.device
        )
        row_N, col_N = self.cells(cell)
        occupied[self.crop_N, row_N.clamp(0, grid[0] - 1), col_N.clamp(0, grid[1] - 1)] = True
        return occupied


class VAREmitterLoss(nn.Module):
    """Weighted sum over scales; finer scales weigh more.

    Args:
        scale_weights: one weight per scale, coarse to fine.
        split_weight: weight of the cross-entropy of joint decisions.
        background_weight: weight of the squared error of the log background.
    """

    def __init__(
        self,
        scale_weights: Sequence[float] = (0.5, 0.7, 0.9, 1.0),
        split_weight: float = 0.5,
        background_weight: float = 0.05,
    ):
        super().__init__()
        self.scale_weights = tuple(scale_weights)
        self.split_weight = split_weight
        self.background_weight = background_weight

    def forward(
        self, outputs: Sequence[ScaleOutput], targets: EmitterTargets
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """Loss per true emitter, and its terms by name for the log.

        Args:
            outputs: all scales of :class:`truevar.model.TrueVAREmitterPredictor`.
            targets: the truth of the same crops.
        """
        B = len(targets.log_bg_BHW)
        share = 1.0 / (len(targets.x_N) + B)
        total = targets.x_N.new_zeros(())
        terms: dict[str, float] = {}
        for k, (output, weight) in enumerate(zip(outputs, self.scale_weights, strict=True)):
            where, how_many, split = _scale_terms(output, targets, _NEIGHBOURS[min(k, 3)])
            at_row_R = ((output.row_R + 0.5) * output.cell).long()
            at_col_R = ((output.col_R + 0.5) * output.cell).long()
            H, W = targets.log_bg_BHW.shape[1:]
            true_bg_R = targets.log_bg_BHW[
                output.crop_R, at_row_R.clamp(max=H - 1), at_col_R.clamp(max=W - 1)
            ]
            background_R = nn.functional.smooth_l1_loss(
                output.log_bg_R, true_bg_R, reduction="none", beta=0.1
            )
            background = (background_R * _weight_R(output)).sum()
            total = total + weight * share * (
                where + how_many + self.split_weight * split + self.background_weight * background
            )
            for name, term in (("where", where), ("count", how_many), ("split", split)):
                terms[f"{name}{k}"] = float(term.detach()) * share
        return total, terms


def _scale_terms(
    output: ScaleOutput, targets: EmitterTargets, reach: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Summed negative log-likelihoods of one scale: where, how many, how they split."""
    B = len(targets.log_bg_BHW)
    row_NM = _nearby_rows(output, targets, reach, B)
    present_NM = (row_NM >= 0) & (_weight_R(output)[row_NM.clamp_min(0)] > 0)
    row_NM = row_NM.clamp_min(0)

    def gaussian(value_N: torch.Tensor, mean_R: torch.Tensor, sigma_R: torch.Tensor):
        sigma_NM = sigma_R[row_NM]
        return (
            -0.5 * ((value_N[:, None] - mean_R[row_NM]) / sigma_NM).square()
            - sigma_NM.log()
            - 0.5 * math.log(2 * math.pi)
        )

    log_density_NM = (
        gaussian(targets.x_N, output.x_R, output.sigma_x_R)
        + gaussian(targets.y_N, output.y_R, output.sigma_y_R)
        + gaussian(targets.log_photons_N, output.log_photons_R, output.sigma_log_photons_R)
    )
    mean_R = output.mean_R.clamp_min(1e-8)
    announced_B = mean_R.new_zeros(B).index_add(0, output.crop_R, mean_R * _weight_R(output))
    log_weight_NM = (
        mean_R.log()[row_NM] - announced_B.clamp_min(1e-8).log()[targets.crop_N][:, None]
    )
    log_joint_NM = torch.where(present_NM, log_density_NM + log_weight_NM, -60.0)
    outlier_N1 = torch.full_like(log_joint_NM[:, :1], math.log(_OUTLIER))
    where = -torch.cat([log_joint_NM, outlier_N1], 1).logsumexp(1).sum()

    weight_G = _weight_R(output).view(-1, output.splits.parts)[:, 0]
    mean_G, var_G = output.splits.total_moments(output.log_split_GK.exp())
    mean_B = mean_G.new_zeros(B).index_add(0, output.crop_G, mean_G * weight_G)
    var_B = mean_G.new_full((B,), 0.05).index_add(0, output.crop_G, var_G * weight_G)
    true_B = torch.bincount(targets.crop_N, minlength=B)
    how_many = (0.5 * (true_B - mean_B).square() / var_B + 0.5 * var_B.log()).sum()

    taker_N = row_NM.gather(1, log_joint_NM.detach().argmax(1, keepdim=True)).flatten()
    taken_R = torch.bincount(taker_N, minlength=len(output.row_R))
    target_G = output.splits.index(taken_R.view(-1, output.splits.parts))
    log_split_GK = output.log_split_GK
    split_G = nn.functional.nll_loss(log_split_GK, target_G, ignore_index=-1, reduction="none")
    return where, how_many, (split_G * weight_G).sum()


def _weight_R(output: ScaleOutput) -> torch.Tensor:
    """(R,) how many cells of its kind a cell stands for."""
    if output.weight_G is None:
        return torch.ones_like(output.mean_R)
    return output.weight_G.repeat_interleave(output.splits.parts)


def _nearby_rows(
    output: ScaleOutput, targets: EmitterTargets, reach: int, n_crops: int
) -> torch.Tensor:
    """(N, M) rows of ``output`` in the cells around every emitter; -1 where none was made."""
    rows = torch.arange(len(output.row_R), device=output.row_R.device)
    h, w = output.grid
    index_Bhw = rows.new_full((n_crops, h + 2 * reach, w + 2 * reach), -1)
    index_Bhw[output.crop_R, output.row_R + reach, output.col_R + reach] = rows
    row_N, col_N = targets.cells(output.cell)
    step_m = torch.arange(2 * reach + 1, device=rows.device)
    step_y_M = step_m.repeat_interleave(len(step_m))
    step_x_M = step_m.repeat(len(step_m))
    row_NM = row_N.clamp(0, h - 1)[:, None] + step_y_M
    col_NM = col_N.clamp(0, w - 1)[:, None] + step_x_M
    return index_Bhw[targets.crop_N[:, None], row_NM, col_NM]
