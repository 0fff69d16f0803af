import pytest
import torch

from truevar.config import ModelConfig
from truevar.errors import UserError
from truevar.model import TrueVAREmitterPredictor
from truevar.model.heads import OFFSET_REACH

TINY = ModelConfig(stem_channels=8, frame_channels=4, joint_blocks=1, embed_dim=16, num_heads=2)


@pytest.fixture
def tiny():
    torch.manual_seed(0)
    return TrueVAREmitterPredictor(TINY).eval().requires_grad_(False)


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("size", [(40, 40), (33, 47), (16, 64)])
def test_one_frame_or_three_of_any_size(tiny, frames, size):
    outputs = tiny(20 * torch.rand(2, frames, *size), threshold=0.0)
    padded = [-(-side // 4) * 4 for side in size]
    for output, cell in zip(outputs, TINY.cells, strict=True):
        h, w = (int(side / cell) for side in padded)
        assert output.grid == (h, w)
        assert len(output.row_R) == 2 * h * w  # threshold 0: every cell has children
        for value in (output.x_R, output.y_R, output.sigma_x_R, output.log_photons_R):
            assert torch.isfinite(value).all()
        assert float((output.prob_R).min()) >= 0
        assert (output.sigma_x_R > 0).all()


def test_two_frames_are_refused(tiny):
    with pytest.raises(ValueError, match="1 frame or 3"):
        tiny(torch.rand(1, 2, 40, 40))


def test_wild_input_stays_finite(tiny):
    for value in (-1e5, 0.0, 1e7):
        for output in tiny(torch.full((1, 3, 16, 16), value), threshold=0.0):
            assert torch.isfinite(output.log_split_GK).all()
            assert torch.isfinite(output.log_bg_R).all()


def test_only_cells_above_the_threshold_have_children(tiny):
    frames = 20 * torch.rand(2, 3, 40, 40)
    outputs = tiny(frames, threshold=0.05)
    for parent, child in zip(outputs, outputs[1:], strict=False):
        occupied = parent.prob_R >= 0.05
        assert len(child.crop_G) == int(occupied.sum())
        # Siblings lie in their parent's cell.
        assert torch.equal(child.row_R[::4] // 2, parent.row_R[occupied])
        assert torch.equal(child.col_R[::4] // 2, parent.col_R[occupied])
    assert [len(o.row_R) for o in tiny(frames, threshold=1.1)][1:] == [0, 0, 0]


def test_kept_cells_have_children_whatever_the_model_thinks(tiny):
    frames = 20 * torch.rand(1, 3, 40, 40)
    keep = [torch.zeros(1, int(40 / cell), int(40 / cell), dtype=torch.bool) for cell in TINY.cells]
    for mask, cell in zip(keep, TINY.cells, strict=True):
        mask[0, int(12 / cell), int(20 / cell)] = True
    outputs = tiny(frames, keep=keep, threshold=0.999)
    assert [len(o.row_R) for o in outputs[1:]] == [4, 4, 4]
    assert outputs[3].row_R.tolist() == [24, 24, 25, 25]
    assert outputs[3].col_R.tolist() == [40, 41, 40, 41]


def test_positions_stay_near_their_cells(tiny):
    for output in tiny(20 * torch.rand(1, 3, 24, 24), threshold=0.0):
        centre = (output.col_R + 0.5) * output.cell - 0.5
        assert float((output.x_R - centre).abs().max()) <= OFFSET_REACH * output.cell


def test_batch_does_not_mix_crops(tiny):
    frames = 20 * torch.rand(3, 3, 24, 24)
    together = tiny(frames, torch.tensor([1.0, 1.3, 2.0]), threshold=0.0)[-1]
    alone = tiny(frames[1:2], 1.3, threshold=0.0)[-1]
    mine = together.crop_R == 1
    torch.testing.assert_close(together.x_R[mine], alone.x_R, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(together.mean_R[mine], alone.mean_R, atol=1e-4, rtol=1e-4)


def test_psf_width_and_missing_neighbours_condition_the_answer(tiny):
    # At the start modulations are zero; nudge them as training does.
    for name, value in tiny.named_parameters():
        if "modulation.weight" in name or "film.weight" in name:
            torch.nn.init.normal_(value, std=0.1)
    frames = 20 * torch.rand(1, 3, 24, 24)
    narrow, wide = (tiny(frames, sigma, threshold=0.0)[0].mean_R for sigma in (0.8, 2.0))
    assert float((narrow - wide).abs().max()) > 1e-4
    alone = tiny(frames, 0.8, exists_BT=torch.tensor([[False, True, False]]), threshold=0.0)
    single = tiny(frames[:, 1:2], 0.8, threshold=0.0)
    torch.testing.assert_close(alone[0].mean_R, single[0].mean_R)
    assert float((alone[0].mean_R - narrow).abs().max()) > 1e-5


def test_every_scale_has_its_own_head_condition_and_position(tiny):
    assert len(tiny.scales) == len(tiny.pos_embeds) == len(tiny.cond_embeds) == 4
    assert len({id(scale.head) for scale in tiny.scales}) == 4


@pytest.mark.parametrize(
    "wrong", [{"cells": (4.0, 1.0)}, {"cells": (4.0, 2.0, 1.0)}, {"num_heads": 5}]
)
def test_impossible_configurations_are_refused(wrong):
    with pytest.raises(UserError):
        ModelConfig(**wrong)


def test_configuration_survives_a_dictionary_and_refuses_strangers():
    assert ModelConfig.from_dict({**TINY.to_dict(), "cells": list(TINY.cells)}) == TINY
    with pytest.raises(UserError, match="unknown key"):
        ModelConfig.from_dict({"colour": 1})
