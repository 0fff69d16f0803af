"""One joint answer: emitters drawn from what a model says, in place of probabilities.

A table of localisations gives every emitter a probability. Whether two of them are there together,
or one in place of the other, it cannot say. Draws can: each is a whole field that the model
holds possible, scale by scale given the decisions before.
"""

from __future__ import annotations

import torch

from truevar.inference.decode import Candidates
from truevar.model.handdown import Manner, decide_counts
from truevar.model.scale_output import ScaleOutput


@torch.no_grad()
def draw_emitters(output: ScaleOutput, manner: Manner) -> Candidates:
    """A scale's cells to emitters: as many as are drawn, each placed by its cell's Gaussian.

    Args:
        output: the finest scale, whose coarser ones were drawn in the same manner.
        manner: :meth:`truevar.model.handdown.Manner.drawn`.

    Returns:
        emitters, all of probability 1. At temperature 0 they lie where their cells place them.
    """
    decided = decide_counts(output, manner)
    rows = decided.mean_R.round().long().clamp_min(0)
    rows = torch.arange(len(rows), device=rows.device).repeat_interleave(rows)
    spread_N = (manner.of(output.crop_R[rows]) > 0).to(output.x_R)
    x_N, y_N, log_photons_N = (
        mean_R[rows] + spread_N * error_R[rows] * torch.randn_like(spread_N)
        for mean_R, error_R in (
            (output.x_R, output.sigma_x_R),
            (output.y_R, output.sigma_y_R),
            (output.log_photons_R, output.sigma_log_photons_R),
        )
    )
    photons_N = log_photons_N.exp()
    columns = [
        x_N,
        y_N,
        output.sigma_x_R[rows],
        output.sigma_y_R[rows],
        photons_N,
        photons_N * output.sigma_log_photons_R[rows],
        output.log_bg_R[rows].exp(),
        torch.ones_like(x_N),
    ]
    return Candidates(
        output.crop_R[rows].cpu().numpy(),
        *(column.double().cpu().numpy() for column in columns),
    )
