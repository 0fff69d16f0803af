"""Emitters on the borders of the coarsest cells."""

from __future__ import annotations

from dataclasses import replace

import torch

from truevar.config import PRESETS
from truevar.model import TrueVAREmitterPredictor
from truevar.model.claims import shared_lots
from truevar.model.scale_output import ScaleOutput

SIGMA = torch.tensor([1.3])


def output_of(spots: dict[int, tuple[float, float]]) -> ScaleOutput:
    """A first scale of 10 × 10 cells of 4 px, most of which place their emitter in their middle."""
    torch.manual_seed(0)
    network = TrueVAREmitterPredictor(config=PRESETS["tiny"]).eval()
    with torch.no_grad():
        output = network.predict(torch.rand(1, 1, 40, 40) + 5)[0]
    at = output.row_R * 10 + output.col_R
    output.x_R.copy_(4 * output.col_R + 1.5)
    output.y_R.copy_(4 * output.row_R + 1.5)
    for cell, (x, y) in spots.items():
        output.x_R[at == cell], output.y_R[at == cell] = x, y
    return output


def drawn(
    output: ScaleOutput, occupied: dict[int, float], n: int = 4000, frames: int = 100
) -> torch.Tensor:
    """(n, cells) whether each of the cells named is occupied, n times, so many at a time."""
    at = output.row_R * 10 + output.col_R
    occupied_R = torch.full((len(at),), 0.3)
    for cell, share in occupied.items():
        occupied_R[at == cell] = share
    rows = [int((at == cell).nonzero()) for cell in occupied]
    torch.manual_seed(1)
    many = replace(
        output,
        crop_G=torch.arange(frames).repeat_interleave(len(at)),
        **{name: getattr(output, name).repeat(frames) for name in ("row_R", "col_R", "x_R", "y_R")},
    )
    lots = [shared_lots(many, occupied_R.repeat(frames), SIGMA) for _ in range(n // frames)]
    return torch.cat(lots).view(n, -1)[:, rows] < occupied_R[rows]


def test_two_cells_that_mean_one_emitter_take_turns():
    output = output_of({44: (19.5, 17.5), 45: (19.6, 17.5)})
    both_N2 = drawn(output, {44: 0.55, 45: 0.4})
    assert not bool(both_N2.all(1).any())
    assert torch.allclose(both_N2.float().mean(0), torch.tensor([0.55, 0.4]), atol=0.03)
    assert abs(float(both_N2.any(1).float().mean()) - 0.95) < 0.03


def test_they_do_in_large_batches_too():
    output = output_of({44: (19.5, 17.5), 45: (19.6, 17.5)})
    both_N2 = drawn(output, {44: 0.55, 45: 0.449}, n=16000, frames=2000)
    assert not bool(both_N2.all(1).any())


def test_four_cells_on_a_corner_take_turns():
    spot = (19.5, 19.5)
    output = output_of(dict.fromkeys((44, 45, 54, 55), spot))
    four_N4 = drawn(output, {44: 0.3, 45: 0.25, 54: 0.2, 55: 0.24})
    assert int(four_N4.sum(1).max()) == 1
    assert abs(float(four_N4.any(1).float().mean()) - 0.99) < 0.02


def test_cells_that_announce_more_than_one_together_hold_two_at_times_and_never_none():
    output = output_of({44: (19.5, 17.5), 45: (19.6, 17.5)})
    both_N2 = drawn(output, {44: 0.8, 45: 0.5})
    assert bool(both_N2.any(1).all())
    assert abs(float(both_N2.all(1).float().mean()) - 0.3) < 0.03


def test_cells_that_mean_different_emitters_are_drawn_by_themselves():
    output = output_of({44: (19.4, 17.5), 45: (20.4, 17.5)})
    both_N2 = drawn(output, {44: 0.5, 45: 0.5})
    assert abs(float(both_N2.all(1).float().mean()) - 0.25) < 0.03
    assert torch.allclose(both_N2.float().mean(0), torch.full((2,), 0.5), atol=0.03)


def test_a_frame_of_which_nothing_is_looked_at():
    output = output_of({})
    empty = torch.zeros(0)
    nothing = ScaleOutput(
        **{
            **vars(output),
            **{name: getattr(output, name)[:0] for name in ("crop_G", "row_R", "col_R")},
            "x_R": empty,
            "y_R": empty,
        }
    )
    assert len(shared_lots(nothing, empty, SIGMA)) == 0
