"""What one scale says about its cells, and the layer that says it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from truevar.model.splits import SplitTable

OFFSET_REACH = 1.5
"""How far from its cell's centre an emitter may be placed, in cells: beyond the border
(at 0.5), so that the cell that announces an emitter can place it where it is."""

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
        weight_G: (G,) in training, how many groups of its kind a group stands for (groups
            of unlikely parents are drawn by lot); None where all were made.
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
    weight_G: torch.Tensor | None = None

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


class Head(nn.Module):
    """Tokens of G groups of P cells to a :class:`ScaleOutput`. Always in float32."""

    def __init__(self, dim: int, cell: float, splits: SplitTable):
        super().__init__()
        self.cell = cell
        self.splits = splits
        self.norm = nn.LayerNorm(dim)
        self.to_split = nn.Linear(splits.parts * dim, len(splits))
        self.to_geometry = nn.Linear(dim, 7)
        with torch.no_grad():
            # Start from "empty": false alarms would flood the finer scales.
            self.to_split.weight.mul_(0.3)
            self.to_split.bias.copy_(-1.5 * self.splits.total_K - 1.0)
            self.to_split.bias[0] = 2.0
            self.to_geometry.weight.mul_(0.3)
            self.to_geometry.bias.zero_()

    def forward(
        self,
        token_GPD: torch.Tensor,
        crop_G: torch.Tensor,
        row_GP: torch.Tensor,
        col_GP: torch.Tensor,
        grid: tuple[int, int],
        log_back_BHW: torch.Tensor,
    ) -> ScaleOutput:
        """Decide for every group, and describe every cell.

        Args:
            token_GPD: (G, P, D) tokens.
            crop_G: (G,) frame of the batch.
            row_GP, col_GP: (G, P) place in this scale's grid.
            grid: (h, w) of this scale.
            log_back_BHW: (B, H, W) log of the local background estimate.
        """
        with torch.autocast(token_GPD.device.type, enabled=False):
            token_GPD = self.norm(token_GPD.float())
            log_split_GK = self.to_split(token_GPD.flatten(1)).log_softmax(1)
            geometry_R7 = self.to_geometry(token_GPD).flatten(0, 1)
            split_GK = log_split_GK.exp()
            count_R4 = self.splits.child_probabilities(split_GK).flatten(0, 1)
            mean_R = self.splits.child_means(split_GK).flatten()
        row_R, col_R = row_GP.flatten(), col_GP.flatten()
        crop_R = crop_G.repeat_interleave(self.splits.parts)
        s = self.cell
        centre_x_R, centre_y_R = (col_R + 0.5) * s - 0.5, (row_R + 0.5) * s - 0.5
        offset_R2 = OFFSET_REACH * torch.tanh(geometry_R7[:, :2] / OFFSET_REACH)
        # A standard error lies between a hundredth of a px and what the offset can reach.
        low, high = 0.008, 1.5 * max(s, 0.7)
        sigma_R2 = low + (high - low) * torch.sigmoid(geometry_R7[:, 2:4] - 1.0)
        H, W = log_back_BHW.shape[1:]
        at_row_R = (centre_y_R + 0.5).long().clamp(0, H - 1)
        at_col_R = (centre_x_R + 0.5).long().clamp(0, W - 1)
        return ScaleOutput(
            cell=s,
            grid=grid,
            splits=self.splits,
            crop_G=crop_G,
            row_R=row_R,
            col_R=col_R,
            log_split_GK=log_split_GK,
            count_R4=count_R4,
            mean_R=mean_R,
            x_R=centre_x_R + s * offset_R2[:, 0],
            y_R=centre_y_R + s * offset_R2[:, 1],
            sigma_x_R=sigma_R2[:, 0],
            sigma_y_R=sigma_R2[:, 1],
            log_photons_R=(6.5 + 1.5 * geometry_R7[:, 4]).clamp(0, 14),
            sigma_log_photons_R=0.01 + 1.5 * torch.sigmoid(geometry_R7[:, 5] - 1.0),
            log_bg_R=log_back_BHW[crop_R, at_row_R, at_col_R] + geometry_R7[:, 6].clamp(-4, 4),
        )
