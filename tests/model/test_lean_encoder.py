from dataclasses import replace

import pytest
import torch

from truevar.camera import SCMOS
from truevar.inference.engine import Engine
from truevar.model import TrueVAREmitterPredictor
from truevar.model.lean_encoder import LeanEncoder, make_encoder
from truevar.model.weights import TrainedModel
from truevar.simulation.scenes import simulate

KINDS = [(2, "conv"), (2, "depthwise"), (4, "conv"), (4, "depthwise")]


@pytest.fixture(params=KINDS, ids=lambda kind: f"{kind[1]}-{kind[0]}")
def lean_config(request, tiny_config):
    step, mixing = request.param
    return replace(tiny_config, image_side="lean", lean_width=8, lean_step=step, lean_mixing=mixing)


def features(encoder, input_N4HW, cond_BD):
    """Of the middle one of three frames."""
    alone = encoder.encode_alone(input_N4HW)
    return encoder.encode_joint(alone.split(1), cond_BD)


def test_every_pixel_has_features_and_none_is_dropped(lean_config):
    torch.manual_seed(0)
    encoder = make_encoder(lean_config)
    assert isinstance(encoder, LeanEncoder)
    input_34HW = torch.randn(3, 4, 16, 24)
    cond_BD = torch.randn(1, lean_config.cond_dim)
    before = features(encoder, input_34HW, cond_BD)
    assert before.shape == (1, lean_config.stem_channels, 16, 24)
    # Whichever pixel changes, features change: nothing was thrown away.
    for row in range(8, 12):
        for col in range(8, 12):
            changed = input_34HW.clone()
            changed[1, :, row, col] += 1
            assert (features(encoder, changed, cond_BD) - before).abs().max() > 1e-5


def test_a_feature_depends_on_no_more_than_its_reach(lean_config):
    torch.manual_seed(0)
    encoder = make_encoder(lean_config)
    size, at = 96, 47
    input_34HW = torch.randn(3, 4, size, size, requires_grad=True)
    f_BCHW = features(encoder, input_34HW, torch.randn(1, lean_config.cond_dim))
    f_BCHW[0, :, at, at].sum().backward()
    rows = input_34HW.grad.abs().sum((0, 1, 3)).nonzero().flatten()
    assert at - encoder.reach <= rows.min() < at < rows.max() <= at + encoder.reach


def test_tiles_do_not_show(lean_config, monkeypatch):
    """Places of several px are cut where the frame's own are."""
    torch.manual_seed(0)
    network = TrueVAREmitterPredictor(config=lean_config).eval().requires_grad_(False)
    seen = []
    decide = network.decide

    def look(f_BChw, *rest, **more):
        seen.append(f_BChw)
        return decide(f_BChw, *rest, **more)

    monkeypatch.setattr(network, "decide", look)
    movie = simulate("2d-scmos", 0.7, 1, 152, seed=11).frames()
    for tile in (512, 64):
        engine = Engine(
            TrainedModel(network),
            SCMOS,
            1.3,
            152,
            152,
            min_prob=0.5,
            tile=tile,
            precision="float32",
        )
        list(engine.run(iter([movie])))
    whole, *tiles = seen
    corners = [(top, left) for top in (0, 64, 128) for left in (0, 64, 128)]
    for (top, left), part in zip(corners, tiles, strict=True):
        row, col = (at - max(at - engine.halo, 0) for at in (top, left))
        torch.testing.assert_close(
            part[:, :, row : row + 64, col : col + 64],
            whole[:, :, top : top + 64, left : left + 64],
            rtol=1e-4,
            atol=1e-4,
        )


def test_the_full_image_side_is_the_default(tiny_config):
    assert not isinstance(make_encoder(tiny_config), LeanEncoder)
