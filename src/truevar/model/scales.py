"""One scale: its cells' tokens from the image and from what coarser scales handed down.

VAR's input of scale k is the area mean of f̂, what the coarser scales said. Here a token gets
it for its own cell and the eight around it, and besides that the image around the cell, its
parent's token, and its parent's decision.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from truevar.config import ModelConfig
from truevar.model.pyramid import CellReader, windows
from truevar.model.scale_output import DECISION_DIM
from truevar.model.transformer import AdaLNSelfAttn, Cells, relative_places

FIRST_REACH, FINER_REACH = 2, 1
"""How many cells around its group a token of the first and of a finer scale attends to."""


@dataclass(frozen=True)
class CoarserScale:
    """What a scale is given by the one before it.

    Attributes:
        cells: its cells.
        kv_LRE: per block its keys and values, see :class:`AdaLNSelfAttn`.
        parent_G: (G,) rows of its cells that are this scale's parents.
        token_RD: (R, D) its tokens.
        decision_Rd: (R, DECISION_DIM) its decision, as handed down.
        given_BhwC: (B, h, w, C) f̂ on this scale's grid, summed over a cell (VAR's next
            input, the area mean, times the number of finest cells); None without f̂.
    """

    cells: Cells
    kv_LRE: list[torch.Tensor]
    parent_G: torch.Tensor
    token_RD: torch.Tensor
    decision_Rd: torch.Tensor
    given_BhwC: torch.Tensor | None


class NextScaleTransformer(nn.Module):
    """Tokens of one scale after another, through the same blocks.

    Args:
        config: sizes and what is handed down.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        dim = config.embed_dim
        self.reader = CellReader(
            config.stem_channels, config.wide_channels, dim, config.coarsest_cell
        )
        self.from_parent = nn.Linear(dim, 4 * dim)
        self.from_decision = nn.Linear(DECISION_DIM, dim)
        self.from_f_hat = nn.Linear(9 * config.code_channels, dim)
        # One stack for all scales, as in VAR, or one for each.
        n_stacks = 1 if config.shared_blocks else len(config.patch_nums)
        self.blocks = nn.ModuleList(
            nn.ModuleList(
                AdaLNSelfAttn(
                    dim,
                    config.cond_dim,
                    config.num_heads,
                    config.kv_heads,
                    config.head_dim,
                    config.mlp_ratio,
                )
                for _ in range(config.num_layers)
            )
            for _ in range(n_stacks)
        )
        self.checkpointing = False

    def forward(
        self,
        k: int,
        levels: dict[int, torch.Tensor],
        cells: Cells,
        cell: float,
        cond_BD: torch.Tensor,
        pos_embed_4D: torch.Tensor,
        coarser: CoarserScale | None,
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Tokens of one scale's cells.

        Args:
            k: the scale.
            levels: the image, see :class:`truevar.model.pyramid.ImagePyramid`.
            cells: the cells looked at.
            cell: their width in px.
            cond_BD: condition of this scale.
            pos_embed_4D: its position embedding, by place among the siblings.
            coarser: what the scale before hands down; None for the first.

        Returns:
            (G, 4, D) tokens, and every block's keys and values.
        """
        x_G4D = self.reader(levels, cells, cell) + pos_embed_4D
        coarse_GM = None
        if coarser is not None and coarser.given_BhwC is not None:
            padded_BhwC = F.pad(coarser.given_BhwC, (0, 0, 1, 1, 1, 1))
            near_G4C = windows(padded_BhwC, cells.crop_G, 2 * cells.row_G, 2 * cells.col_G, 3, 1)
            x_G4D = x_G4D + self.from_f_hat(near_G4C)
        if coarser is not None and self.config.next_scale:
            parent_GD = coarser.token_RD[coarser.parent_G]
            x_G4D = x_G4D + self.from_parent(parent_GD).unflatten(1, (4, -1))
            decision_Gd = coarser.decision_Rd[coarser.parent_G]
            x_G4D = x_G4D + self.from_decision(decision_Gd)[:, None]
            coarse_GM = coarser.cells.around_parents(cells)
        reach = FIRST_REACH if coarser is None else FINER_REACH
        around_GM = cells.around(reach)
        place_4M = relative_places(reach).to(around_GM.device)
        kept = []
        stack = self.blocks[min(k, len(self.blocks) - 1)]
        assert isinstance(stack, nn.ModuleList)
        for i, block in enumerate(stack):
            coarse_kv = coarser.kv_LRE[i] if coarser is not None else None
            arguments = (x_G4D, cond_BD, cells.crop_G, around_GM, place_4M, coarse_kv, coarse_GM)
            if self.checkpointing and torch.is_grad_enabled():
                x_G4D, kv_RE = checkpoint(block, *arguments, use_reentrant=False)
            else:
                x_G4D, kv_RE = block(*arguments)
            kept.append(kv_RE)
        return x_G4D, kept


def reach_px(config: ModelConfig, encoder_reach: int) -> int:
    """How many px to each side a localisation depends on, in whole pairs of coarsest cells."""
    cells = config.cells
    # Encoder; the first scale's window of the image; its transformer blocks.
    reach = encoder_reach + cells[0] + config.num_layers * (FIRST_REACH + 1) * cells[0]
    for parent, cell in pairwise(cells):
        # f̂ of the parents around (bicubic: two cells, and their window), the parents
        # attended to, and the blocks' own windows.
        reach += 4 * parent + config.num_layers * (FINER_REACH + 1) * cell
    # A cell may place its emitter in the next one.
    reach += 2 * cells[-1]
    pair = 2 * max(int(cells[0]), 1)
    return -(-int(reach + 1) // pair) * pair
