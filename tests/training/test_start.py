"""Runs that start from weights alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from truevar.commands.train import main
from truevar.config import PRESETS, ModelConfig, TrainConfig
from truevar.errors import UserError
from truevar.model import TrueVAREmitterPredictor
from truevar.model.weights import load_model, save_model_pt, save_weights
from truevar.training.checkpoint import load_checkpoint
from truevar.training.loop import train_model
from truevar.training.start import read_start, take_weights

TINY = PRESETS["tiny"]


def network_of(config: ModelConfig, seed: int) -> TrueVAREmitterPredictor:
    torch.manual_seed(seed)
    return TrueVAREmitterPredictor(config=config)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "given.safetensors"
    save_weights(path, network_of(TINY, 1), 0.65, {}, {})
    return path


@pytest.mark.parametrize("ending", [".safetensors", ".pt"])
def test_all_weights_are_taken(tmp_path: Path, ending: str) -> None:
    first, path = network_of(TINY, 1), tmp_path / f"given{ending}"
    (save_model_pt if ending == ".pt" else save_weights)(path, first, 0.65, {}, {})
    start, second = read_start(path), network_of(TINY, 2)
    assert (start.config, start.threshold, start.has_tokenizer) == (TINY, 0.65, True)
    lines = take_weights(second, start)
    assert lines == [f"started from the weights of {path}"]
    for name, value in first.state_dict().items():
        assert torch.equal(second.state_dict()[name], value), name


def test_a_part_that_the_weights_lack_begins_anew_and_is_named(weights: Path) -> None:
    larger, start = replace(TINY, coarsest_cell=32), read_start(weights)
    untouched, network = network_of(larger, 2).state_dict(), network_of(larger, 2)
    lines = take_weights(network, start)
    new = ("pyramid.steps.16", "transformer.reader.whole.32")
    assert lines[1:] == [f"not in {weights}, begins anew: {', '.join(new)}"]
    for name, value in network.state_dict().items():
        before = untouched if name.startswith(new) else start.tensors
        assert torch.equal(value, before[name]), name


def test_a_part_that_the_model_lacks_is_named(weights: Path) -> None:
    lines = take_weights(network_of(replace(TINY, coarsest_cell=8), 2), read_start(weights))
    assert lines[1:] == [
        f"of {weights} not in the model, left out: pyramid.steps.8, transformer.reader.whole.16"
    ]


def test_another_size_is_refused(weights: Path) -> None:
    network = network_of(replace(TINY, embed_dim=32), 2)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(UserError, match=r"cannot start from .*\(embed_dim: 16\)") as caught:
        take_weights(network, read_start(weights))
    assert "\n" not in str(caught.value)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_what_cannot_be_started_from(tmp_path: Path) -> None:
    save_file({}, tmp_path / "old.safetensors", {"truevar": json.dumps({"config": {}})})
    with pytest.raises(UserError, match=r"cannot start from .*old.*0\.1\.0's first model"):
        read_start(tmp_path / "old.safetensors")
    with pytest.raises(UserError, match="unknown model 'none'"):
        read_start("none")
    (tmp_path / "w.safetensors").write_bytes(b"garbage")
    with pytest.raises(UserError, match="holds no weights"):
        read_start(tmp_path / "w.safetensors")


def test_a_run_starts_from_weights_with_all_else_fresh(tmp_path: Path, weights: Path) -> None:
    # A rate of nothing: what is written in the end is what it started from.
    config = TrainConfig(10, crops=2, batch=2, learning_rate=1e-12, other_crops=())
    written = train_model(TINY, config, tmp_path / "run", start=read_start(weights))
    model = load_model(written)
    assert model.threshold == 0.65
    assert model.training["steps"] == 1
    assert model.training["started_from"] == str(weights)
    given = read_start(weights).tensors
    for name, value in model.network.state_dict().items():
        torch.testing.assert_close(value, given[name], rtol=1e-5, atol=1e-7)
    (first, *_) = (tmp_path / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(first)["note"] == f"started from the weights of {weights}"

    # A run that goes on with that one still knows where it came from.
    checkpoint = tmp_path / "run" / "checkpoint.pt"
    assert load_checkpoint(checkpoint)["step"] == 1
    again = train_model(TINY, replace(config, crops=4), tmp_path / "more", resume=checkpoint)
    assert load_model(again).training["started_from"] == str(weights)
    with pytest.raises(UserError, match="give one of the two"):
        train_model(TINY, config, tmp_path / "no", resume=checkpoint, start=read_start(weights))


def test_the_command_trains_the_model_of_the_weights_and_no_other_tokeniser(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    options = ["--from", str(weights), "--crops", "2", "--batch", "2", "--no-validation"]
    assert main([*options, "-o", str(folder)]) == 0
    assert f"started from the weights of {weights}" in capsys.readouterr().err
    assert load_model(folder / "weights.safetensors").network.config == TINY
    assert not (folder / "tokenizer.pt").exists()
