from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from truevar.config import ModelConfig
from truevar.errors import UserError
from truevar.model import TrueVAREmitterPredictor, cascade
from truevar.model.choose import Children
from truevar.model.handdown import Manner
from truevar.model.heads import OFFSET_REACH

EVERYTHING = Children(threshold=0.0)


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("size", [(40, 40), (33, 47), (16, 64)])
def test_one_frame_or_three_of_any_size(tiny, frames, size):
    outputs = tiny.predict(20 * torch.rand(2, frames, *size), children=EVERYTHING)
    padded = [-(-side // 8) * 8 for side in size]
    for output, cell in zip(outputs, tiny.config.cells, strict=True):
        h, w = (int(side / cell) for side in padded)
        assert output.grid == (h, w)
        assert len(output.row_R) == 2 * h * w  # threshold 0: every cell has children
        for value in (output.x_R, output.y_R, output.sigma_x_R, output.log_photons_R):
            assert torch.isfinite(value).all()
        assert float((output.prob_R).min()) >= 0
        assert (output.sigma_x_R > 0).all()


def test_two_frames_are_refused(tiny):
    with pytest.raises(ValueError, match="1 frame or an odd number"):
        tiny(torch.rand(1, 2, 40, 40))


@pytest.mark.parametrize("value", [-1e30, -1e5, 0.0, 1e7, 1e38])
def test_wild_input_stays_finite(tiny, value):
    for maps in tiny(torch.full((1, 3, 40, 40), value)):
        assert all(torch.isfinite(value).all() for value in maps.values())
    for output in tiny.predict(torch.full((1, 1, 16, 16), value), children=EVERYTHING):
        assert torch.isfinite(output.log_split_GK).all()


@pytest.mark.parametrize(
    ("size", "cells"),
    [(160, (16, 8, 4, 2)), (80, (8, 4, 2, 1)), (40, (4, 2, 1, 0.5)), (20, (2, 1, 0.5, 0.25))],
)
def test_grids_are_the_missions_on_square_fields(tiny, size, cells):
    assert tiny.config.cells_of(size, size) == cells
    maps = tiny(20 * torch.rand(1, 1, size, size))
    assert [m.grid for m in maps] == [(10, 10), (20, 20), (40, 40), (80, 80)]


@pytest.mark.parametrize("size", [(64, 64), (40, 48), (100, 100), (320, 320)])
def test_other_fields_have_cells_of_4_px_to_half_a_px(tiny, size):
    assert tiny.config.cells_of(*size) == (4.0, 2.0, 1.0, 0.5)


def test_maps_have_names_shapes_and_places(tiny):
    maps = tiny(20 * torch.rand(2, 3, 40, 40))[3]
    assert {"prob", "count", "offset_x", "x", "sigma_x", "photons", "background"} <= set(maps)
    assert all(value.shape == (2, 1, 80, 80) for value in maps.values())
    assert maps["prob"] is maps.prob
    with pytest.raises(KeyError):
        maps["colour"]
    centre = (torch.arange(80) + 0.5) * 0.5 - 0.5
    torch.testing.assert_close(maps.x, centre + 0.5 * maps.offset_x, atol=1e-4, rtol=0)
    torch.testing.assert_close(maps.y, centre[:, None] + 0.5 * maps.offset_y, atol=1e-4, rtol=0)
    assert 0 <= float(maps.prob.min()) <= float(maps.prob.max()) <= 1


@pytest.mark.parametrize("target", [20, 40, 80, 160, 320])
def test_targets_below_and_beyond_the_trained_grids(tiny, target):
    maps = tiny.autoregressive_inference(20 * torch.rand(2, 1, 40, 40), target_resolution=target)
    assert maps.grid == (target, target)
    assert all(torch.isfinite(value).all() for value in maps.values())


@pytest.mark.parametrize("target", [0, -80, 79, 120])
def test_targets_the_grids_do_not_reach_are_refused(tiny, target):
    with pytest.raises(ValueError, match="target_resolution"):
        tiny.autoregressive_inference(torch.rand(1, 1, 40, 40), target_resolution=target)


@pytest.mark.parametrize("size", [(40, 48), (50, 50), (640, 640)])
def test_fields_without_such_cells_are_refused(tiny, size):
    with pytest.raises(ValueError, match="square|no 10×10 cells"):
        tiny.autoregressive_inference(torch.rand(1, 1, *size))


def test_only_cells_above_the_threshold_have_children(tiny):
    frames = 20 * torch.rand(2, 3, 40, 40)
    outputs = tiny.predict(frames, children=Children(threshold=0.05))
    for parent, child in zip(outputs, outputs[1:], strict=False):
        occupied = parent.prob_R >= 0.05
        assert len(child.crop_G) == int(occupied.sum())
        # Siblings lie in their parent's cell.
        assert torch.equal(child.row_R[::4] // 2, parent.row_R[occupied])
        assert torch.equal(child.col_R[::4] // 2, parent.col_R[occupied])
    none = tiny.predict(frames, children=Children(threshold=1.1))
    assert [len(o.row_R) for o in none][1:] == [0, 0, 0]


def test_kept_cells_have_children_whatever_the_model_thinks(tiny):
    frames = 20 * torch.rand(1, 3, 40, 40)
    cells = tiny.config.cells
    keep = [torch.zeros(1, int(40 / cell), int(40 / cell), dtype=torch.bool) for cell in cells]
    for mask, cell in zip(keep, cells, strict=True):
        mask[0, int(12 / cell), int(20 / cell)] = True
    outputs = tiny.predict(frames, children=Children(keep, 0.999))
    assert [len(o.row_R) for o in outputs[1:]] == [4, 4, 4]
    assert outputs[3].row_R.tolist() == [24, 24, 25, 25]
    assert outputs[3].col_R.tolist() == [40, 41, 40, 41]


def test_positions_stay_near_their_cells(tiny):
    for output in tiny.predict(20 * torch.rand(1, 3, 24, 24), children=EVERYTHING):
        centre = (output.col_R + 0.5) * output.cell - 0.5
        assert float((output.x_R - centre).abs().max()) <= OFFSET_REACH * output.cell


@pytest.mark.parametrize("manner", [Manner.soft(), Manner.drawn(0.0)])
def test_batch_does_not_mix_crops(tiny, manner):
    frames = 20 * torch.rand(3, 3, 24, 24)
    sigma = torch.tensor([1.0, 1.3, 2.0])
    together = tiny.predict(frames, sigma, children=EVERYTHING, manner=manner)[-1]
    alone = tiny.predict(frames[1:2], 1.3, children=EVERYTHING, manner=manner)[-1]
    mine = together.crop_R == 1
    torch.testing.assert_close(together.x_R[mine], alone.x_R, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(together.mean_R[mine], alone.mean_R, atol=1e-4, rtol=1e-4)


def test_psf_width_and_missing_neighbours_condition_the_answer(tiny):
    # At the start modulations are zero; nudge them as training does.
    for name, value in tiny.named_parameters():
        if "modulation.weight" in name or "film.weight" in name:
            torch.nn.init.normal_(value, std=0.1)
    frames = 20 * torch.rand(1, 3, 24, 24)
    narrow, wide = (tiny.predict(frames, sigma)[0].mean_R for sigma in (0.8, 2.0))
    assert float((narrow - wide).abs().max()) > 1e-4
    alone = tiny.predict(frames, 0.8, exists_BT=torch.tensor([[False, True, False]]))
    single = tiny.predict(frames[:, 1:2], 0.8)
    torch.testing.assert_close(alone[0].mean_R, single[0].mean_R)
    assert float((alone[0].mean_R - narrow).abs().max()) > 1e-5


def far(outputs):
    """All continuous outputs of the finest scale."""
    return torch.stack([outputs[-1].x_R, outputs[-1].mean_R, outputs[-1].log_photons_R])


def test_finer_scales_never_change_coarser_ones(tiny):
    """Block-causal: fewer scales, the same answers."""
    frames = 20 * torch.rand(1, 3, 40, 40)
    full = tiny.predict(frames, children=EVERYTHING)
    short = tiny.predict(frames, cells=(4.0, 2.0), children=EVERYTHING)
    for k in range(2):
        torch.testing.assert_close(short[k].mean_R, full[k].mean_R, atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(short[k].x_R, full[k].x_R, atol=1e-5, rtol=1e-5)


def test_codes_are_kept_where_a_coarser_scale_drew_nothing(tiny, monkeypatch):
    """Children are chosen from the distribution; f̂ has to have room for what they say."""
    scale = iter(range(4))

    def decide(output, manner, psf_sigma_B=None):
        """Nothing at the first scale, one emitter in every cell of the others."""
        count_R = torch.full_like(output.mean_R, float(next(scale) > 0))
        certain_R4 = F.one_hot(count_R.long(), 4).float()
        return replace(output, mean_R=count_R, count_R4=certain_R4)

    monkeypatch.setattr(cascade, "decide_counts", decide)
    outputs = tiny.predict(20 * torch.rand(1, 3, 40, 40), children=EVERYTHING)
    assert float(outputs[1].given_BhwC.abs().max()) == 0
    assert float(outputs[2].given_BhwC.abs().min(-1).values.max()) > 0


@pytest.mark.parametrize("what", ["codes", "counts"])
def test_what_a_scale_hands_down_changes_the_next(tiny, what):
    frames = 20 * torch.rand(1, 3, 40, 40)
    before = far(tiny.predict(frames, children=EVERYTHING))
    with torch.no_grad():
        if what == "codes":
            tiny.heads[0].to_code.bias += torch.randn_like(tiny.heads[0].to_code.bias)
        else:
            tiny.heads[0].to_split.bias[0] += 1.0
    after = far(tiny.predict(frames, children=EVERYTHING))
    assert float((before - after).abs().max()) > 1e-6


def test_independent_scales_see_nothing_of_coarser_ones(tiny_config):
    config = replace(tiny_config, next_scale=False, residual="none")
    torch.manual_seed(0)
    network = TrueVAREmitterPredictor(config=config).eval().requires_grad_(False)
    frames = 20 * torch.rand(1, 3, 40, 40)
    before = far(network.predict(frames, children=EVERYTHING))
    network.heads[0].to_split.bias[0] += 1.0
    torch.testing.assert_close(before, far(network.predict(frames, children=EVERYTHING)))


@pytest.mark.parametrize(
    "variant",
    [
        {"residual": "features"},
        {"residual": "upsample", "next_scale": False},
        {"residual": "none"},
        {"phi": False},
        {"joint_split": False},
        {"encoder_stride": 4},
        {"codes": "codebook", "vocab_size": 128},
        {"shared_blocks": True},
        {"kv_heads": 2},
        {"patch_nums": (80,), "max_counts": (3,)},
        {"patch_nums": (20, 40, 80), "max_counts": (7, 6, 4)},
    ],
)
def test_every_variant_runs_and_learns(tiny_config, variant):
    network = TrueVAREmitterPredictor(config=replace(tiny_config, **variant))
    outputs = network.predict(20 * torch.rand(2, 3, 16, 16), cells=network.config.cells)
    sum(output.mean_R.sum() + output.x_R.sum() for output in outputs).backward()
    assert len(outputs) == len(network.config.patch_nums)
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_draws_differ_and_the_likeliest_do_not(tiny):
    frames = 20 * torch.rand(1, 3, 40, 40)
    maps = {}
    for name, manner in (("drawn", Manner.drawn(3.0)), ("likeliest", Manner.drawn(0.0))):
        maps[name] = [
            tiny.predict(frames, children=EVERYTHING, manner=manner)[-1].mean_R for _ in range(2)
        ]
    assert float((maps["drawn"][0] - maps["drawn"][1]).abs().max()) > 1e-6
    torch.testing.assert_close(*maps["likeliest"])


def test_draws_become_the_likeliest_as_the_temperature_falls(tiny):
    frames = 20 * torch.rand(1, 3, 40, 40)
    drawn, likeliest = (
        tiny.predict(frames, children=EVERYTHING, manner=Manner.drawn(temperature))
        for temperature in (1e-6, 0.0)
    )
    for one, other in zip(drawn, likeliest, strict=True):
        torch.testing.assert_close(one.mean_R, other.mean_R)
        torch.testing.assert_close(one.x_R, other.x_R)


def test_every_scale_has_its_own_head_condition_and_position(tiny):
    assert len(tiny.heads) == len(tiny.pos_embeds) == len(tiny.cond_embeds) == 4
    assert len({id(head) for head in tiny.heads}) == 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"patch_nums": (10, 30)},
        {"patch_nums": (10, 20)},
        {"num_heads": 3, "kv_heads": 2},
        {"embed_dim": 0},
        {"residual": "everything"},
    ],
)
def test_impossible_configurations_are_refused(wrong):
    with pytest.raises(UserError):
        ModelConfig(**wrong)
    with pytest.raises(UserError, match="multiple of num_heads"):
        TrueVAREmitterPredictor(embed_dim=100, num_heads=12)


def test_configuration_survives_a_dictionary_and_refuses_strangers(tiny_config):
    values = {**tiny_config.to_dict(), "patch_nums": list(tiny_config.patch_nums)}
    assert ModelConfig.from_dict(values) == tiny_config
    with pytest.raises(UserError, match="unknown key"):
        ModelConfig.from_dict({"colour": 1})


def test_blocks_that_are_looked_at_hold_all_groups_of_narrow_cells(tiny_config):
    """A model whose first cells are its finest: a block is wider than a group of them."""
    config = replace(tiny_config, patch_nums=(80,), max_counts=(3,), residual="none")
    network = TrueVAREmitterPredictor(config=config).eval()
    with torch.no_grad():
        f_BChw, back_BHW, sigma_B = network.encode(20 * torch.rand(1, 3, 24, 24), coarsest=0.5)
        active_Bhw = torch.zeros(1, 12, 12, dtype=torch.bool)
        active_Bhw[0, 2, 5] = True
        [some] = network.decide(f_BChw, back_BHW, sigma_B, (0.5,), active_Bhw=active_Bhw)
        active_Bhw[:] = True
        [whole] = network.decide(f_BChw, back_BHW, sigma_B, (0.5,), active_Bhw=active_Bhw)
    assert len(whole.row_R) == 48**2
    assert set(some.row_R.tolist()) == {8, 9, 10, 11}
    assert set(some.col_R.tolist()) == {20, 21, 22, 23}
