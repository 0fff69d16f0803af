"""Which of the coarsest cells an emitter on their common border is drawn in.

Finer cells are told what their parent was drawn to hold, so that they agree. The coarsest ones have
no parent: each is drawn by itself, and an emitter that two of them hold possible, one half each,
would be drawn in both or in neither every second time. Where cells place what they announce at the
same spot they therefore share one random number and take turns on it: each is drawn as often as
before, and two of them together as rarely as their probabilities allow (systematic sampling).
"""

from __future__ import annotations

import torch

from truevar.model.scale_output import ScaleOutput

_ALIKE = 0.45
"""PSF widths within which two cells mean the same emitter, as where tables are made."""

_LEAST = 0.02
"""Cells that announce less than this claim nothing."""


@torch.no_grad()
def shared_lots(
    output: ScaleOutput, occupied_R: torch.Tensor, psf_sigma_B: torch.Tensor
) -> torch.Tensor:
    """(R,) a random number in [0, 1) for every cell of the first scale.

    A cell is to be drawn as occupied where its number is below its probability of that.

    Args:
        output: the scale, cell by cell.
        occupied_R: (R,) probability that a cell holds anything.
        psf_sigma_B: (B,) or (1,) PSF width in px.
    """
    h, w = output.grid
    n_crops = int(output.crop_G.max()) + 1 if len(output.crop_G) else 0
    R = len(occupied_R)
    lot_R = torch.rand(R, device=occupied_R.device, dtype=occupied_R.dtype)
    if R == 0:
        return lot_R
    rows = torch.arange(R, device=lot_R.device)
    index_Bhw = rows.new_full((n_crops, h + 2, w + 2), R)
    index_Bhw[output.crop_R, output.row_R + 1, output.col_R + 1] = rows
    step_8 = [(dy, dx) for dy in (0, 1, 2) for dx in (0, 1, 2) if (dy, dx) != (1, 1)]
    near_R8 = torch.stack(
        [index_Bhw[output.crop_R, output.row_R + dy, output.col_R + dx] for dy, dx in step_8], 1
    )
    beside = torch.full_like(occupied_R[:1], -1.0)
    claim_S = torch.cat([torch.where(occupied_R >= _LEAST, occupied_R, -1.0), beside])
    x_S, y_S = (torch.cat([at_R, beside]) for at_R in (output.x_R, output.y_R))
    apart_R8 = torch.hypot(x_S[near_R8] - output.x_R[:, None], y_S[near_R8] - output.y_R[:, None])
    sigma_B = psf_sigma_B.to(lot_R)
    sigma_R1 = (sigma_B if len(sigma_B) == 1 else sigma_B[output.crop_R])[:, None]
    alike_R8 = (apart_R8 < _ALIKE * sigma_R1) & (claim_S[:-1, None] > 0)
    # Of two alike the likelier one leads; the first one, of equals.
    ahead_R8 = (claim_S[near_R8] > claim_S[:-1, None]) | (
        (claim_S[near_R8] == claim_S[:-1, None]) & (near_R8 < rows[:, None])
    )
    rank_R8 = torch.where(alike_R8 & ahead_R8, claim_S[near_R8], -1.0)
    best_R, which_R = rank_R8.max(1)
    follows_R = best_R > 0
    chosen_R = near_R8.gather(1, which_R[:, None])[:, 0]
    # Only cells that follow nobody lead.
    leader_R = torch.where(follows_R & ~follows_R[chosen_R.clamp(max=R - 1)], chosen_R, rows)
    order_R = torch.argsort(occupied_R, descending=True, stable=True)
    order_R = order_R[torch.argsort(leader_R[order_R], stable=True)]
    # In double precision: the sum runs over all crops, turns are differences of it.
    claim_R = occupied_R[order_R].double()
    sum_R = claim_R.cumsum(0) - claim_R
    begins_R = leader_R[order_R] != torch.cat([leader_R[order_R][:1] - 1, leader_R[order_R][:-1]])
    first_R = torch.where(begins_R, rows, 0).cummax(0).values
    turn_R = torch.empty_like(sum_R)
    turn_R[order_R] = sum_R - sum_R[first_R]
    return ((lot_R[leader_R] - turn_R) % 1.0).to(occupied_R)
