"""True decisions, handed down in some crops."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from truevar.config import PRESETS
from truevar.model import TrueVAREmitterPredictor
from truevar.model.cascade import decide_scales
from truevar.model.choose import Children
from truevar.model.handdown import Manner
from truevar.model.loss import VAREmitterLoss
from truevar.model.scale_output import ScaleOutput
from truevar.model.targets import EmitterTargets
from truevar.model.truth import Truth

TINY = PRESETS["tiny"]
TOLD = torch.tensor([True, False])


@pytest.fixture
def network() -> TrueVAREmitterPredictor:
    torch.manual_seed(0)
    return TrueVAREmitterPredictor(config=TINY).eval()


@pytest.fixture
def targets() -> EmitterTargets:
    """In either crop two emitters in one cell of 4 px, in different ones of 2 px, and one alone."""
    x_3, y_3 = torch.tensor([9.0, 10.6, 30.2]), torch.tensor([8.5, 8.5, 20.2])
    return EmitterTargets(
        crop_N=torch.tensor([0, 0, 0, 1, 1, 1]),
        x_N=x_3.repeat(2),
        y_N=y_3.repeat(2),
        log_photons_N=torch.full((6,), 6.5),
        log_bg_BHW=torch.full((2, 40, 40), 2.0),
        bound_N=torch.full((6,), 0.3),
    )


def counts_of(targets: EmitterTargets) -> list[torch.Tensor]:
    return [targets.counts(cell, (round(40 / cell),) * 2) for cell in TINY.cells]


def truth_of(network: TrueVAREmitterPredictor, targets: EmitterTargets) -> Truth:
    return Truth.of(targets, TOLD, counts_of(targets), TINY.cells[-1], network.tokenizer)


def decide(
    network: TrueVAREmitterPredictor, targets: EmitterTargets, truth: Truth | None
) -> list[ScaleOutput]:
    """All scales; true cells have children, as in training."""
    torch.manual_seed(1)
    seen = network.encode(torch.rand(2, 3, 40, 40) + 8.0)
    keep = [count_Bhw > 0 for count_Bhw in counts_of(targets)]
    with torch.no_grad():
        return decide_scales(network, *seen, TINY.cells, Children(keep=keep), Manner.soft(), truth)


def test_coarse_cells_are_told_the_sum_of_their_emitters(network, targets):
    truth = truth_of(network, targets)
    assert float(truth.counts[0][0, 2, 2]) == 2
    outputs = decide(network, targets, None)
    told = truth.counted(outputs[0], 0)
    at = (told.crop_R == 0) & (told.row_R == 2) & (told.col_R == 2)
    assert told.mean_R[at].tolist() == [2.0]
    assert told.count_R4[at].tolist() == [[0.0, 0.0, 1.0, 0.0]]


def test_other_crops_keep_their_own_decisions(network, targets):
    truth, output = truth_of(network, targets), decide(network, targets, None)[0]
    told = truth.counted(output, 0)
    own_R = output.crop_R == 1
    assert torch.equal(told.mean_R[own_R], output.mean_R[own_R])
    assert torch.equal(told.count_R4[own_R], output.count_R4[own_R])
    own_RC = torch.randn(len(output.mean_R), TINY.code_channels)
    said_RC = truth.said_by(own_RC, output, 0)
    assert torch.equal(said_RC[own_R], own_RC[own_R])
    assert not torch.equal(said_RC[~own_R], own_RC[~own_R])


def test_codes_that_are_told_decode_to_the_emitters(network, targets):
    """They are those of the field itself, not of a draw of it; the other crops have none."""
    truth, again = truth_of(network, targets), truth_of(network, targets)
    assert truth.said is not None
    assert again.said is not None
    for one_BhwC, other_BhwC in zip(truth.said, again.said, strict=True):
        assert torch.equal(one_BhwC, other_BhwC)
        assert bool(one_BhwC[0].any())
        assert not bool(one_BhwC[1].any())


def test_children_begin_from_what_their_parent_was_told(network, targets):
    outputs = decide(network, targets, truth_of(network, targets))
    finer = outputs[1]
    total_G = finer.mean_R.view(-1, 4).sum(1)
    row_G, col_G = (values.view(-1, 4)[:, 0] // 2 for values in (finer.row_R, finer.col_R))
    true_G = counts_of(targets)[0][finer.crop_G, row_G, col_G]
    told_G = finer.crop_G == 0
    assert torch.allclose(total_G[told_G], true_G[told_G], atol=0.1)
    assert not torch.allclose(total_G[~told_G], true_G[~told_G], atol=0.1)


def test_nothing_told_is_as_without_truth(network, targets):
    truth = replace(truth_of(network, targets), told_B=torch.zeros(2, dtype=torch.bool))
    for one, other in zip(
        decide(network, targets, truth), decide(network, targets, None), strict=True
    ):
        assert torch.equal(one.mean_R, other.mean_R)
        assert torch.equal(one.x_R, other.x_R)


def test_in_told_crops_the_children_add_up_to_what_was_told(network, targets):
    """An emitter on a border may be either cell's, unless its parent was told to have it."""
    on_border = replace(targets, x_N=torch.tensor([11.45, 20.2, 30.2]).repeat(2))
    outputs = decide(network, on_border, truth_of(network, on_border))
    # All of the left cell's children are far from likely; the true ones are those of x = 11.45.
    plain, terms = VAREmitterLoss()(outputs, on_border, network.tokenizer)
    told, of_told = VAREmitterLoss()(outputs, on_border, network.tokenizer, told_B=TOLD)
    assert bool(torch.isfinite(plain))
    assert bool(torch.isfinite(told))
    assert of_told["where2"] == pytest.approx(terms["where2"])
    true_G = counts_of(on_border)[3].clone()
    finest = outputs[3]
    target_R = true_G[finest.crop_R, finest.row_R, finest.col_R].long()
    target_G = finest.splits.index(target_R.view(-1, 4))
    everything_told = VAREmitterLoss()(
        outputs, on_border, network.tokenizer, told_B=torch.ones(2, dtype=torch.bool)
    )[1]
    wanted = -finest.log_split_GK.gather(1, target_G[:, None]).sum() / (6 + 2)
    assert everything_told["split3"] == pytest.approx(float(wanted), rel=1e-5)
