"""What a scale hands down: its decision to its children, its codes to f̂.

Three ways. **soft**: the distribution itself, expected counts and expected codes: what a table
is made from. **sampled**: counts and codes drawn from it (or the likeliest, at temperature 0), as
VAR does: joint answers. **true**: those of the ground truth (:mod:`truevar.model.truth`), which a
share of the crops can be told in training; only from them a finer scale learns what follows from a
decision. Own draws, as they are or from a flattened distribution, can be handed down in training
too, for comparison: they tell nothing of the truth.

Everything handed down is detached: a finer scale learns to use the coarser one's answer, not
to bend it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from truevar.model.claims import shared_lots
from truevar.model.codes import Codes
from truevar.model.scale_output import ScaleOutput


@dataclass(frozen=True)
class Manner:
    """How decisions are handed down.

    Attributes:
        temperature_B: (B,) or (1,) per frame: 0 for soft, above that the temperature of a draw;
            negative for the likeliest.
        top_k: draw codes from so many of the likeliest values only; 0 for all.
    """

    temperature_B: torch.Tensor
    top_k: int = 0

    @classmethod
    def soft(cls, device: torch.device | str = "cpu") -> Manner:
        """Distributions, for all frames."""
        return cls(torch.zeros(1, device=device))

    @classmethod
    def drawn(
        cls, temperature: float = 1.0, top_k: int = 0, device: torch.device | str = "cpu"
    ) -> Manner:
        """Draws, for all frames; the likeliest decisions at temperature 0."""
        value = temperature if temperature > 0 else -1.0
        return cls(torch.full((1,), value, device=device), top_k)

    @classmethod
    def mixed(
        cls, n_crops: int, sampled: float, corrupted: float, device: torch.device | str
    ) -> Manner:
        """For training: soft, but these shares of the crops sampled and corrupted."""
        lot_B = torch.rand(n_crops, device=device)
        temperature_B = torch.zeros(n_crops, device=device)
        temperature_B[lot_B < sampled + corrupted] = 2.0
        temperature_B[lot_B < sampled] = 1.0
        return cls(temperature_B)

    def of(self, crop_N: torch.Tensor) -> torch.Tensor:
        """(N,) temperature for rows of these frames."""
        if len(self.temperature_B) == 1:
            return self.temperature_B.expand(len(crop_N))
        return self.temperature_B[crop_N]


@torch.no_grad()
def decide_counts(
    output: ScaleOutput, manner: Manner, psf_sigma_B: torch.Tensor | None = None
) -> ScaleOutput:
    """The output with its counts as they are handed down: distributions, or verdicts.

    Args:
        output: the scale.
        manner: how to decide.
        psf_sigma_B: (B,) or (1,) PSF width in px, for a scale whose cells have no parent: where
            they mean the same emitter they are drawn together (:mod:`truevar.model.claims`).
    """
    temperature_G = manner.of(output.crop_G)
    drawn_G = temperature_G != 0
    if not bool(drawn_G.any()):
        return output
    logits_GK = output.log_split_GK.detach()
    way_G = logits_GK.argmax(1)
    random_G = temperature_G > 0
    if bool(random_G.any()):
        share_GK = (logits_GK / temperature_G.clamp_min(1e-6)[:, None]).softmax(1)
        occupied_G = 1 - share_GK[:, 0]
        if psf_sigma_B is None or output.splits.parts > 1:
            lot_G = torch.rand_like(occupied_G)
        else:
            lot_G = shared_lots(output, occupied_G, psf_sigma_B)
        # What holds something comes first on the way from 0 to 1, "nothing" last.
        drawn = (share_GK[:, 1:].cumsum(1) <= lot_G[:, None]).sum(1) + 1
        way_G = torch.where(random_G, drawn % share_GK.shape[1], way_G)
    counts_R = output.splits.splits_KP[way_G].flatten()
    certain_R4 = torch.nn.functional.one_hot(counts_R.long().clamp(max=3), 4).to(logits_GK.dtype)
    drawn_R = drawn_G.repeat_interleave(output.splits.parts)
    return replace(
        output,
        count_R4=torch.where(drawn_R[:, None], certain_R4, output.count_R4),
        mean_R=torch.where(drawn_R, counts_R, output.mean_R),
    )


@torch.no_grad()
def decide_codes(decided: ScaleOutput, codes: Codes, si: int, manner: Manner) -> torch.Tensor:
    """(R, C) what every cell adds to f̂; zero where it holds nothing.

    Args:
        decided: what :func:`decide_counts` gave.
        codes: the vocabulary.
        si: the scale.
        manner: how to decide.
    """
    logits_RV = decided.code_logits_RV
    assert logits_RV is not None
    vector_RC = codes.expected(logits_RV, si).float()
    temperature_R = manner.of(decided.crop_R)
    drawn_R = temperature_R != 0
    if bool(drawn_R.any()):
        flat_RV = logits_RV[drawn_R] / temperature_R[drawn_R].abs()[:, None]
        greedy = bool((temperature_R[drawn_R] < 0).all())
        index_NF = codes.choose(flat_RV, si, 0.0 if greedy else 1.0, manner.top_k)
        vector_RC[drawn_R] = codes.embed(index_NF, si).float()
    return vector_RC * decided.prob_R[:, None]


def onto_grid(
    vector_RC: torch.Tensor, active_R: torch.Tensor, output: ScaleOutput, n_crops: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cells' vectors onto their scale's grid.

    Args:
        vector_RC: (R, C).
        active_R: (R,) which cells say anything.
        output: tells where the cells are.
        n_crops: B.

    Returns:
        (B, h, w, C) vectors, and the (B, h, w) mask of active cells.
    """
    h, w = output.grid
    place_N = ((output.crop_R * h + output.row_R) * w + output.col_R)[active_R]
    flat = vector_RC.new_zeros(n_crops * h * w, vector_RC.shape[1])
    flat = flat.index_copy(0, place_N, vector_RC[active_R])
    mask = torch.zeros(n_crops * h * w, dtype=torch.bool, device=vector_RC.device)
    mask[place_N] = True
    return flat.view(n_crops, h, w, -1), mask.view(n_crops, h, w)


def parent_prior(output: ScaleOutput, chosen_G: torch.Tensor) -> torch.Tensor:
    """(G, 4) log probability that a chosen cell's emitter lies in each of its children.

    The cell's Gaussian over its four quarters, the outer ones reaching to infinity. Detached.
    """
    x_G, y_G = output.x_R[chosen_G].detach(), output.y_R[chosen_G].detach()
    sigma_x_G = output.sigma_x_R[chosen_G].detach()
    sigma_y_G = output.sigma_y_R[chosen_G].detach()
    middle_x_G = (output.col_R[chosen_G] + 0.5) * output.cell - 0.5
    middle_y_G = (output.row_R[chosen_G] + 0.5) * output.cell - 0.5
    log_right_G = torch.special.log_ndtr((x_G - middle_x_G) / sigma_x_G)
    log_left_G = torch.special.log_ndtr((middle_x_G - x_G) / sigma_x_G)
    log_below_G = torch.special.log_ndtr((y_G - middle_y_G) / sigma_y_G)
    log_above_G = torch.special.log_ndtr((middle_y_G - y_G) / sigma_y_G)
    log_prior_G4 = torch.stack(
        [
            log_above_G + log_left_G,
            log_above_G + log_right_G,
            log_below_G + log_left_G,
            log_below_G + log_right_G,
        ],
        1,
    )
    return log_prior_G4.clamp_min(-9.0)
