"""A scale's prediction as dense maps, one number per cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

import torch

from truevar.model.scale_output import ScaleOutput


@dataclass(frozen=True)
class ScaleMaps(Mapping[str, torch.Tensor]):
    """One scale's maps, each (B, 1, h, w); also a mapping from their names.

    Attributes:
        prob: probability that the cell holds at least one emitter.
        count: expected number of emitters.
        offset_x, offset_y: position from the cell's centre in cells (−0.5 … 0.5 is inside).
        x, y: position in px of the frame; the centre of pixel (0, 0) is the origin.
        sigma_x, sigma_y: standard errors of the position in px.
        photons, sigma_photons: of one emitter in this frame, in effective counts.
        background: per px, in effective counts.

    In cells that were not looked at, because a coarser scale found them empty, ``prob``,
    ``count``, ``photons``, ``background`` and the offsets are zero and the standard errors
    one cell.
    """

    prob: torch.Tensor
    count: torch.Tensor
    offset_x: torch.Tensor
    offset_y: torch.Tensor
    x: torch.Tensor
    y: torch.Tensor
    sigma_x: torch.Tensor
    sigma_y: torch.Tensor
    photons: torch.Tensor
    sigma_photons: torch.Tensor
    background: torch.Tensor

    def __getitem__(self, name: str) -> torch.Tensor:
        if name not in self:
            raise KeyError(name)
        value: torch.Tensor = getattr(self, name)
        return value

    def __contains__(self, name: object) -> bool:
        return any(field.name == name for field in fields(self))

    def __iter__(self) -> Iterator[str]:
        return (field.name for field in fields(self))

    def __len__(self) -> int:
        return len(fields(self))

    @property
    def grid(self) -> tuple[int, int]:
        """(h, w) cells."""
        return self.prob.shape[2], self.prob.shape[3]

    @classmethod
    def of(cls, output: ScaleOutput, n_crops: int, grid: tuple[int, int]) -> ScaleMaps:
        """Dense maps of a scale's cells.

        Args:
            output: the cells that were looked at.
            n_crops: B.
            grid: (h, w) to cut the maps to; the frame may have been padded.
        """
        s = output.cell
        h, w = output.grid
        device = output.x_R.device
        centre_y_h1 = (torch.arange(h, device=device)[:, None] + 0.5) * s - 0.5
        centre_x_1w = (torch.arange(w, device=device)[None] + 0.5) * s - 0.5
        place_R = (output.crop_R * h + output.row_R) * w + output.col_R

        def dense(value_R: torch.Tensor, empty: float | torch.Tensor = 0.0) -> torch.Tensor:
            blank = torch.as_tensor(empty, dtype=torch.float32, device=device)
            flat = blank.expand(n_crops, h, w).reshape(-1).clone()
            flat = flat.index_copy(0, place_R, value_R.float())
            return flat.view(n_crops, 1, h, w)[:, :, : grid[0], : grid[1]]

        photons_R = output.log_photons_R.exp()
        own_x_R = (output.col_R + 0.5) * s - 0.5
        own_y_R = (output.row_R + 0.5) * s - 0.5
        return cls(
            prob=dense(output.prob_R.clamp(0, 1)),
            count=dense(output.mean_R),
            offset_x=dense((output.x_R - own_x_R) / s),
            offset_y=dense((output.y_R - own_y_R) / s),
            x=dense(output.x_R, centre_x_1w),
            y=dense(output.y_R, centre_y_h1),
            sigma_x=dense(output.sigma_x_R, s),
            sigma_y=dense(output.sigma_y_R, s),
            photons=dense(photons_R),
            sigma_photons=dense(photons_R * output.sigma_log_photons_R),
            background=dense(output.log_bg_R.exp()),
        )
