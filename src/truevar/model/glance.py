"""What the encoder alone says, pixel by pixel: for training only.

The scales learn one after the other, and the finest ones say little before the coarser ones have
found something. Their gradient is the only one the encoder would get; with an answer of its own
in every pixel it learns from the first step on.
"""

from __future__ import annotations

import torch
from torch import nn

from truevar.model.heads import Head
from truevar.model.scale_output import ScaleOutput
from truevar.model.splits import SplitTable
from truevar.model.transformer import Cells

_MOST = 2


class Glance(nn.Module):
    """Emitters of every pixel from its features.

    Args:
        channels: of the features.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.head = Head(channels, SplitTable(_MOST, 1))

    def forward(self, f_BChw: torch.Tensor, back_BHW: torch.Tensor) -> ScaleOutput:
        """Decide for cells of one px, each on its own.

        Args:
            f_BChw: (B, C, H', W') joint features.
            back_BHW: (B, H, W) local background.
        """
        looked = Cells.all_of(len(f_BChw), (f_BChw.shape[2], f_BChw.shape[3]), f_BChw.device)
        row_G4, col_G4 = looked.places()
        token_G4C = f_BChw.permute(0, 2, 3, 1)[looked.crop_G[:, None], row_G4, col_G4]
        output: ScaleOutput = self.head(
            token_G4C.flatten(0, 1)[:, None],
            looked.crop_G.repeat_interleave(4),
            row_G4.reshape(-1, 1),
            col_G4.reshape(-1, 1),
            1.0,
            looked.grid,
            back_BHW.log(),
        )
        return output
