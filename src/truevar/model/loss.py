"""Multi-scale loss: where the emitters are, how many, and how they split.

Per scale, three terms, all negative log-likelihoods in nats:

* **where**: the mixture likelihood of Speiser et al. 2021 (DECODE, Methods, eq. 3): every
  true emitter is drawn from the Gaussians of all cells, weighted by how many emitters each
  announces. An emitter on a border belongs to both cells by its density, so neighbours
  add up and do not compete;
* **how many**: the frame's number of emitters under a normal distribution whose mean and
  variance are summed over the joint decisions of all groups;
* **how they split**: cross-entropy of the joint decision. Its target is, of the cells in which
  the emitter may lie as far as light tells, the one that takes it under the mixture (largest
  responsibility): 10 nm from a border the image cannot tell, and a target that asks for the
  side makes two cells claim one emitter half each.

And with a tokeniser a fourth: cross-entropy of the codes. They are those of a *draw* of each
emitter, the truth plus noise of the size of its Cramér–Rao bound: codes finer than light
allows would be noise to predict. And they are those of what is left to say, the field less
the f̂ that the model itself handed down, right or wrong (self-correction; Infinity, Han et al.
2024).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from truevar.model.codes import Codes
from truevar.model.quantizer import EmitterVectorQuantizer
from truevar.model.scale_output import ScaleOutput
from truevar.model.targets import EmitterTargets
from truevar.model.tokenizer import EmitterTokenizer

_OUTLIER = 1e-6
"""Density per px² that any emitter has anywhere: bounds the loss of one that no cell explains."""

_UNSURE = 0.5
"""Standard errors that light allows by which a cell may miss an emitter it takes."""

_SHARP = 0.05
"""By so much of its width it always may."""

_NEIGHBOURS = (1, 2, 2, 3)
"""Per scale, the reach in cells within which a cell's Gaussian can explain an emitter."""


