"""Joint answers: emitters drawn from what a model says, in place of probabilities.

A table of localisations gives every emitter a probability. Whether two of them are there together,
or one in place of the other, it cannot say. Draws can: each is a whole field that the model
holds possible, scale by scale given the decisions before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from truevar.inference.decode import Candidates
from truevar.model.handdown import Manner, decide_counts
from truevar.model.scale_output import ScaleOutput


@dataclass
class Drawn(Candidates):
    """Emitters of several draws.

    Attributes:
        sample: which draw, from 0.
    """

    sample: NDArray[np.int64]


def draw_fields(
    decide: Callable[[Manner], ScaleOutput], samples: int, seed: int, device: torch.device
) -> Drawn:
    """Draw fields of emitters, all scales anew for each.

    Args:
        decide: the finest scale, of coarser ones that were drawn in the manner given.
        samples: how many fields.
        seed: the same one draws the same; the process's own random numbers are left alone.
        device: where to draw.
    """
    manner = Manner.drawn(device=device)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        fields = [draw_emitters(decide(manner), manner) for _ in range(samples)]
    sample = np.repeat(np.arange(samples), [len(field.x) for field in fields])
    return Drawn(**vars(Candidates.concat(fields)), sample=sample)


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
