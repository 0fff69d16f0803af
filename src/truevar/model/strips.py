"""Convolutions on the blocks of a map that matter, and on no others.

Active blocks that lie side by side make a strip; all strips of all frames stand behind one another
in one long map that is a block high, with a column for what lies to the left and right of each.
A layer gathers the row above and below every strip and is an ordinary convolution then. What is
not active counts as zero, as what lies beyond the border of a map does.
"""

from __future__ import annotations

import torch


class Strips:
    """Where the active blocks of B maps stand in the long map of W columns.

    Args:
        active_Bhw: (B, h, w) which blocks are active.
        side: places along a block's side.
    """

    def __init__(self, active_Bhw: torch.Tensor, side: int):
        B, h, w = active_Bhw.shape
        device = active_Bhw.device
        self.side, self.shape = side, (B, h * side, w * side)
        # A block to the left and right of the map, for the columns beside its strips.
        on_Bhw = torch.zeros(B, h, w + 2, dtype=torch.bool, device=device)
        on_Bhw[:, :, 1:-1] = active_Bhw
        on_P = on_Bhw.flatten()
        nothing_1 = on_P.new_zeros(1)
        ends_P = ~on_P & torch.cat([nothing_1, on_P[:-1]])
        begins_P = ~on_P & torch.cat([on_P[1:], nothing_1])
        columns_P = side * on_P.long() + ends_P + begins_P
        block_W = torch.repeat_interleave(columns_P)
        n_columns = len(block_W)
        within_W = (
            torch.arange(n_columns, device=device) - (columns_P.cumsum(0) - columns_P)[block_W]
        )
        # Before a strip stands the last column of the block there, behind it the first.
        before_W = ~on_P[block_W] & ~(ends_P[block_W] & (within_W == 0))
        within_W = torch.where(before_W, side - 1, within_W)
        x_W = (block_W % (w + 2) - 1) * side + within_W
        row_W = block_W // (w + 2) % h
        map_W = block_W // ((w + 2) * h)
        self.inside_W = on_P[block_W]

        y_mW = row_W * side + torch.arange(-1, side + 1, device=device)[:, None]
        _, H, W = self.shape
        there_mW = (y_mW >= 0) & (y_mW < H) & (x_W >= 0) & (x_W < W)
        place_mW = (map_W * H + y_mW.clamp(0, H - 1)) * W + x_W.clamp(0, W - 1)
        self._in_maps_mW = torch.where(there_mW, place_mW, B * H * W)
        # Row of every place in the long map, and 0, the column before the first strip, where
        # there is none.
        strip_R = torch.zeros(B * H * W + 1, dtype=torch.long, device=device)
        own_sW = place_mW[1:-1][:, self.inside_W]
        column_W = torch.arange(n_columns, device=device)[self.inside_W]
        rows_sW = torch.arange(side, device=device)[:, None] * n_columns + column_W
        strip_R[own_sW] = rows_sW
        self._own_R, self._rows_R = own_sW.flatten(), rows_sW.flatten()
        self._around_mW = strip_R[self._in_maps_mW]

    def cut(self, f_BChw: torch.Tensor) -> torch.Tensor:
        """(1, C, side + 2, W) strips of maps, with all that lies around them."""
        rows_RC = f_BChw.permute(0, 2, 3, 1).flatten(0, 2)
        rows_RC = torch.cat([rows_RC, rows_RC.new_zeros(1, rows_RC.shape[1])])
        return self._gathered(rows_RC, self._in_maps_mW)

    def around(self, f_1CsW: torch.Tensor) -> torch.Tensor:
        """(1, C, side + 2, W): the row above and below every strip, and zeros beside it."""
        rows_RC = f_1CsW.permute(0, 2, 3, 1).flatten(0, 2)
        rows_RC[0] = 0
        return self._gathered(rows_RC, self._around_mW)

    def laid_out(self, f_1CsW: torch.Tensor) -> torch.Tensor:
        """(B, C, h · side, w · side) maps, zero outside the active blocks."""
        B, H, W = self.shape
        rows_RC = f_1CsW.permute(0, 2, 3, 1).flatten(0, 2)
        laid_RC = rows_RC.new_zeros(B * H * W, rows_RC.shape[1])
        laid_RC[self._own_R] = rows_RC[self._rows_R]
        return laid_RC.view(B, H, W, -1).permute(0, 3, 1, 2)

    @staticmethod
    def _gathered(rows_RC: torch.Tensor, index_mW: torch.Tensor) -> torch.Tensor:
        m, W = index_mW.shape
        return rows_RC.index_select(0, index_mW.flatten()).view(1, m, W, -1).permute(0, 3, 1, 2)
