"""True decisions, handed down in place of a model's own.

A draw from a model's own distribution says nothing of the truth that the image does not say: a
finer scale that is given it, and asked for the truth, learns to pass it over, and rightly. It
learns what follows from a decision only where decisions were right. So some crops are told the
true ones, cell by cell and code by code, and there the finer scales learn the second factor of
p(coarse, fine | image) = p(coarse | image) p(fine | coarse, image). Drawn one after the other
(ancestral sampling) the two give one joint answer; and where distributions are handed down, as
for a table, the others have learnt what to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F

from truevar.model.quantizer import ScaleCodes
from truevar.model.scale_output import ScaleOutput
from truevar.model.targets import EmitterTargets
from truevar.model.tokenizer import EmitterTokenizer


@dataclass(frozen=True)
class Truth:
    """What is true of a batch's crops, scale by scale, and which of them are told it.

    Attributes:
        told_B: (B,) whether a crop is told.
        counts: per scale (B, h, w) emitters in every cell.
        said: per scale (B, h, w, C) the vectors of the codes in crops that are told; None for a
            model without codes.
    """

    told_B: torch.Tensor
    counts: Sequence[torch.Tensor]
    said: Sequence[torch.Tensor] | None = None

    @classmethod
    def of(
        cls,
        targets: EmitterTargets,
        told_B: torch.Tensor,
        counts: Sequence[torch.Tensor],
        cell: float,
        tokenizer: EmitterTokenizer | None,
    ) -> Truth:
        """That of a batch.

        Args:
            targets: the crops' emitters.
            told_B: (B,) which crops are told.
            counts: per scale (B, h, w) emitters in every cell.
            cell: width in px of a finest cell.
            tokenizer: makes the codes, for a model that has them.
        """
        if tokenizer is None or not bool(told_B.any()):
            return cls(told_B, counts)
        with torch.no_grad():
            h, w = counts[-1].shape[1:]
            field_B4HW = targets.drawn_field(cell, (h, w), exact_B=torch.ones_like(told_B))
            # Of the others none is asked for: making codes takes longer than telling them.
            _, scales = tokenizer.encode(field_B4HW[told_B])
            return cls(told_B, counts, [_spread(scale, told_B) for scale in scales])

    def counted(self, output: ScaleOutput, si: int) -> ScaleOutput:
        """A scale's output with the true counts in the crops that are told."""
        told_R = self.told_B[output.crop_R]
        count_R = self.counts[si][output.crop_R, output.row_R, output.col_R].to(output.mean_R)
        certain_R4 = F.one_hot(count_R.long().clamp(max=3), 4).to(output.count_R4)
        return replace(
            output,
            count_R4=torch.where(told_R[:, None], certain_R4, output.count_R4),
            mean_R=torch.where(told_R, count_R, output.mean_R),
        )

    def said_by(self, own_RC: torch.Tensor, output: ScaleOutput, si: int) -> torch.Tensor:
        """(R, C) what every cell adds to f̂, with the true codes in the crops that are told."""
        if self.said is None:
            return own_RC
        true_RC = self.said[si][output.crop_R, output.row_R, output.col_R].to(own_RC)
        return torch.where(self.told_B[output.crop_R, None], true_RC, own_RC)


def _spread(scale: ScaleCodes, told_B: torch.Tensor) -> torch.Tensor:
    """(B, h, w, C) the codes' vectors on their grid; zero in crops that are not told."""
    vector_NC = scale.quantised.vector_NC
    active_Thw = scale.active_B1hw[:, 0]
    told_ThwC = vector_NC.new_zeros(*active_Thw.shape, vector_NC.shape[1])
    told_ThwC = told_ThwC.masked_scatter(active_Thw[..., None], vector_NC)
    every_BhwC = told_ThwC.new_zeros(len(told_B), *told_ThwC.shape[1:])
    every_BhwC[told_B] = told_ThwC
    return every_BhwC
