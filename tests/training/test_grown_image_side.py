"""An image side that grows: the same answers at first, then others."""

from dataclasses import replace

import pytest
import torch

from truevar.config import PRESETS
from truevar.model.predictor import TrueVAREmitterPredictor
from truevar.training.grown_image_side import grown, is_grown
from truevar.training.start import Start


@pytest.mark.parametrize("mixing", ["conv", "depthwise", "full"])
def test_deeper_answers_as_before_and_can_learn(mixing):
    tiny = PRESETS["tiny"]
    if mixing != "full":
        tiny = replace(tiny, image_side="lean", lean_mixing=mixing, lean_width=8)
    more = replace(tiny, joint_blocks=tiny.joint_blocks + 2)
    torch.manual_seed(0)
    network = TrueVAREmitterPredictor(config=tiny)
    larger = TrueVAREmitterPredictor(config=more)
    start = grown(Start("it", tiny, 0.5, network.state_dict()), more)
    larger.load_state_dict(dict(start.tensors))  # every part is there

    alone = torch.rand(3, 4, 16, 16)
    cond = torch.rand(3, tiny.cond_dim)
    features = [
        model.encoder.encode_joint([model.encoder.encode_alone(alone)] * 3, cond)
        for model in (network, larger)
    ]
    assert torch.equal(*features)

    features[1].square().mean().backward()
    last = larger.encoder.joint[-1]
    assert (last.down if mixing == "depthwise" else last.second).weight.grad.abs().max() > 0


@pytest.mark.parametrize("image_side", ["lean", "full"])
def test_frames_further_away_begin_without_a_say_and_can_learn(image_side):
    tiny = replace(PRESETS["tiny"], image_side=image_side, lean_width=8)
    more = replace(tiny, window=7)
    torch.manual_seed(0)
    network = TrueVAREmitterPredictor(config=tiny)
    larger = TrueVAREmitterPredictor(config=more)
    start = grown(Start("it", tiny, 0.5, network.state_dict()), more)
    larger.load_state_dict(dict(start.tensors))
    frames = torch.rand(2, 7, 16, 16) * 100
    before, after = (model.encode(frames)[0] for model in (network, larger))
    assert torch.allclose(before, after, atol=1e-5)

    after.square().mean().backward()
    slope = larger.encoder.fuse.weight.grad[:, : tiny.frame_channels]
    assert slope.abs().max() > 0


def test_only_more_of_the_same_makes_a_model_grow():
    small = PRESETS["small"]
    more, fewer = (replace(small, joint_blocks=small.joint_blocks + one) for one in (1, -1))
    assert is_grown(small, more)
    assert not is_grown(small, small)
    assert not is_grown(small, fewer)
    assert not is_grown(small, replace(more, lean_width=64))
    assert is_grown(small, replace(small, window=small.window + 2))
    assert not is_grown(more, replace(more, joint_blocks=9, window=3))
