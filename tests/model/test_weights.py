import json
import struct

import pytest
import torch
from safetensors.torch import save_file

from truevar.errors import UserError
from truevar.model import TrueVAREmitterPredictor
from truevar.model.weights import (
    DEFAULT_MODEL,
    available_models,
    load_model,
    save_model_pt,
    save_weights,
)


@pytest.mark.parametrize("name", ["w.safetensors", "best_model.pt"])
def test_weights_come_back_with_everything_that_belongs_to_them(tmp_path, tiny_config, name):
    network = TrueVAREmitterPredictor(config=tiny_config)
    path = tmp_path / name
    save = save_weights if path.suffix == ".safetensors" else save_model_pt
    save(path, network, 0.4, {"psf_sigma": [0.8, 2.0]}, {"minutes": 3})
    model = load_model(path)
    assert model.threshold == 0.4
    assert model.domain == {"psf_sigma": [0.8, 2.0]}
    assert model.training == {"minutes": 3}
    assert model.network.config == tiny_config
    assert not model.network.training
    frames = 20 * torch.rand(1, 3, 24, 24)
    for mine, theirs in zip(network.eval()(frames), model.network(frames), strict=True):
        torch.testing.assert_close(mine.x, theirs.x)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_scale_of_errors_comes_back_where_there_is_one(tmp_path, tiny_config):
    network = TrueVAREmitterPredictor(config=tiny_config)
    for given in (None, {"columns": ["x"], "offset": 0.5}):
        save_weights(tmp_path / "w.safetensors", network, 0.4, {}, {}, errors=given)
        assert load_model(tmp_path / "w.safetensors").errors == (given or {})


def test_half_the_digits_are_half_the_size_and_nearly_the_same(tmp_path, tiny_config):
    network = TrueVAREmitterPredictor(config=tiny_config).eval()
    for half in (False, True):
        save_weights(tmp_path / f"{half}.safetensors", network, 0.4, {}, {}, half)
    whole, short = ((tmp_path / f"{half}.safetensors").stat().st_size for half in (False, True))
    assert short < 0.7 * whole  # the header and the names are of one size
    loaded = load_model(tmp_path / "True.safetensors").network
    for mine, theirs in zip(network.parameters(), loaded.parameters(), strict=True):
        assert theirs.dtype == torch.float32
        torch.testing.assert_close(theirs, mine.detach(), rtol=1e-3, atol=1e-6)


def test_the_default_is_recorded_by_its_own_name():
    assert load_model("default").name == load_model().name == DEFAULT_MODEL
    assert DEFAULT_MODEL in available_models()


def test_the_first_model_s_weights_are_refused_with_what_to_take_instead(tmp_path):
    header = {"config": {}, "threshold": 0.5}  # 0.1.0 named no architecture
    save_file({"x": torch.zeros(1)}, tmp_path / "w.safetensors", {"truevar": json.dumps(header)})
    with pytest.raises(UserError, match=rf"0\.1\.0's first model.*{DEFAULT_MODEL}"):
        load_model(tmp_path / "w.safetensors")


def test_an_architecture_of_the_future_is_refused(tmp_path):
    header = {"architecture": "diffusion", "config": {}}
    save_file({"x": torch.zeros(1)}, tmp_path / "w.safetensors", {"truevar": json.dumps(header)})
    with pytest.raises(UserError, match="'diffusion'.*update truevar"):
        load_model(tmp_path / "w.safetensors")


@pytest.mark.parametrize("name", sorted(available_models()))
def test_a_shipped_model_is_small_and_says_what_it_is(name):
    path = available_models()[name]
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
    (tmp_path / "g.pt").write_bytes(b"not weights")
    torch.save({"network": {}}, tmp_path / "f.pt")
    for name in (
        "nonsense",
        tmp_path / "g.pt",
        tmp_path / "f.pt",
        garbage,
        foreign,
        headless,
        tmp_path,
    ):
        with pytest.raises(UserError):
            load_model(name)
    with pytest.raises(UserError, match="a model is a name or a file, not NoneType"):
        load_model(None)


def test_a_device_that_is_not_there_is_said():
    with pytest.raises(UserError, match="device 'moon' is not available"):
        load_model("default", "moon")
