import pytest
import torch
from torch import nn

from truevar.training.schedule import LONGEST, begin_step, end_step, rate_of


def test_it_warms_up_and_ends_low():
    assert rate_of(2.0, 0, 100, 0.0) == pytest.approx(0.02)
    assert rate_of(2.0, 49, 100, 0.0) == pytest.approx(1.0)
    assert rate_of(2.0, 99, 100, 0.0) == rate_of(2.0, 5000, 100, 0.0) == 2.0
    assert rate_of(2.0, 5000, 100, 0.5) == pytest.approx(2.0 * (1 + 0.01) / 2)
    assert rate_of(2.0, 5000, 100, 1.0) == rate_of(2.0, 5000, 100, 3.0) == pytest.approx(0.02)
    assert rate_of(2.0, 5000, 100, 1.0, last=0.1) == pytest.approx(0.2)


def test_a_step_begins_with_its_rate_and_without_gradients():
    weight, bias = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    optimizers = [torch.optim.SGD([weight], 1.0), torch.optim.SGD([bias], 1.0)]
    (weight + bias).sum().backward()
    begin_step(optimizers, 0.25)
    assert weight.grad is bias.grad is None
    assert [one.param_groups[0]["lr"] for one in optimizers] == [0.25, 0.25]


def test_a_step_ends_with_gradients_cut_and_none_where_they_are_not_finite():
    layer = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(layer.weight)
    optimizers = [torch.optim.SGD(layer.parameters(), 1.0)]
    layer.weight.grad = torch.tensor([[30.0, 40.0]])
    assert end_step(optimizers, layer) == 50
    assert layer.weight.norm().item() == pytest.approx(LONGEST)
    before = layer.weight.detach().clone()
    layer.weight.grad = torch.tensor([[1.0, torch.nan]])
    assert not end_step(optimizers, layer) < torch.inf
    assert torch.equal(layer.weight, before)
