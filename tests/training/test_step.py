import copy
from dataclasses import replace

import pytest
import torch

from truevar.config import PRESETS, TrainConfig, TrainingMix
from truevar.model import TrueVAREmitterPredictor, VAREmitterLoss
from truevar.model.weights import load_model
from truevar.simulation.crops import CropBatch, sample_crops
from truevar.training.loop import train_model
from truevar.training.step import batch_loss

TINY = PRESETS["tiny"]
CPU = torch.device("cpu")


@pytest.fixture
def network():
    torch.manual_seed(0)
    return TrueVAREmitterPredictor(config=TINY)


def crops(n_crops, size, seed=0, **changes):
    generator = torch.Generator().manual_seed(seed)
    return sample_crops(n_crops, size, generator, TrainingMix(**changes))


def joined(parts):
    """Several batches as one."""
    starts = [0]
    for part in parts:
        starts.append(starts[-1] + len(part.counts_BTHW))
    targets = [
        replace(part.targets, crop_N=part.targets.crop_N + start)
        for part, start in zip(parts, starts, strict=False)
    ]
    names = ("counts_BTHW", "read_variance_BHW", "psf_sigma_B", "exists_BT")
    whole = {name: torch.cat([getattr(part, name) for part in parts]) for name in names}
    fields = vars(targets[0])
    merged = {name: torch.cat([getattr(target, name) for target in targets]) for name in fields}
    return CropBatch(**whole, targets=replace(targets[0], **merged))


@pytest.mark.parametrize("size", [20, 40, 80, 160])
@pytest.mark.parametrize("told", [0.0, 0.5, 1.0])
def test_the_loss_of_every_width_is_finite_and_has_gradients(network, size, told):
    config = TrainConfig(told=told)
    batch = crops(max(round(4 * (40 / size) ** 2), 1), size)
    loss, terms = batch_loss(network, VAREmitterLoss(), batch, config, CPU)
    loss.backward()
    assert bool(torch.isfinite(loss))
    assert {f"{name}{k}" for name in ("where", "count", "split", "code") for k in range(4)} | {
        "glance",
        "dropped",
        "capped",
    } == set(terms)
    for name, parameter in network.named_parameters():
        if parameter.grad is not None:
            assert bool(torch.isfinite(parameter.grad).all()), name
        assert parameter.requires_grad != name.startswith("tokenizer"), name


def test_the_log_says_what_the_bound_on_parents_cuts(network):
    """A model that has only begun sees emitters everywhere: 100, 400 and 1600 cells a crop."""
    batch = crops(4, 40)
    config = TrainConfig(sampled=0.0, corrupted=0.0, told=0.0)
    with torch.no_grad():
        _, free = batch_loss(network, VAREmitterLoss(), batch, config, CPU)
        network.config = replace(TINY, active_threshold=1e-6)
        _, ample = batch_loss(
            network, VAREmitterLoss(), batch, replace(config, parents_per_crop=1600), CPU
        )
        _, tight = batch_loss(
            network, VAREmitterLoss(), batch, replace(config, parents_per_crop=150), CPU
        )
    assert (free["dropped"], free["capped"]) == (0, 0)
    assert (ample["dropped"], ample["capped"]) == (0, 0)
    # Of the first scale's cells all have children; of the next two's 600 each in all.
    assert tight["dropped"] == (400 - 150) + (600 - 150)
    assert tight["capped"] == 1


def test_a_micro_batch_of_one_dense_crop_is_not_cut(network):
    """It has no sparser crop to borrow from; all of its 1,600 px may have children."""
    network.config = replace(TINY, active_threshold=1e-6)
    with torch.no_grad():
        _, terms = batch_loss(network, VAREmitterLoss(), crops(1, 40), TrainConfig(), CPU)
    assert (terms["dropped"], terms["capped"]) == (0, 0)


@pytest.mark.parametrize("told", [0.0, 0.5, 1.0])
def test_crops_without_an_emitter_have_a_loss(network, told):
    config = TrainConfig(told=told)
    # Too dim to be seen: no targets at all.
    batch = crops(2, 40, photons=(1.0, 2.0), usual_photons=(1.0, 2.0))
    assert not len(batch.targets.x_N)
    loss, _ = batch_loss(network, VAREmitterLoss(), batch, config, CPU)
    loss.backward()
    assert bool(torch.isfinite(loss))


def test_gradients_of_micro_batches_add_up_to_the_batchs(network):
    """Each is a mean over its own emitters: with their shares as weights they add up."""
    config = TrainConfig(sampled=0.0, corrupted=0.0, told=0.0)
    # Nothing is drawn, no codes either.
    network = TrueVAREmitterPredictor(config=replace(TINY, patch_nums=(10,), max_counts=(7,)))
    loss_of = VAREmitterLoss((1.0,), code_weight=0.0)
    parts = [crops(2, 40, seed) for seed in (1, 2)]
    whole = joined(parts)

    def gradient(batch, share):
        one = copy.deepcopy(network)
        loss, _ = batch_loss(one, loss_of, batch, config, CPU)
        (share * loss).backward()
        return torch.cat([p.grad.flatten() for p in one.parameters() if p.grad is not None])

    sizes = [len(part.targets.x_N) + len(part.counts_BTHW) for part in parts]
    added = sum(gradient(part, size / sum(sizes)) for part, size in zip(parts, sizes, strict=True))
    at_once = gradient(whole, 1.0)
    # bfloat16 keeps three digits.
    assert float((added - at_once).norm() / at_once.norm()) < 0.03


def test_a_step_of_micro_batches_is_one_step(tmp_path):
    lines = []
    config = TrainConfig(10, crops=4, batch=2, micro_batch=1, warmup=1, log_every=1)
    weights = train_model(TINY, replace(config, other_crops=()), tmp_path, report=lines.append)
    assert [line["step"] for line in lines] == [1, 2]
    assert load_model(weights).training["crops"] == 4


def test_the_clock_is_looked_at_after_every_micro_batch(tmp_path, monkeypatch):
    """With no time at all one micro-batch of one step is made, and weights are written."""
    made = []

    def counting(network, loss_of, batch, config, device):
        made.append(len(batch.counts_BTHW))
        return batch_loss(network, loss_of, batch, config, device)

    monkeypatch.setattr("truevar.training.loop.batch_loss", counting)
    config = TrainConfig(1e-9, batch=8, micro_batch=2, other_crops=())
    weights = train_model(TINY, config, tmp_path)
    assert made == [2]
    assert load_model(weights).training["steps"] == 1
