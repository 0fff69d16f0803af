import torch

from truevar.model.beyond import narrowed
from truevar.model.scale_output import ScaleOutput
from truevar.model.splits import SplitTable


def cells_of(x, y, sigma, count_R4):
    """Half-px cells in a row from the frame's corner, with these Gaussians and counts."""
    R = len(x)
    count_R4 = torch.tensor(count_R4)
    flat = torch.full((R,), 5.0)
    return ScaleOutput(
        0.5, (1, R), SplitTable(3, 1), torch.zeros(R, dtype=torch.long),
        torch.zeros(R, dtype=torch.long), torch.arange(R), count_R4.log(), count_R4,
        count_R4 @ torch.arange(4.0), torch.tensor(x), torch.tensor(y), torch.tensor(sigma),
        torch.tensor(sigma), flat, 0.1 * flat, flat,
    )  # fmt: skip


def test_a_cell_is_divided_by_its_gaussian():
    # The first emitter lies 1σ right of its cell's middle, on its middle line.
    parent = cells_of([-0.2, 0.25], [-0.25, -0.25], [0.05, 0.1], [[0.1, 0.9, 0, 0], [1.0, 0, 0, 0]])
    child = narrowed(parent, parent.count_R4, torch.tensor([0]), SplitTable(3))
    assert (child.cell, child.grid, child.beyond) == (0.25, (2, 4), 1)
    assert child.row_R.tolist() == [0, 0, 1, 1]
    assert child.col_R.tolist() == [0, 1, 0, 1]
    right = 0.841345
    expected = 0.9 * torch.tensor([1 - right, right, 1 - right, right]) / 2
    torch.testing.assert_close(child.mean_R, expected, atol=1e-4, rtol=0)
    assert child.x_R.tolist() == [parent.x_R[0].item()] * 4


def test_several_emitters_fall_into_quarters_independently():
    parent = cells_of([-0.25], [-0.25], [0.1], [[0.2, 0.1, 0.3, 0.4]])
    child = narrowed(parent, parent.count_R4, torch.tensor([0]), SplitTable(3))
    torch.testing.assert_close(child.mean_R, torch.full((4,), 1.9 / 4))
    # Of two, none is in a given quarter with (3/4)², of three with (3/4)³.
    empty = 0.2 + 0.1 * 0.75 + 0.3 * 0.75**2 + 0.4 * 0.75**3
    torch.testing.assert_close(child.count_R4[:, 0], torch.full((4,), empty))


def test_the_sum_over_finer_cells_stays():
    parent = cells_of([-0.1, 0.3], [-0.4, -0.2], [0.1, 0.3], [[0.2, 0.5, 0.2, 0.1]] * 2)
    finer = narrowed(parent, parent.count_R4, torch.tensor([0, 1]), SplitTable(3))
    finest = narrowed(finer, finer.count_R4, torch.arange(8), SplitTable(3))
    assert finest.beyond == 2
    torch.testing.assert_close(finest.mean_R.view(2, 16).sum(1), parent.mean_R)
