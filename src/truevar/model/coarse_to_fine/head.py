"""The layer that says what one scale of the first model has decided."""

from __future__ import annotations

import torch
from torch import nn

from truevar.model.scale_output import ScaleOutput, standard_error
from truevar.model.splits import SplitTable

OFFSET_REACH = 1.5
"""How far from its cell's centre an emitter may be placed, in cells: beyond the border
(at 0.5), so that the cell that announces an emitter can place it where it is."""


class Head(nn.Module):
    """Tokens of G groups of P cells to a :class:`ScaleOutput`. Always in float32."""

    def __init__(self, dim: int, cell: float, splits: SplitTable):
        super().__init__()
        self.cell = cell
        self.splits = splits
        self.norm = nn.LayerNorm(dim)
        self.to_split = nn.Linear(splits.parts * dim, len(splits))
        self.to_geometry = nn.Linear(dim, 7)

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
            geometry_R7 = self.to_geometry(token_GPD).flatten(0, 1)
            return ScaleOutput.of_heads(
                self.cell,
                grid,
                self.splits,
                crop_G,
                row_GP,
                col_GP,
                self.to_split(token_GPD.flatten(1)).log_softmax(1),
                OFFSET_REACH * torch.tanh(geometry_R7[:, :2] / OFFSET_REACH),
                standard_error(geometry_R7[:, 2:4], self.cell),
                geometry_R7[:, 4:],
                log_back_BHW,
            )
