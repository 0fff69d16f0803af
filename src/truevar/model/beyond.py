"""Cells too fine for light to tell: a cell's Gaussian divides its emitters among its quarters.

Below half a pixel no head decides any more. How many emitters there are and where has been said
with a standard error; all that finer cells can add is which of them that Gaussian covers. (The
last head, run on a quarter of a pixel, a size it has met in training, gave the true cells a
lower likelihood than that: docs/training.md.)
"""

from __future__ import annotations

from dataclasses import replace

import torch

from truevar.model.handdown import parent_prior
from truevar.model.scale_output import ScaleOutput
from truevar.model.splits import SplitTable

FINEST_DECIDED = 0.5
"""Cells narrower than this, in px, are not decided on."""

LEAST = 1e-3
"""Probability of holding an emitter below which a cell is not divided; a quarter of that for cells
half as wide."""


def narrowed(
    parent: ScaleOutput, count_R4: torch.Tensor, chosen_G: torch.Tensor, splits: SplitTable
) -> ScaleOutput:
    """The quarters of a scale's cells.

    Emitters of one cell fall into its quarters independently, each with the share of the cell's
    Gaussian there (the outer quarters reach to infinity). Where and how bright they are stays as
    the cell said.

    Args:
        parent: the scale before.
        count_R4: (R, 4) its counts as handed down.
        chosen_G: (G,) rows of its cells that are divided.
        splits: ways of up to three emitters in four cells.
    """
    log_share_G4 = parent_prior(parent, chosen_G)
    log_share_G4 = log_share_G4 - log_share_G4.logsumexp(1, keepdim=True)
    log_split_GK = log_share_G4 @ splits.splits_KP.T + splits.log_orders_K
    log_split_GK = splits.with_totals(log_split_GK, count_R4[chosen_G])
    split_GK = log_split_GK.exp()
    quarter_4 = torch.arange(4, device=chosen_G.device)
    inherited = {
        name: getattr(parent, name)[chosen_G].repeat_interleave(4)
        for name in (
            "x_R",
            "y_R",
            "sigma_x_R",
            "sigma_y_R",
            "log_photons_R",
            "sigma_log_photons_R",
            "log_bg_R",
        )
    }
    return replace(
        parent,
        **inherited,
        cell=parent.cell / 2,
        grid=(2 * parent.grid[0], 2 * parent.grid[1]),
        splits=splits,
        crop_G=parent.crop_R[chosen_G],
        row_R=(2 * parent.row_R[chosen_G][:, None] + quarter_4 // 2).flatten(),
        col_R=(2 * parent.col_R[chosen_G][:, None] + quarter_4 % 2).flatten(),
        log_split_GK=log_split_GK,
        count_R4=splits.child_probabilities(split_GK).flatten(0, 1),
        mean_R=splits.child_means(split_GK).flatten(),
        code_logits_RV=None,
        given_BhwC=None,
        beyond=parent.beyond + 1,
    )
