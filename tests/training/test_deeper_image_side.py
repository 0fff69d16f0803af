"""An image side that grows: the same answers at first, then others."""

from dataclasses import replace

import pytest
import torch

from truevar.config import PRESETS
from truevar.model.predictor import TrueVAREmitterPredictor
from truevar.training.deeper_image_side import deepened, is_deeper
from truevar.training.start import Start


@pytest.mark.parametrize("mixing", ["conv", "depthwise", "full"])
def test_deeper_answers_as_before_and_can_learn(mixing):
    tiny = PRESETS["tiny"]
    if mixing != "full":
        tiny = replace(tiny, image_side="lean", lean_mixing=mixing, lean_width=8)
    more = replace(tiny, joint_blocks=tiny.joint_blocks + 2)
    torch.manual_seed(0)
    network = TrueVAREmitterPredictor(config=tiny)
    grown = TrueVAREmitterPredictor(config=more)
    start = deepened(Start("it", tiny, 0.5, network.state_dict()), more)
    grown.load_state_dict(dict(start.tensors))  # every part is there

    alone = torch.rand(3, 4, 16, 16)
    cond = torch.rand(3, tiny.cond_dim)
    features = [
        model.encoder.encode_joint(*[model.encoder.encode_alone(alone)] * 3, cond)
        for model in (network, grown)
    ]
    assert torch.equal(*features)

    features[1].square().mean().backward()
    last = grown.encoder.joint[-1]
    assert (last.down if mixing == "depthwise" else last.second).weight.grad.abs().max() > 0


def test_only_more_blocks_make_a_model_deeper():
    small = PRESETS["small"]
    more, fewer = (replace(small, joint_blocks=small.joint_blocks + one) for one in (1, -1))
    assert is_deeper(small, more)
    assert not is_deeper(small, small)
    assert not is_deeper(small, fewer)
    assert not is_deeper(small, replace(more, lean_width=64))
