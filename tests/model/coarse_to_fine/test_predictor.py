import pytest
import torch

from truevar.config import CoarseToFineConfig
from truevar.errors import UserError
from truevar.model.coarse_to_fine.head import OFFSET_REACH
from truevar.model.coarse_to_fine.predictor import CoarseToFinePredictor
from truevar.model.weights import DEFAULT_MODEL, load_model
from truevar.simulation.scenes import simulate

TINY = CoarseToFineConfig(
    stem_channels=8, frame_channels=4, joint_blocks=1, embed_dim=16, num_heads=2
)


@pytest.fixture
def tiny():
    torch.manual_seed(0)
    return CoarseToFinePredictor(TINY).eval().requires_grad_(False)


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


def test_two_frames_and_other_cells_are_refused(tiny):
    with pytest.raises(ValueError, match="1 frame or an odd number"):
        tiny(torch.rand(1, 2, 40, 40))
    with pytest.raises(ValueError, match="only"):
        tiny.decide(*tiny.encode(torch.rand(1, 1, 40, 40)), cells=(8, 4, 2, 1))


def test_wild_input_stays_finite(tiny):
    for value in (-1e5, 0.0, 1e7):
        for output in tiny(torch.full((1, 3, 16, 16), value), threshold=0.0):
            assert torch.isfinite(output.log_split_GK).all()
            assert torch.isfinite(output.log_bg_R).all()


def test_only_cells_above_the_threshold_have_children(tiny):
    frames = 20 * torch.rand(2, 3, 40, 40)
    first = tiny(frames)[0].prob_R
    least = float(first.median())
    outputs = tiny(frames, threshold=least)
    for parent, child in zip(outputs, outputs[1:], strict=False):
        occupied = parent.prob_R >= least
        assert len(child.crop_G) == int(occupied.sum())
        # Siblings lie in their parent's cell.
        assert torch.equal(child.row_R[::4] // 2, parent.row_R[occupied])
        assert torch.equal(child.col_R[::4] // 2, parent.col_R[occupied])
    assert [len(o.row_R) for o in tiny(frames, threshold=1.1)][1:] == [0, 0, 0]


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
    # At the start modulations are zero; nudge them as training did.
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


@pytest.mark.parametrize(
    "wrong",
    [
        {"cells": (4.0, 1.0)},
        {"cells": (4.0, 2.0, 1.0)},
        {"cells": (1.0, 0.5, 0.25, 0.125)},
        {"num_heads": 5},
    ],
)
def test_impossible_configurations_are_refused(wrong):
    with pytest.raises(UserError):
        CoarseToFineConfig(**wrong)


def test_configuration_survives_a_dictionary_and_refuses_strangers():
    values = {**TINY.to_dict(), "cells": list(TINY.cells)}
    assert CoarseToFineConfig.from_dict(values) == TINY
    with pytest.raises(UserError, match="unknown key"):
        CoarseToFineConfig.from_dict({"colour": 1})


def test_the_shipped_weights_find_what_they_found_in_0_1_0():
    """x, y in px, log photons and error of x in px, by the program of version 0.1.0."""
    known = [
        [5.646, 1.6223, 7.6292, 0.0366],
        [6.2805, 6.0799, 6.4705, 0.0704],
        [6.7923, 24.4216, 6.3224, 0.0686],
        [7.1951, 28.6228, 6.3839, 0.0689],
        [9.9423, 10.6811, 6.7396, 0.0727],
        [13.8198, 26.5608, 6.9059, 0.06],
        [20.2494, 12.0462, 7.5818, 0.0343],
        [20.8276, 27.5211, 7.0315, 0.0779],
        [21.2804, 2.8406, 6.3968, 0.0809],
        [22.5386, 8.4516, 5.525, 0.0732],
        [24.1531, 29.4381, 7.3138, 0.0591],
        [26.2368, 16.3354, 7.0466, 0.0748],
        [26.638, 11.6436, 6.533, 0.0791],
        [27.2701, 24.0856, 6.9499, 0.0614],
        [30.1956, 15.8139, 7.4487, 0.0554],
    ]
    frames = simulate("2d-scmos", 1.0, 3, 32, seed=77).frames().astype("float32")
    model = load_model(DEFAULT_MODEL)
    assert isinstance(model.network, CoarseToFinePredictor)
    outputs = model.network(torch.from_numpy((frames - 100) * 0.46)[None], 1.3, 1.5**2)
    last = outputs[-1]
    sure = last.prob_R > 0.5
    order = last.x_R[sure].argsort()
    found = torch.stack([last.x_R, last.y_R, last.log_photons_R, last.sigma_x_R], 1)[sure][order]
    torch.testing.assert_close(found, torch.tensor(known), atol=1e-3, rtol=1e-3)
