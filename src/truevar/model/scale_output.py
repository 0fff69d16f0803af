"""What one scale says about its cells."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from truevar.model.splits import SplitTable

DECISION_DIM = 11
"""Length of :meth:`ScaleOutput.decision`."""


@dataclass(frozen=True)
class ScaleOutput:
    """One scale's decision: R cells in G groups (R = G · P; siblings are neighbours in R).

    Positions are in px of the frame (centre of pixel (0, 0) at the origin), photons and
    background in effective counts (photo-electrons over the camera's excess factor).

    Attributes:
        cell: size of a cell in px.
        grid: (h, w) cells in the frame.
        splits: the ways a group's emitters can sit in its cells.
        crop_G: (G,) which frame of the batch a group belongs to.
        row_R, col_R: (R,) the cell's place in the grid.
        log_split_GK: (G, K) log probability of every way.
        count_R4: (R, 4) probability of 0, 1, 2, 3 or more emitters announced by the cell.
        mean_R: (R,) expected number of emitters announced by the cell.
        x_R, y_R: (R,) position.
        sigma_x_R, sigma_y_R: (R,) their standard errors.
        log_photons_R, sigma_log_photons_R: (R,) log photons of the frame and its error.
        log_bg_R: (R,) log background per pixel.
        code_logits_RV: (R, V) logits of the cell's code, should it hold an emitter; see
            :meth:`truevar.model.codes.Codes.split_logits`. None for a model without codes.
        given_BhwC: (B, h, w, C) f̂ of the coarser scales on this scale's grid, summed over a
            cell; None where there was none.
        beyond: how many scales finer than the finest trained one.
    """

    cell: float
    grid: tuple[int, int]
    splits: SplitTable
    crop_G: torch.Tensor
    row_R: torch.Tensor
    col_R: torch.Tensor
    log_split_GK: torch.Tensor
    count_R4: torch.Tensor
    mean_R: torch.Tensor
    x_R: torch.Tensor
    y_R: torch.Tensor
    sigma_x_R: torch.Tensor
    sigma_y_R: torch.Tensor
    log_photons_R: torch.Tensor
    sigma_log_photons_R: torch.Tensor
    log_bg_R: torch.Tensor
    code_logits_RV: torch.Tensor | None = None
    given_BhwC: torch.Tensor | None = None
    beyond: int = 0

    @property
    def crop_R(self) -> torch.Tensor:
        """(R,) the frame of every cell."""
        return self.crop_G.repeat_interleave(self.splits.parts)

    @property
    def prob_R(self) -> torch.Tensor:
        """(R,) probability that the cell announces at least one emitter."""
        return 1 - self.count_R4[:, 0]

    def decision(self) -> torch.Tensor:
        """(R, DECISION_DIM) what is handed down: a distribution, not a verdict.

        Detached: a finer scale learns to use the coarser one's answer, not to bend it.
        """
        centre_x_R = (self.col_R + 0.5) * self.cell - 0.5
        centre_y_R = (self.row_R + 0.5) * self.cell - 0.5
        parts = (
            self.count_R4.unbind(1),
            (
                self.mean_R,
                (self.x_R - centre_x_R) / self.cell,
                (self.y_R - centre_y_R) / self.cell,
                (self.sigma_x_R / self.cell).log(),
                (self.sigma_y_R / self.cell).log(),
                (self.log_photons_R - 6.5) / 1.5,
                self.sigma_log_photons_R.log(),
            ),
        )
        return torch.stack([*parts[0], *parts[1]], 1).detach()

    @classmethod
    def of_heads(
        cls,
        cell: float,
        grid: tuple[int, int],
        splits: SplitTable,
        crop_G: torch.Tensor,
        row_GP: torch.Tensor,
        col_GP: torch.Tensor,
        log_split_GK: torch.Tensor,
        offset_R2: torch.Tensor,
        sigma_R2: torch.Tensor,
        light_R3: torch.Tensor,
        log_back_BHW: torch.Tensor,
        code_logits_RV: torch.Tensor | None = None,
    ) -> ScaleOutput:
        """From what a head's layers give.

        Args:
            cell, grid, splits, crop_G, log_split_GK, code_logits_RV: as the attributes.
            row_GP, col_GP: (G, P) place of every cell in the grid.
            offset_R2: (R, 2) x and y from the cell's centre, in cells.
            sigma_R2: (R, 2) their standard errors, px.
            light_R3: (R, 3) log photons, their error, log of the background over the local
                estimate: unscaled, as a layer gives them.
            log_back_BHW: (B, H, W) log of the local background estimate.
        """
        split_GK = log_split_GK.exp()
        row_R, col_R = row_GP.flatten(), col_GP.flatten()
        crop_R = crop_G.repeat_interleave(splits.parts)
        centre_x_R, centre_y_R = (col_R + 0.5) * cell - 0.5, (row_R + 0.5) * cell - 0.5
        H, W = log_back_BHW.shape[1:]
        at_row_R = (centre_y_R + 0.5).long().clamp(0, H - 1)
        at_col_R = (centre_x_R + 0.5).long().clamp(0, W - 1)
        return cls(
            cell=cell,
            grid=grid,
            splits=splits,
            crop_G=crop_G,
            row_R=row_R,
            col_R=col_R,
            log_split_GK=log_split_GK,
            count_R4=splits.child_probabilities(split_GK).flatten(0, 1),
            mean_R=splits.child_means(split_GK).flatten(),
            x_R=centre_x_R + cell * offset_R2[:, 0],
            y_R=centre_y_R + cell * offset_R2[:, 1],
            sigma_x_R=sigma_R2[:, 0],
            sigma_y_R=sigma_R2[:, 1],
            log_photons_R=(6.5 + 1.5 * light_R3[:, 0]).clamp(0, 14),
            sigma_log_photons_R=0.01 + 1.5 * torch.sigmoid(light_R3[:, 1] - 1.0),
            log_bg_R=log_back_BHW[crop_R, at_row_R, at_col_R] + light_R3[:, 2].clamp(-4, 4),
            code_logits_RV=code_logits_RV,
        )


def standard_error(raw_R2: torch.Tensor, cell: float) -> torch.Tensor:
    """(R, 2) standard errors in px, between a hundredth of a px and what an offset can reach.

    Args:
        raw_R2: (R, 2) as a layer gives them.
        cell: width of a cell in px.
    """
    low, high = 0.008, 1.5 * max(cell, 0.7)
    return low + (high - low) * torch.sigmoid(raw_R2 - 1.0)
