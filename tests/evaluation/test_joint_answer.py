"""The probability of the whole truth."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from truevar.config import PRESETS, TrainingMix
from truevar.evaluation.joint_answer import nats_of_truth
from truevar.model import TrueVAREmitterPredictor
from truevar.simulation.crops import CropBatch, sample_crops

TINY = PRESETS["tiny"]
# All that is made is looked at: true cells have children in any case.
INDEPENDENT = replace(TINY, next_scale=False, residual="none")


def crops(n_crops: int = 3, **changes: object) -> CropBatch:
    generator = torch.Generator().manual_seed(3)
    return sample_crops(n_crops, 40, generator, replace(TrainingMix(), **changes))


def nats(network: TrueVAREmitterPredictor, batch: CropBatch) -> torch.Tensor:
    with torch.no_grad():
        seen = network.encode(batch.counts_BTHW, batch.psf_sigma_B, batch.read_variance_BHW)
    return nats_of_truth(network, seen, batch.targets)


@pytest.mark.parametrize("config", [TINY, INDEPENDENT], ids=["chained", "independent"])
def test_every_crop_has_its_own(config):
    torch.manual_seed(0)
    network = TrueVAREmitterPredictor(config=config).eval()
    batch = crops()
    together_B = nats(network, batch)
    assert together_B.shape == (3,)
    assert bool(torch.isfinite(together_B).all())
    assert bool((together_B > 0).all())
    assert len(set(together_B.tolist())) == 3


def certain_of(network: TrueVAREmitterPredictor, way: int) -> None:
    """Make every head sure of one way, whatever it sees."""
    for head in network.heads:
        head.to_split.weight.data.zero_()
        head.to_split.bias.data.fill_(-40.0)
        head.to_split.bias.data[way] = 40.0


def test_a_model_that_is_sure_of_what_is_true_has_none_left():
    torch.manual_seed(0)
    network = TrueVAREmitterPredictor(config=INDEPENDENT).eval()
    certain_of(network, 0)
    # Too dim to be seen: no emitter at all.
    empty = crops(photons=(1.0, 2.0), usual_photons=(1.0, 2.0))
    assert not len(empty.targets.x_N)
    assert nats(network, empty).tolist() == pytest.approx([0, 0, 0], abs=1e-3)
    batch = crops()
    lit_B = torch.bincount(batch.targets.crop_N, minlength=3) > 0
    assert bool((nats(network, batch)[lit_B] > 30).all())


def test_a_chain_pays_for_every_scale():
    """Cells that hold something in which the first scale is sure of nothing cost 80 nats each."""
    torch.manual_seed(0)
    network = TrueVAREmitterPredictor(config=TINY).eval()
    batch = crops()
    before_B = nats(network, batch)
    head = network.heads[0]
    head.to_split.weight.data.zero_()
    head.to_split.bias.data.fill_(-40.0)
    head.to_split.bias.data[0] = 40.0
    occupied_B = (batch.targets.counts(4.0, (10, 10)) > 0).flatten(1).sum(1)
    more_B = nats(network, batch) - before_B
    assert bool((more_B > 60 * occupied_B - 10).all())
