"""What a cell sees of the image, whatever its size.

The image features keep the camera's resolution, and cells of up to 4 px read them directly:
all of their own pixels and a margin of one. Wider cells, of the mission's coarse grids on large
fields, read a learnt summary of 4, 8 or 16 px: nothing is dropped before it is read, and the
finer cells still read the full resolution.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import nn

from truevar.model.transformer import Cells

_WIDEST_READ = 4


class ImagePyramid(nn.Module):
    """Image features at full resolution and summed up to 4, 8, … px.

    Args:
        channels: of the features at full resolution.
        wide_channels: of the levels above.
        coarsest: px of the last level, a power of two.
    """

    def __init__(self, channels: int, wide_channels: int, coarsest: int):
        super().__init__()
        self.steps = nn.ModuleDict()
        size = _WIDEST_READ
        while size <= coarsest // 2:
            first = size == _WIDEST_READ
            self.steps[str(size)] = nn.Conv2d(
                channels if first else wide_channels,
                wide_channels,
                size if first else 2,
                stride=size if first else 2,
            )
            size *= 2

    def forward(self, f_BChw: torch.Tensor, coarsest: int) -> dict[int, torch.Tensor]:
        """(B, C, h, w) features to levels by px, each (B, h + 2, w + 2, C) with a zero border."""
        levels = {1: f_BChw}
        size = _WIDEST_READ
        while size <= coarsest // 2:
            below = levels[1 if size == _WIDEST_READ else size // 2]
            levels[size] = F.silu(self.steps[str(size)](below))
            size *= 2
        return {
            size: F.pad(g_BChw, (1, 1, 1, 1)).permute(0, 2, 3, 1).contiguous()
            for size, g_BChw in levels.items()
        }


def windows(
    padded_BhwC: torch.Tensor,
    crop_G: torch.Tensor,
    top_G: torch.Tensor,
    left_G: torch.Tensor,
    window: int,
    step: int,
) -> torch.Tensor:
    """Square windows for the four cells of every group.

    Args:
        padded_BhwC: (B, h + 2, w + 2, C) a map with a border of one.
        crop_G: (G,) frame.
        top_G, left_G: (G,) row and column, in the map without its border, of the first
            cell's own entry; its window starts one before.
        window: width of a cell's window.
        step: from one cell's window to the next one's.

    Returns:
        (G, 4, window² · C).
    """
    _, h, w, C = padded_BhwC.shape
    patch = window + step
    step_m = torch.arange(patch, device=crop_G.device)
    start_G = (crop_G * h + top_G) * w + left_G
    index = (start_G[:, None, None] + step_m[:, None] * w + step_m).flatten()
    rows = padded_BhwC.reshape(-1, C).index_select(0, index)
    patch_GmmC = rows.view(len(crop_G), patch, patch, C)
    cut = [
        patch_GmmC[:, top : top + window, left : left + window].flatten(1)
        for top in (0, step)
        for left in (0, step)
    ]
    return torch.stack(cut, 1)


class CellReader(nn.Module):
    """Image features around cells, to tokens.

    Args:
        channels, wide_channels: of the pyramid.
        dim: D, width of the tokens.
        coarsest: px of the widest cells.
    """

    def __init__(self, channels: int, wide_channels: int, dim: int, coarsest: int):
        super().__init__()
        self.whole = nn.ModuleDict()
        size = 1
        while size <= coarsest:
            direct = size <= _WIDEST_READ
            n_seen = (size + 2) ** 2 * channels if direct else 16 * wide_channels
            self.whole[str(size)] = nn.Linear(n_seen, dim)
            size *= 2
        self.part = nn.Linear(4 * channels, dim)
        self.place = nn.Linear(2, dim)

    def forward(
        self, levels: Mapping[int, torch.Tensor], cells: Cells, cell: float
    ) -> torch.Tensor:
        """(G, 4, D) what every cell of width ``cell`` px sees."""
        if cell >= 1:
            # Of the level it reads, a cell is `own` entries wide.
            size = int(cell)
            own = size if size <= _WIDEST_READ else 2
            level = levels[size // own]
            top_G, left_G = 2 * own * cells.row_G, 2 * own * cells.col_G
            whole: nn.Linear = self.whole[str(size)]  # type: ignore[assignment]
            return whole(windows(level, cells.crop_G, top_G, left_G, own + 2, own))
        # Cells below one px read the 2×2 px whose common corner is nearest, and are told
        # how far that is.
        row_G4, col_G4 = cells.places()
        if cell == 0.5:
            seen = windows(levels[1], cells.crop_G, cells.row_G, cells.col_G, 2, 1)
        else:
            # All four siblings lie in the same half px, so they share their corner.
            top_G = ((cells.row_G + 0.5) * 2 * cell + 0.5).floor().long()
            left_G = ((cells.col_G + 0.5) * 2 * cell + 0.5).floor().long()
            seen = windows(levels[1], cells.crop_G, top_G, left_G, 2, 0)
        down_G4 = ((row_G4 + 0.5) * cell + 0.5) % 1 - 0.5
        across_G4 = ((col_G4 + 0.5) * cell + 0.5) % 1 - 0.5
        return self.part(seen) + self.place(torch.stack([across_G4, down_G4], 2).to(seen.dtype))
