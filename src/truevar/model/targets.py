"""The truth of a batch of crops, as the loss wants it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from truevar.model.tokenizer import emitter_field


@dataclass(frozen=True)
class EmitterTargets:
    """True emitters of the middle frames of B crops.

    Attributes:
        crop_N: (N,) crop of every emitter.
        x_N, y_N: (N,) position in px.
        log_photons_N: (N,) log of the effective counts in this frame.
        log_bg_BHW: (B, H, W) log of the expected background in effective counts.
        bound_N: (N,) standard error in px that light allows along an axis; None for 0.
        bound_log_N: (N,) the same of the log photons.
    """

    crop_N: torch.Tensor
    x_N: torch.Tensor
    y_N: torch.Tensor
    log_photons_N: torch.Tensor
    log_bg_BHW: torch.Tensor
    bound_N: torch.Tensor | None = None
    bound_log_N: torch.Tensor | None = None

    def counts(self, cell: float, grid: tuple[int, int]) -> torch.Tensor:
        """(B, h, w) number of emitters in every cell."""
        counts = torch.zeros(len(self.log_bg_BHW), *grid, device=self.x_N.device)
        row_N, col_N = self.cells(cell)
        place = (self.crop_N, row_N.clamp(0, grid[0] - 1), col_N.clamp(0, grid[1] - 1))
        return counts.index_put(place, torch.ones_like(self.x_N), accumulate=True)

    def drawn_field(
        self, cell: float, grid: tuple[int, int], exact_B: torch.Tensor | None = None
    ) -> torch.Tensor:
        """(B, 4, h, w) field of a draw of the emitters; see :func:`emitter_field`.

        Args:
            cell: width of a cell in px.
            grid: (h, w) of the field.
            exact_B: (B,) crops whose emitters are where they are.
        """
        x_N, y_N, log_N = self.x_N, self.y_N, self.log_photons_N
        spread_N = torch.ones_like(x_N) if exact_B is None else 1.0 - exact_B[self.crop_N].to(x_N)
        if self.bound_N is not None:
            x_N = x_N + spread_N * self.bound_N * torch.randn_like(x_N)
            y_N = y_N + spread_N * self.bound_N * torch.randn_like(y_N)
        if self.bound_log_N is not None:
            log_N = log_N + spread_N * self.bound_log_N * torch.randn_like(log_N)
        shape = (len(self.log_bg_BHW), *grid)
        return emitter_field(self.crop_N, x_N, y_N, log_N, cell, shape)

    def cells(self, cell: float) -> tuple[torch.Tensor, torch.Tensor]:
        """(N,) row and (N,) column of the cell every emitter lies in."""
        row_N = ((self.y_N + 0.5) / cell).floor().long()
        return row_N, ((self.x_N + 0.5) / cell).floor().long()
