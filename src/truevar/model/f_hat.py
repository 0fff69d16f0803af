"""f̂ where there is something: the quantiser's accumulation in blocks of the finest grid.

What :meth:`EmitterVectorQuantizer.get_next_autoregressive_input` does with a mask, computed only
for blocks that hold an occupied cell. Everywhere else f̂ is zero, so nothing is missed: work
grows with the emitters, and the result is the same (a test compares them to 1e-5).
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F

from truevar.model.quantizer import EmitterVectorQuantizer

_BLOCKS_STEP = 128


class SparseFHat:
    """f̂ of a batch of frames in blocks two coarsest cells wide.

    Args:
        quantizer: whose Phi networks work on what is added.
        SN: number of scales.
        occupied_B1hw: (B, 1, h, w) cells of the first scale outside of which nothing is
            ever added.
    """

    def __init__(self, quantizer: EmitterVectorQuantizer, SN: int, occupied_B1hw: torch.Tensor):
        self.quantizer = quantizer
        self.SN = SN
        B, _, h, w = occupied_B1hw.shape
        self.width = 2**SN  # in finest cells: two coarsest cells
        pads = (0, w % 2, 0, h % 2)
        blocks_Bhw = F.max_pool2d(F.pad(occupied_B1hw.float(), pads), 2)[:, 0] > 0
        found_3N = blocks_Bhw.nonzero().T
        self.n_blocks = found_3N.shape[1]
        # Few distinct numbers of blocks: a convolution is compiled, and kept, for each. What
        # fills up is computed and never looked at.
        self.image_N, self.row_N, self.col_N = F.pad(found_3N, (0, -self.n_blocks % _BLOCKS_STEP))
        self.shape = blocks_Bhw.shape
        self.grid = (h, w)
        self.f_NCbb = torch.zeros(
            len(self.image_N),
            quantizer.channels,
            self.width,
            self.width,
            device=occupied_B1hw.device,
        )

    def add(self, si: int, h_BhwC: torch.Tensor, active_Bhw: torch.Tensor) -> torch.Tensor:
        """Add what scale ``si`` says.

        Args:
            si: the scale.
            h_BhwC: (B, h, w, C) what it says, zero in cells that are not active.
            active_Bhw: (B, h, w) its active cells.

        Returns:
            (B, 2h, 2w, C) area mean of f̂ on the next scale's grid; f̂ itself, repeated, after
            the last.
        """
        cells = 2 ** (si + 1)  # of this scale, along a block
        ratio = self.width // cells
        pad_h, pad_w = -h_BhwC.shape[1] % cells, -h_BhwC.shape[2] % cells
        # Bicubic interpolation repeats the last cell at the frame's border.
        h_BChw = F.pad(h_BhwC.permute(0, 3, 1, 2), (2, 2, 2, 2), mode="replicate")
        h_BhwC = F.pad(h_BChw, (0, pad_w, 0, pad_h)).permute(0, 2, 3, 1)
        h_NCmm = self._gather(h_BhwC, cells, 2).permute(0, 3, 1, 2)
        mask_BhwC = F.pad(active_Bhw.to(h_NCmm.dtype), (1, 1 + pad_w, 1, 1 + pad_h))[..., None]
        mask_N1mm = self._gather(mask_BhwC, cells, 1).permute(0, 3, 1, 2)
        inner = slice(ratio - 1, ratio + self.width + 1)
        mask = mask_N1mm.repeat_interleave(ratio, 2).repeat_interleave(ratio, 3)[:, :, inner, inner]
        if ratio > 1:
            up = _upsampling(cells + 4, ratio, self.width).to(h_NCmm)
            # One large product per direction; rows and columns change places twice.
            h_NCmm = (h_NCmm.transpose(2, 3) @ up.T).transpose(2, 3) @ up.T
        else:
            h_NCmm = h_NCmm[:, :, 1:-1, 1:-1]
        own = mask[:, :, 1:-1, 1:-1]
        if torch.is_grad_enabled():
            said = self.quantizer.phi_inside(si, mask * h_NCmm)
            self.f_NCbb = self.f_NCbb + own * said
        else:  # every pass over all blocks counts
            said = self.quantizer.phi_inside(si, h_NCmm.mul_(mask) if ratio > 1 else mask * h_NCmm)
            self.f_NCbb.add_(said.mul_(own))
        if ratio == 1:
            return self._on_grid(self.f_NCbb.repeat_interleave(2, 2).repeat_interleave(2, 3))
        return self._on_grid(F.avg_pool2d(self.f_NCbb, ratio // 2) if ratio > 2 else self.f_NCbb)

    def _gather(self, map_BhwC: torch.Tensor, cells: int, halo: int) -> torch.Tensor:
        """(N, m, m, C) blocks of ``cells`` and a halo, from a map with that halo around it."""
        _, h, w, C = map_BhwC.shape
        m = cells + 2 * halo
        step_m = torch.arange(m, device=map_BhwC.device)
        first_N = (self.image_N * h + self.row_N * cells) * w + self.col_N * cells
        index = first_N[:, None, None] + step_m[:, None] * w + step_m
        return map_BhwC.reshape(-1, C).index_select(0, index.flatten()).view(-1, m, m, C)

    def _on_grid(self, blocks_NCmm: torch.Tensor) -> torch.Tensor:
        """Blocks onto a map (B, h, w, C), zero elsewhere."""
        B, rows, cols = self.shape
        _, C, m, _ = blocks_NCmm.shape
        n = self.n_blocks
        map_BhmwmC = blocks_NCmm.new_zeros(B, rows, m, cols, m, C)
        map_BhmwmC[self.image_N[:n], self.row_N[:n], :, self.col_N[:n]] = blocks_NCmm[:n].permute(
            0, 2, 3, 1
        )
        h, w = self.grid[0] * m // 2, self.grid[1] * m // 2
        return map_BhmwmC.flatten(3, 4).flatten(1, 2)[:, :h, :w]


@lru_cache(maxsize=32)
def _upsampling(cells: int, ratio: int, width: int) -> torch.Tensor:
    """(width + 2, cells) matrix of bicubic interpolation along one side of a block.

    From ``cells`` cells, two of them beyond the block on either side, to the block's finest
    cells and one more on either side.
    """
    with torch.inference_mode(False):  # what is kept may be used in training later
        one = torch.eye(cells)[None, None]
        up = F.interpolate(one, size=(cells * ratio, cells), mode="bicubic")[0, 0]
        return up[2 * ratio - 1 : 2 * ratio + width + 1].clone()
