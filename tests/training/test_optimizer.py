import torch
from torch import nn

from truevar.config import ModelConfig
from truevar.model import TrueVAREmitterPredictor
from truevar.training.optimizer import MatrixMomentum, make_optimizers, orthogonalise


def test_singular_values_become_about_one_and_directions_stay():
    torch.manual_seed(0)
    for shape in ((24, 60), (60, 24), (32, 32)):
        matrix = torch.randn(shape) @ torch.diag(torch.logspace(0, -1.5, shape[1]))
        got = orthogonalise(matrix)
        assert got.shape == matrix.shape
        values = torch.linalg.svdvals(got.float())
        assert 0.5 < float(values.median()) < 1.3
        assert float(values.max()) < 1.4
        assert float((got * matrix).sum()) > 0


def test_a_step_has_the_stated_size_whatever_the_gradient():
    torch.manual_seed(0)
    for scale in (1e-4, 1e3):
        weight = nn.Parameter(torch.zeros(64, 32))
        weight.grad = scale * torch.randn(64, 32)
        MatrixMomentum([weight], lr=0.1, weight_decay=0.0).step()
        rms = float(weight.detach().square().mean().sqrt())
        assert 0.7 * 0.2 * 0.1 < rms < 1.3 * 0.2 * 0.1


def test_it_fits_a_linear_map():
    torch.manual_seed(0)
    target, weight = torch.randn(8, 5), nn.Parameter(torch.zeros(8, 5))
    optimizer = MatrixMomentum([weight], lr=0.05, weight_decay=0.0)
    for step in range(300):
        for group in optimizer.param_groups:
            group["lr"] = 0.3 * (1 - step / 300)
        optimizer.zero_grad()
        (weight - target).square().sum().backward()
        optimizer.step()
    assert float((weight - target).detach().abs().max()) < 0.05


def test_every_learnt_parameter_has_exactly_one_optimiser():
    network = TrueVAREmitterPredictor(config=ModelConfig())
    matrices, others = make_optimizers(network, 1e-3, 0.01)
    held = [p for o in (matrices, others) for group in o.param_groups for p in group["params"]]
    learnt = [p for p in network.parameters() if p.requires_grad]
    assert len(held) == len(learnt)
    assert {id(p) for p in held} == {id(p) for p in learnt}
    frozen = {id(p) for p in network.tokenizer.parameters()}
    assert not frozen & {id(p) for p in held}
    assert all(p.dim() >= 2 for group in matrices.param_groups for p in group["params"])