class VAREmitterLoss(nn.Module):
    """Weighted sum over scales; finer scales weigh more.

    Args:
        scale_weights: one weight per scale, coarse to fine.
        split_weight: weight of the cross-entropy of joint decisions.
        background_weight: weight of the squared error of the log background.
        code_weight: weight of the cross-entropy of codes.
        glance_weight: weight of the encoder's own answer, pixel by pixel.
        self_correction: whether the codes are those of what the model's own f̂ leaves over, or
            those of the field alone.
    """

    def __init__(
        self,
        scale_weights: Sequence[float] = (0.5, 0.7, 0.9, 1.0),
        split_weight: float = 0.5,
        background_weight: float = 0.05,
        code_weight: float = 0.1,
        glance_weight: float = 0.5,
        self_correction: bool = True,
    ):
        super().__init__()
        self.scale_weights = tuple(scale_weights)
        self.split_weight = split_weight
        self.background_weight = background_weight
        self.code_weight = code_weight
        self.glance_weight = glance_weight
        self.self_correction = self_correction

    def forward(
        self,
        outputs: Sequence[ScaleOutput],
        targets: EmitterTargets,
        tokenizer: EmitterTokenizer | None = None,
        glance: ScaleOutput | None = None,
        told_B: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """Loss per true emitter, and its terms by name for the log.

        Args:
            outputs: all scales of :class:`truevar.model.TrueVAREmitterPredictor`.
            targets: the truth of the same crops.
            tokenizer: the model's, where it has one.
            glance: what the encoder alone says.
            told_B: (B,) the crops in which true decisions were handed down
                (:mod:`truevar.model.truth`).
        """
        B = len(targets.log_bg_BHW)
        share = 1.0 / (len(targets.x_N) + B)
        total = targets.x_N.new_zeros(())
        terms: dict[str, float] = {}
        codes = None
        if tokenizer is not None:
            codes = _CodeTargets(tokenizer, targets, outputs, self.self_correction, told_B)
        for k, (output, weight) in enumerate(zip(outputs, self.scale_weights, strict=True)):
            where, how_many, split = _scale_terms(
                output, targets, _NEIGHBOURS[max(k - len(outputs), -4)], told_B
            )
            at_row_R = ((output.row_R + 0.5) * output.cell).long()
            at_col_R = ((output.col_R + 0.5) * output.cell).long()
            H, W = targets.log_bg_BHW.shape[1:]
            true_bg_R = targets.log_bg_BHW[
                output.crop_R, at_row_R.clamp(max=H - 1), at_col_R.clamp(max=W - 1)
            ]
            background_R = nn.functional.smooth_l1_loss(
                output.log_bg_R, true_bg_R, reduction="none", beta=0.1
            )
            background = background_R.sum()
            total = total + weight * share * (
                where + how_many + self.split_weight * split + self.background_weight * background
            )
            if codes is not None:
                code = codes.cross_entropy(output, k)
                total = total + weight * share * self.code_weight * code
                terms[f"code{k}"] = float(code.detach()) * share
            for name, term in (("where", where), ("count", how_many), ("split", split)):
                terms[f"{name}{k}"] = float(term.detach()) * share
        if glance is not None:
            where, how_many, split = _scale_terms(glance, targets, 2)
            total = total + self.glance_weight * share * (
                where + how_many + self.split_weight * split
            )
            terms["glance"] = float(where.detach()) * share
        return total, terms


def _scale_terms(
    output: ScaleOutput,
    targets: EmitterTargets,
    reach: int,
    told_B: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Summed negative log-likelihoods of one scale: where, how many, how they split."""
    B = len(targets.log_bg_BHW)
    row_NM = _nearby_rows(output, targets, reach, B)
    present_NM = row_NM >= 0
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
    announced_B = mean_R.new_zeros(B).index_add(0, output.crop_R, mean_R)
    log_weight_NM = (
        mean_R.log()[row_NM] - announced_B.clamp_min(1e-8).log()[targets.crop_N][:, None]
    )
    log_joint_NM = torch.where(present_NM, log_density_NM + log_weight_NM, -60.0)
    outlier_N1 = torch.full_like(log_joint_NM[:, :1], math.log(_OUTLIER))
    where = -torch.cat([log_joint_NM, outlier_N1], 1).logsumexp(1).sum()

    mean_G, var_G = output.splits.total_moments(output.log_split_GK.exp())
    mean_B = mean_G.new_zeros(B).index_add(0, output.crop_G, mean_G)
    var_B = mean_G.new_full((B,), 0.05).index_add(0, output.crop_G, var_G)
    true_B = torch.bincount(targets.crop_N, minlength=B)
    how_many = (0.5 * (true_B - mean_B).square() / var_B + 0.5 * var_B.log()).sum()

    taken_R = _taken(output, targets, row_NM, present_NM, log_joint_NM.detach())
    if told_B is not None:
        # What a parent was told its children must add up to.
        true_Bhw = targets.counts(output.cell, output.grid)
        true_R = true_Bhw[output.crop_R, output.row_R, output.col_R].to(taken_R)
        taken_R = torch.where(told_B[output.crop_R], true_R, taken_R)
    target_G = output.splits.index(taken_R.view(-1, output.splits.parts))
    log_split_GK = output.log_split_GK
    split = nn.functional.nll_loss(log_split_GK, target_G, ignore_index=-1, reduction="sum")
    return where, how_many, split


def _taken(
    output: ScaleOutput,
    targets: EmitterTargets,
    row_NM: torch.Tensor,
    present_NM: torch.Tensor,
    log_joint_NM: torch.Tensor,
) -> torch.Tensor:
    """(R,) how many emitters every cell takes.

    An emitter goes to the likeliest of the cells that it may lie in. Were it to go to the likeliest
    of all, cells would take each other's, whichever began, and one of four siblings might never
    be used at all.
    """
    unsure_N = torch.full_like(targets.x_N, _SHARP * output.cell)
    if targets.bound_N is not None:
        unsure_N = unsure_N.clamp_min(_UNSURE * targets.bound_N)
    centre_x_R, centre_y_R = (
        (at_R + 0.5) * output.cell - 0.5 for at_R in (output.col_R, output.row_R)
    )
    apart_x_NM = (targets.x_N[:, None] - centre_x_R[row_NM]).abs()
    apart_y_NM = (targets.y_N[:, None] - centre_y_R[row_NM]).abs()
    far_NM = torch.maximum(apart_x_NM, apart_y_NM) > (0.5 * output.cell + unsure_N)[:, None]
    # Far ones only where nothing nearer was made.
    score_NM = torch.where(present_NM, log_joint_NM - 1e4 * far_NM, -1e6)
    taker_N = row_NM.gather(1, score_NM.argmax(1, keepdim=True)).flatten()
    return torch.bincount(taker_N[present_NM.any(1)], minlength=len(output.row_R))


class _CodeTargets:
    """The codes that the scales are to predict."""

    def __init__(
        self,
        tokenizer: EmitterTokenizer,
        targets: EmitterTargets,
        outputs: Sequence[ScaleOutput],
        self_correction: bool,
        told_B: torch.Tensor | None,
    ):
        self.quantizer: EmitterVectorQuantizer = tokenizer.quantizer
        self.n_scales = len(outputs)
        with torch.no_grad():
            finest = outputs[-1]
            field_B4HW = targets.drawn_field(finest.cell, finest.grid, told_B)
            self.features_BCHW = tokenizer.features(field_B4HW)
            self.occupied_B1HW = field_B4HW[:, :1] > 0
            self.given = None
            if not self_correction:
                _, self.given = self.quantizer.encode(self.features_BCHW, self.occupied_B1HW)

    def cross_entropy(self, output: ScaleOutput, si: int) -> torch.Tensor:
        """Summed over the occupied cells of scale ``si``."""
        assert output.code_logits_RV is not None
        codes: Codes = self.quantizer.codes
        with torch.no_grad():
            vector_NC, active_B1hw = self.quantizer.residual(
                si, self.n_scales, self.features_BCHW, self.occupied_B1HW
            )
            if self.given is not None:
                vector_NC = self.given[si].vector_NC
            elif output.given_BhwC is not None:
                vector_NC = vector_NC - output.given_BhwC[active_B1hw[:, 0]]
            index_NF = codes.quantise(vector_NC, si).index_NF
            index_BhwF = index_NF.new_full((*active_B1hw[:, 0].shape, index_NF.shape[1]), -1)
            index_BhwF[active_B1hw[:, 0]] = index_NF
            index_RF = index_BhwF[output.crop_R, output.row_R, output.col_R]
            rows = (index_RF[:, 0] >= 0).nonzero().flatten()
        return codes.cross_entropy(output.code_logits_RV[rows], index_RF[rows], si).sum()


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
