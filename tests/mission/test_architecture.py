"""The mission's rows M1 to M10, one test each: what the model is.

It holds for untrained weights and is shown on small ones.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from truevar.config import ModelConfig
from truevar.doors.configuration import read_configuration
from truevar.model.handdown import Manner
from truevar.model.heads import OFFSET_REACH
from truevar.model.loss import VAREmitterLoss
from truevar.model.predictor import TrueVAREmitterPredictor
from truevar.model.quantizer import EmitterVectorQuantizer
from truevar.model.transformer import AdaLNSelfAttn, Cells, relative_places
from truevar.simulation.crops import sample_crops


@pytest.fixture
def network(tmp_path: Path, small_config_text: str) -> TrueVAREmitterPredictor:
    """A small model that is not trained, and announces emitters at every scale."""
    path = tmp_path / "small.json"
    path.write_text(small_config_text, encoding="utf-8")
    torch.manual_seed(0)
    made = TrueVAREmitterPredictor(config=read_configuration(path).model)
    for head in made.heads:
        head.to_split.bias.data.mul_(0.3)
        head.to_split.bias.data[1:] += 1.5
    return made.eval().requires_grad_(False)


@pytest.fixture
def frames() -> torch.Tensor:
    """(1, 1, 40, 40) of noise."""
    return 20 * torch.rand(1, 1, 40, 40, generator=torch.Generator().manual_seed(1))


def test_m01_the_quantizer_adds_up_and_hands_on_as_written() -> None:
    torch.manual_seed(0)
    nums = (5, 10, 20)
    quantizer = EmitterVectorQuantizer(nums, channels=4)
    assert len({id(phi) for phi in quantizer.quant_resi}) == 3
    f_hat = f_expected = torch.zeros(2, 4, 20, 20)
    for si, num in enumerate(nums):
        h_BChw = torch.randn(2, 4, num, num)
        f_hat, following = quantizer.get_next_autoregressive_input(si, 3, f_hat, h_BChw)
        if si < 2:
            finest = F.interpolate(h_BChw, size=(20, 20), mode="bicubic")
            f_expected = f_expected + quantizer.quant_resi[si](finest)
            size = (nums[si + 1],) * 2
            torch.testing.assert_close(following, F.interpolate(f_hat, size=size, mode="area"))
        else:
            f_expected = f_expected + quantizer.quant_resi[si](h_BChw)
            assert following is f_hat
        torch.testing.assert_close(f_hat, f_expected)


def test_m02_the_block_attends_under_a_conditioned_layer_norm() -> None:
    torch.manual_seed(0)
    block = AdaLNSelfAttn(embed_dim=16, cond_dim=8, num_heads=2)
    torch.nn.init.normal_(block.modulation.weight, std=0.1)
    cells = Cells.all_of(1, (8, 8), torch.device("cpu"))
    around_GM, place_4M = cells.around(2), relative_places(2)
    token_G4D = torch.randn(16, 4, 16)
    moved_G4D = token_G4D.clone()
    moved_G4D[1] = torch.randn(4, 16)

    def out(token_G4D: torch.Tensor, cond: float) -> torch.Tensor:
        cond_BD = torch.full((1, 8), cond)
        return block(token_G4D, cond_BD, cells.crop_G, around_GM, place_4M)[0].detach()

    same, other, moved = out(token_G4D, 1.0), out(token_G4D, -1.0), out(moved_G4D, 1.0)
    assert float((same - other).abs().min()) > 0  # the condition reaches every token
    changed_G = (same - moved).abs().amax((1, 2)) > 1e-6
    assert changed_G[0]  # a neighbour sees it
    assert not changed_G[15]  # attention is local


def test_m03_the_model_builds_runs_and_infers_as_written() -> None:
    model = TrueVAREmitterPredictor(
        patch_nums=(10, 20, 40, 80), embed_dim=768, num_heads=12, num_layers=24
    ).eval()
    assert sum(value.numel() for value in model.parameters()) > 150e6
    with torch.inference_mode():
        outputs = model(torch.randn(1, 1, 160, 160))
    assert [output.grid for output in outputs] == [(n, n) for n in (10, 20, 40, 80)]
    assert all(torch.isfinite(value).all() for output in outputs for value in output.values())
    found = model.autoregressive_inference(torch.randn(1, 1, 40, 40), target_resolution=80)
    assert found.prob.shape == (1, 1, 80, 80)


def test_m04_every_scale_has_its_own_head_condition_and_position(
    network: TrueVAREmitterPredictor, frames: torch.Tensor
) -> None:
    for parts in (network.heads, network.cond_embeds, network.pos_embeds):
        assert len({id(part) for part in parts}) == len(network.config.patch_nums) == 4
    for block in network.modules():
        if isinstance(block, AdaLNSelfAttn):  # as training does; they begin at zero
            torch.nn.init.normal_(block.modulation.weight, std=0.1)
    before = network(frames)
    for change in (
        lambda k: network.heads[k].to_geometry.bias.add_(0.5),
        lambda k: network.cond_embeds[k].add_(1.0),
        lambda k: network.pos_embeds[k].add_(torch.randn(4, 48)),
    ):
        change(2)
        after = network(frames)
        changed = [
            not torch.allclose(a.x, b.x, atol=1e-6) for a, b in zip(before, after, strict=True)
        ]
        assert changed[:3] == [False, False, True]
        before = after


def test_m05_the_encoder_keeps_the_camera_s_resolution(network: TrueVAREmitterPredictor) -> None:
    input_N4HW = torch.randn(1, 4, 48, 48)
    features = network.encode_frames(input_N4HW)
    assert features.shape[2:] == (48, 48)
    for row, col in ((17, 30), (18, 30), (18, 31)):
        touched = input_N4HW.clone()
        touched[0, 0, row, col] += 1
        change_HW = (network.encode_frames(touched) - features).abs().sum((0, 1))
        rows, cols = (change_HW > 0).nonzero().unbind(1)
        assert len(rows) > 9  # seen, and by the pixels around alone
        assert int((rows - row).abs().max()) <= 2
        assert int((cols - col).abs().max()) <= 2


def test_m06_features_of_all_scales_add_up_through_phi(network: TrueVAREmitterPredictor) -> None:
    assert network.tokenizer is not None
    quantizer = network.tokenizer.quantizer
    field_B4HW = torch.zeros(1, 4, 80, 80)
    field_B4HW[0, :, 33, 41] = torch.tensor([1.0, 0.2, -0.3, 0.5])
    field_B4HW[0, :, 34, 60] = torch.tensor([1.0, -0.4, 0.1, 1.0])
    f_hat, scales = network.tokenizer.encode(field_B4HW)
    total = torch.zeros_like(f_hat)
    for si, scale in enumerate(scales):
        h_BChw = quantizer.spread(si, 4, scale.quantised.vector_NC, scale.active_B1hw, f_hat.shape)
        before = total
        total, _ = quantizer.get_next_autoregressive_input(si, 4, total, h_BChw, scale.active_B1hw)
        assert float((total - before).abs().max()) > 0
    torch.testing.assert_close(total, f_hat)


def test_m07_what_a_scale_says_is_the_input_of_the_next_and_never_the_reverse(
    network: TrueVAREmitterPredictor, frames: torch.Tensor
) -> None:
    whole = network.predict(frames)
    for k in (1, 2, 3):
        bias = network.heads[k].to_split.bias
        bias[0] -= 0.5
        changed = network.predict(frames)
        for other, same in zip(changed[:k], whole[:k], strict=True):
            assert torch.equal(other.mean_R, same.mean_R)
        assert not torch.equal(changed[k].mean_R, whole[k].mean_R)
        if k < 3:
            given, also = changed[k + 1].given_BhwC, whole[k + 1].given_BhwC
            assert given is not None
            assert also is not None
            assert float((given - also).abs().max()) > 1e-4
        bias[0] += 0.5
    drawn = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        drawn.append(network.predict(frames, manner=Manner.drawn()))
    one, other = drawn
    torch.testing.assert_close(one[0].mean_R, other[0].mean_R)
    for k in (1, 2, 3):  # f̂, which the next scale is given, comes from what was drawn
        given, also = one[k].given_BhwC, other[k].given_BhwC
        assert given is not None
        assert also is not None
        assert float((given - also).abs().max()) > 1e-4


def test_m08_probabilities_and_positions_at_every_scale(
    network: TrueVAREmitterPredictor, frames: torch.Tensor
) -> None:
    for output, cell in zip(network(frames), (4, 2, 1, 0.5), strict=True):
        n = round(40 / cell)
        for name in ("prob", "offset_x", "offset_y", "x", "y", "photons"):
            assert output[name].shape == (1, 1, n, n)
        assert 0 <= output.prob.min() < output.prob.max() <= 1
        centre_w = (torch.arange(n) + 0.5) * cell - 0.5
        torch.testing.assert_close(
            output.x, centre_w.expand(1, 1, n, n) + cell * output.offset_x, atol=1e-4, rtol=0
        )
        assert float(output.offset_y.abs().max()) <= OFFSET_REACH


def test_m09_the_loss_weighs_finer_scales_more(network: TrueVAREmitterPredictor) -> None:
    weights = [0.5, 0.7, 0.9, 1.0]
    batch = sample_crops(2, 40, torch.Generator().manual_seed(0))
    outputs = network.predict(batch.counts_BTHW, batch.psf_sigma_B)

    def loss(scale_weights: Sequence[float]) -> float:
        torch.manual_seed(0)
        found, _ = VAREmitterLoss(scale_weights=scale_weights)(
            outputs, batch.targets, network.tokenizer
        )
        return float(found)

    alone = [loss([float(i == k) for i in range(4)]) for k in range(4)]
    weighed = sum(weight * one for weight, one in zip(weights, alone, strict=True))
    assert loss(weights) == pytest.approx(weighed, rel=1e-4)
    assert VAREmitterLoss().scale_weights == tuple(weights)


def test_m10_the_vocabulary_has_8192_codes() -> None:
    parameters = inspect.signature(TrueVAREmitterPredictor).parameters
    assert parameters["vocab_size"].default == 8192
    assert ModelConfig().vocab_size == ModelConfig.sized().vocab_size == 8192
    for codes in ("scalar", "codebook"):
        quantizer = EmitterVectorQuantizer(codes=codes)
        assert quantizer.vocab_size == quantizer.codes.size(3) == 8192
