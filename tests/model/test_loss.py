import math
from dataclasses import replace

import pytest
import torch

from truevar.model.loss import VAREmitterLoss, _scale_terms
from truevar.model.scale_output import ScaleOutput
from truevar.model.splits import SplitTable
from truevar.model.targets import EmitterTargets

_ROWS = [
    "crop_G",
    "row_R",
    "col_R",
    "log_split_GK",
    "count_R4",
    "mean_R",
    "x_R",
    "y_R",
    "sigma_x_R",
    "sigma_y_R",
    "log_photons_R",
    "sigma_log_photons_R",
    "log_bg_R",
]


def output_of(x, y, count, sigma=0.1, cell=1.0, size=8):
    """A first-scale output that announces single emitters in given cells, the rest empty."""
    splits = SplitTable(2, parts=1)
    row_R = torch.arange(size).repeat_interleave(size)
    col_R = torch.arange(size).repeat(size)
    prob_R = torch.full((size * size,), 1e-4)
    x_R, y_R = col_R * 1.0, row_R * 1.0
    for x_n, y_n, p in zip(x, y, count, strict=True):
        r = int(y_n + 0.5) * size + int(x_n + 0.5)
        prob_R[r], x_R[r], y_R[r] = p, x_n, y_n
    split = torch.stack([1 - prob_R, prob_R, torch.full_like(prob_R, 1e-6)], 1)
    split = split / split.sum(1, keepdim=True)
    ones = torch.ones(size * size)
    return ScaleOutput(
        cell, (size, size), splits, torch.zeros(size * size, dtype=torch.long), row_R, col_R,
        split.log(), splits.child_probabilities(split).flatten(0, 1),
        splits.child_means(split).flatten(), x_R, y_R, sigma * ones, sigma * ones,
        6.0 * ones, 0.2 * ones, 3.0 * ones,
    )  # fmt: skip


def targets_of(x, y):
    return EmitterTargets(
        torch.zeros(len(x), dtype=torch.long),
        torch.tensor(x),
        torch.tensor(y),
        torch.full((len(x),), 6.0),
        torch.full((1, 8, 8), 3.0),
    )


def test_one_sure_emitter_costs_its_gaussian_density():
    where, how_many, split = _scale_terms(
        output_of([3.2], [4.1], [1 - 1e-6]), targets_of([3.3], [4.1]), reach=1
    )
    density = (
        -0.5 * (0.1 / 0.1) ** 2 - 2 * math.log(0.1) - math.log(0.2) - 1.5 * math.log(2 * math.pi)
    )
    # The other cells' 1e-4 each take a little weight.
    assert float(where) == pytest.approx(-density, abs=0.02)
    assert float(split) == pytest.approx(0.0, abs=0.03)
    # A sure count is right: only the floor of the variance is left.
    assert float(how_many) == pytest.approx(0.5 * math.log(0.05), abs=0.1)


def test_a_border_emitter_shared_by_two_cells_is_not_punished_by_where():
    shared, _, _ = _scale_terms(
        output_of([3.49, 3.51], [4.0, 4.0], [0.5, 0.5]), targets_of([3.5], [4.0]), reach=1
    )
    alone, _, _ = _scale_terms(
        output_of([3.49], [4.0], [1 - 1e-6]), targets_of([3.5], [4.0]), reach=1
    )
    assert float(shared) == pytest.approx(float(alone), abs=0.02)


def test_the_split_is_taught_the_cell_that_takes_the_emitter():
    """The model claims an emitter for the cell left of the border, the truth lies right of it."""
    claimed = output_of([3.45], [4.0], [0.99])
    _, _, split = _scale_terms(claimed, targets_of([3.52], [4.0]), reach=1)
    assert float(split) < 0.1


def test_but_not_a_cell_that_light_tells_it_is_not_in():
    """It lies 0.3 px right of the border: to claim it from the left is wrong, however sure."""
    claimed = output_of([3.45], [4.0], [0.99])
    there = targets_of([3.8], [4.0])
    assert float(_scale_terms(claimed, there, reach=1)[2]) > 5
    # Unless it is so dim that nobody can tell.
    dim = replace(there, bound_N=torch.tensor([0.8]))
    assert float(_scale_terms(claimed, dim, reach=1)[2]) < 0.1


def test_where_no_cell_near_an_emitter_was_made_another_one_takes_it():
    """Of the cells around it only the one left of its own was made; far away, none at all."""
    all_cells = output_of([], [], [])
    some = (all_cells.row_R == 4) & (all_cells.col_R == 3)
    made = replace(
        all_cells,
        **{name: getattr(all_cells, name)[some] for name in _ROWS},
    )
    _, _, split = _scale_terms(made, targets_of([4.0], [4.0]), reach=1)
    assert float(split) == pytest.approx(-float(made.log_split_GK[0, 1]), rel=1e-4)
    _, _, split = _scale_terms(made, targets_of([1.0], [1.0]), reach=1)
    assert float(split) == pytest.approx(-float(made.log_split_GK[0, 0]), abs=1e-3)


def test_missing_and_invented_emitters_cost():
    right = _scale_terms(output_of([2.0], [2.0], [0.99]), targets_of([2.0], [2.0]), 1)
    missed = _scale_terms(output_of([], [], []), targets_of([2.0], [2.0]), 1)
    invented = _scale_terms(
        output_of([2.0, 6.0], [2.0, 6.0], [0.99, 0.99]), targets_of([2.0], [2.0]), 1
    )
    assert sum(missed) > sum(right) + 5
    assert sum(invented) > sum(right) + 3


def test_no_emitters_at_all_is_no_accident():
    loss, _ = VAREmitterLoss((1.0,))([output_of([], [], [])], targets_of([], []))
    assert torch.isfinite(loss)


def test_a_crop_without_any_cell_leaves_gradients_finite():
    """Two crops, and all cells are the first one's."""
    output = output_of([3.0], [4.0], [0.7])
    logits = output.log_split_GK.clone().requires_grad_()
    prob = logits.softmax(1)
    with_grad = replace(output, log_split_GK=logits.log_softmax(1), mean_R=prob[:, 1])
    both = replace(targets_of([3.0], [4.0]), log_bg_BHW=torch.full((2, 8, 8), 3.0))
    loss, _ = VAREmitterLoss((1.0,))([with_grad], both)
    loss.backward()
    assert torch.isfinite(logits.grad).all()
    assert float(logits.grad.abs().max()) > 0


def test_a_mistake_at_a_finer_scale_costs_more():
    """The same wrong position at one scale or the other; the rest is right."""
    right, wrong = output_of([3.2], [4.1], [0.95]), output_of([3.4], [4.1], [0.95])
    targets = targets_of([3.2], [4.1])
    for loss_of in (VAREmitterLoss((0.5, 1.0)), VAREmitterLoss(VAREmitterLoss().scale_weights[2:])):
        best = loss_of([right, right], targets)[0]
        coarse, fine = (
            float(loss_of(outputs, targets)[0] - best)
            for outputs in ([wrong, right], [right, wrong])
        )
        share = loss_of.scale_weights[0] / loss_of.scale_weights[1]
        assert 0 < coarse < fine
        assert coarse == pytest.approx(share * fine, rel=1e-3)


def test_emitters_are_counted_in_their_cells():
    counts_Bhw = targets_of([3.2, 7.4], [4.1, -0.4]).counts(0.5, (16, 16))
    assert counts_Bhw.nonzero().tolist() == [[0, 0, 15], [0, 9, 7]]
    assert counts_Bhw.sum() == 2
