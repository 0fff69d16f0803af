import json
import struct

import pytest
import torch
from safetensors.torch import save_file

from truevar.config import ModelConfig
from truevar.errors import UserError
from truevar.model import TrueVAREmitterPredictor
from truevar.model.weights import available_models, load_model, save_weights

TINY = ModelConfig(stem_channels=8, frame_channels=4, joint_blocks=1, embed_dim=16, num_heads=2)


def test_weights_come_back_with_everything_that_belongs_to_them(tmp_path):
    network = TrueVAREmitterPredictor(TINY)
    path = tmp_path / "w.safetensors"
    save_weights(path, network, 0.4, {"psf_sigma": [0.8, 2.0]}, {"minutes": 3})
    model = load_model(path)
    assert model.threshold == 0.4
    assert model.domain == {"psf_sigma": [0.8, 2.0]}
    assert model.training == {"minutes": 3}
    assert model.network.config == TINY
    assert not model.network.training
    frames = 20 * torch.rand(1, 3, 24, 24)
    for mine, theirs in zip(network.eval()(frames), model.network(frames), strict=True):
        torch.testing.assert_close(mine.x_R, theirs.x_R)
    assert [p.name for p in tmp_path.iterdir()] == ["w.safetensors"]


def test_the_shipped_model_is_small_and_says_what_it_is():
    path = available_models()["default"]
    assert path.stat().st_size <= 12e6
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(json.loads(file.read(length))["__metadata__"]["truevar"])
    assert {"config", "threshold", "domain", "training"} <= set(header)
    assert 0 < header["threshold"] < 1
    assert header["domain"]["psf_sigma"][0] < 1 < header["domain"]["psf_sigma"][1]
    assert header["training"]["crops"] > 0


def test_what_is_not_a_model_is_refused(tmp_path):
    garbage, foreign = tmp_path / "g.safetensors", tmp_path / "f.safetensors"
    garbage.write_bytes(b"not weights")
    save_file({"x": torch.zeros(1)}, foreign)
    headless = tmp_path / "h.safetensors"
    save_file({"x": torch.zeros(1)}, headless, {"truevar": json.dumps({"config": {}})})
    for name in ("nonsense", garbage, foreign, headless, tmp_path):
        with pytest.raises(UserError):
            load_model(name)
