"""The scales themselves: the first looks at every cell, the finer ones at children only."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from truevar.model.coarse_to_fine.blocks import GridBlock, SiblingBlock
from truevar.model.coarse_to_fine.head import Head
from truevar.model.pyramid import windows
from truevar.model.scale_output import DECISION_DIM, ScaleOutput
from truevar.model.splits import SplitTable


class FirstScale(nn.Module):
    """The coarsest grid, dense: every cell decides how many emitters it announces."""

    def __init__(self, cell: float, cap: int, channels: int, dim: int, cond_dim: int, blocks: int):
        super().__init__()
        self.cell = int(cell)
        # Windows of twice the cell's width: a cell sees half of each neighbour.
        self.read = nn.Conv2d(
            channels, dim, 2 * self.cell, stride=self.cell, padding=self.cell // 2
        )
        self.blocks = nn.ModuleList(GridBlock(dim, cond_dim) for _ in range(blocks))
        self.head = Head(dim, cell, SplitTable(cap, parts=1))

    def forward(
        self,
        f_BChw: torch.Tensor,
        cond_BD: torch.Tensor,
        pos_embed_4D: torch.Tensor,
        log_back_BHW: torch.Tensor,
    ) -> tuple[torch.Tensor, ScaleOutput]:
        """Image features to tokens (R, 1, D) of all cells and their decision.

        ``pos_embed_4D`` has a row for each of the four colours of a 2×2 checkerboard, so
        that of two neighbours it is always settled which one yields at a common border.
        """
        x_BhwD = self.read(f_BChw).permute(0, 2, 3, 1)
        B, h, w, D = x_BhwD.shape
        row_h = torch.arange(h, device=f_BChw.device)
        col_w = torch.arange(w, device=f_BChw.device)
        colour_hw = 2 * (row_h % 2)[:, None] + (col_w % 2)[None]
        x_BhwD = x_BhwD + pos_embed_4D[colour_hw]
        for block in self.blocks:
            x_BhwD = block(x_BhwD, cond_BD)
        token_R1D = x_BhwD.reshape(B * h * w, 1, D)
        output = self.head(
            token_R1D,
            torch.arange(B, device=f_BChw.device).repeat_interleave(h * w),
            row_h.repeat_interleave(w).repeat(B)[:, None],
            col_w.repeat(B * h)[:, None],
            (h, w),
            log_back_BHW,
        )
        return token_R1D, output


class FinerScale(nn.Module):
    """A finer grid, sparse: children of the cells that the coarser scale did not find empty.

    The four children of a parent are one row of every tensor: they get their parent's
    token and its decision, read the image around their own cell, attend to each other, and
    decide together how their parent's emitters split among them.
    """

    def __init__(
        self,
        cell: float,
        cap: int,
        channels: int,
        dim: int,
        cond_dim: int,
        blocks: int,
        num_heads: int,
    ):
        super().__init__()
        self.cell = cell
        # Children of at least a px read it and a margin of 1 px; smaller ones the 2×2 px
        # nearest to their corner of the parent's px.
        whole = int(cell)
        self.window, self.step = (whole + 2, whole) if whole else (2, 1)
        self.read = nn.Linear(self.window**2 * channels, dim)
        self.from_parent = nn.Linear(dim, 4 * dim)
        self.from_decision = nn.Linear(DECISION_DIM, dim)
        self.blocks = nn.ModuleList(SiblingBlock(dim, num_heads, cond_dim) for _ in range(blocks))
        self.head = Head(dim, cell, SplitTable(cap, parts=4))

    def forward(
        self,
        f_BChw: torch.Tensor,
        parent_token_GD: torch.Tensor,
        parent_decision_Gd: torch.Tensor,
        crop_G: torch.Tensor,
        parent_row_G: torch.Tensor,
        parent_col_G: torch.Tensor,
        cond_BD: torch.Tensor,
        pos_embed_4D: torch.Tensor,
        log_back_BHW: torch.Tensor,
    ) -> tuple[torch.Tensor, ScaleOutput]:
        """Parents to their children's tokens (G, 4, D) and decision."""
        G, D = parent_token_GD.shape
        padded_BhwC = F.pad(f_BChw, (1, 1, 1, 1)).permute(0, 2, 3, 1).contiguous()
        # The parent's first px.
        top_G = (parent_row_G * (2 * self.cell)).long()
        left_G = (parent_col_G * (2 * self.cell)).long()
        read_G4D = self.read(windows(padded_BhwC, crop_G, top_G, left_G, self.window, self.step))
        x_G4D = (
            self.from_parent(parent_token_GD).view(G, 4, D)
            + self.from_decision(parent_decision_Gd)[:, None]
            + read_G4D
            + pos_embed_4D
        )
        for block in self.blocks:
            x_G4D = block(x_G4D, cond_BD, crop_G)
        child = torch.arange(4, device=crop_G.device)
        h, w = (int(size / self.cell) for size in f_BChw.shape[2:])
        output = self.head(
            x_G4D,
            crop_G,
            2 * parent_row_G[:, None] + child // 2,
            2 * parent_col_G[:, None] + child % 2,
            (h, w),
            log_back_BHW,
        )
        return x_G4D, output
