import json
import math
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

import truevar
from truevar.commands.train import main
from truevar.config import PRESETS, TrainConfig, TrainingMix
from truevar.errors import UserError
from truevar.model.weights import load_model
from truevar.training.checkpoint import load_checkpoint
from truevar.training.loop import train_model
from truevar.training.start import read_start

TINY = PRESETS["tiny"]
SHORT = TrainConfig(minutes=0.05, batch=4, warmup=2)


def test_a_run_learns_and_a_resumed_one_goes_on(tmp_path):
    lines = []
    config = TrainConfig(10, crops=60, batch=4, warmup=5, learning_rate=5e-3, log_every=5)
    weights = train_model(TINY, config, tmp_path, report=lines.append)
    losses = [line["loss"] for line in lines if "loss" in line]
    assert len(losses) == 3
    assert losses[-1] < 0.5 * losses[0]
    first = load_checkpoint(tmp_path / "checkpoint.pt")
    assert first["step"] == 15
    assert load_model(weights).training["crops"] == 4 * first["step"]

    more, checkpoint = replace(SHORT, crops=68), tmp_path / "checkpoint.pt"
    again = train_model(TINY, more, tmp_path / "more", resume=checkpoint)
    second = load_checkpoint(tmp_path / "more" / "checkpoint.pt")
    assert second["step"] == 17
    assert second["seconds"] > first["seconds"]
    assert load_model(again).training["steps"] == second["step"]
    log = (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()
    logged = [line for line in map(json.loads, log) if "note" not in line]
    assert logged == [line for line in lines if "note" not in line]
    assert all(math.isfinite(line["loss"]) for line in logged)


def test_weights_keep_the_whole_recipe(tmp_path):
    config = TrainConfig(10, crops=2, batch=2, warmup=3, other_crops=(), seed=9)
    mix = TrainingMix(emccd_share=0.0, photons=(200.0, 2000.0))
    model = load_model(train_model(TINY, config, tmp_path, mix=mix))
    assert TrainConfig.from_dict(model.training["settings"]) == config
    assert TrainingMix.from_dict(model.training["mix"]) == mix
    assert model.training["truevar"] == truevar.__version__
    assert model.domain == json.loads(json.dumps(mix.domain()))


def test_what_does_not_fit_together_is_refused_and_nothing_written(tmp_path):
    with pytest.raises(UserError, match="scale_weights"):
        train_model(TINY, replace(SHORT, scale_weights=(1.0,)), tmp_path / "run")
    with pytest.raises(UserError, match="crops of 30 px"):
        train_model(TINY, replace(SHORT, crop=30), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_frozen_image_side_stays_as_it_was_and_the_rest_learns(tmp_path):
    first = train_model(TINY, replace(SHORT, crops=8), tmp_path / "first")
    frozen = replace(SHORT, crops=24, learning_rate=5e-3, frozen_image_side=True)
    again = train_model(TINY, frozen, tmp_path / "again", start=read_start(first))
    one, other = (load_model(path).network.state_dict() for path in (first, again))
    same = {key for key, before in one.items() if torch.equal(before, other[key])}
    image_side = {key for key in one if key.startswith(("encoder.", "condition_net."))}
    assert image_side <= same
    assert any(key.startswith("heads.") for key in one.keys() - same)
    assert any(key.startswith("transformer.") for key in one.keys() - same)


def test_widths_that_no_batch_has_room_for_are_said(tmp_path):
    """Never seen in training, a model announces nothing in cells as wide."""
    lines = []
    config = TrainConfig(10, crops=2, batch=2, other_crops=((20, 0.1), (80, 0.1)))
    train_model(TINY, config, tmp_path, report=lines.append)
    notes = [line["note"] for line in lines if "note" in line]
    assert notes == ["no crops of 80 px: one has more pixels than a batch of 2 of 40 px"]


def test_validation_is_logged_and_sets_the_threshold(tmp_path):
    seen = []

    def validate(network):
        seen.append(sum(p.numel() for p in network.parameters()))
        return {"threshold": 0.35, "scene 1": {"E": 10.0}}

    weights = train_model(TINY, replace(SHORT, minutes=0.01), tmp_path, validate=validate)
    assert seen
    assert load_model(weights).threshold == 0.35
    assert "validation" in (tmp_path / "log.jsonl").read_text(encoding="utf-8")


def test_what_is_not_a_checkpoint_is_refused(tmp_path):
    path = tmp_path / "c.pt"
    with pytest.raises(UserError, match="no checkpoint"):
        train_model(TINY, SHORT, tmp_path, resume=path)
    path.write_bytes(b"garbage")
    with pytest.raises(UserError, match="not a checkpoint"):
        train_model(TINY, SHORT, tmp_path, resume=path)
    torch.save({"a": 1}, path)
    with pytest.raises(UserError, match="not a checkpoint"):
        train_model(TINY, SHORT, tmp_path, resume=path)


def test_the_command_writes_checkpoint_weights_log_and_curve(tmp_path, capsys):
    folder = tmp_path / "run"
    options = ["--minutes", "0.01", "--batch", "2", "-o", str(folder), "--no-validation"]
    assert main(options) == 0
    assert {p.name for p in folder.iterdir()} == {
        "checkpoint.pt",
        "config.json",
        "curve.png",
        "log.jsonl",
        "tokenizer.pt",
        "weights.safetensors",
    }
    assert "weights:" in capsys.readouterr().out


def test_a_run_may_end_by_its_crops(tmp_path, capsys):
    options = ["--minutes", "0.1", "--crops", "4", "--batch", "2", "-o", str(tmp_path)]
    assert main([*options, "--preset", "tiny", "--no-validation"]) == 0
    assert load_model(tmp_path / "weights.safetensors").training["crops"] == 4


@pytest.mark.parametrize(
    "options",
    [
        ["--minutes", "-1"],
        ["--minutes", "nan"],
        ["--batch", "0"],
        ["--crops", "0"],
        ["--device", "moon"],
        ["--device", "meta"],
    ],
)
def test_bad_options_are_one_line(tmp_path, capsys, options):
    assert main([*options, "-o", str(tmp_path / "run")]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("truevar: error:")
    assert not (tmp_path / "run").exists()


def test_a_missing_checkpoint_is_one_line_and_writes_nothing(tmp_path, capsys):
    options = ["--resume", str(tmp_path / "none.pt"), "-o", str(tmp_path / "run")]
    assert main(options) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_training_imports_nothing_but_what_it_computes_with(tmp_path):
    """Readers, tables and plotting must not be needed on a bare training machine."""
    code = (
        "import sys\n"
        "for name in ('tifffile', 'h5py', 'matplotlib', 'PIL', 'pandas'):\n"
        "    sys.modules[name] = None\n"  # as if it were not installed
        "from truevar.commands.train import main\n"
        "options = ['--preset', 'tiny', '--minutes', '0.01', '--batch', '2', '--no-validation']\n"
        f"sys.exit(main([*options, '-o', {str(tmp_path / 'r')!r}]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "matplotlib is not installed" in done.stdout
    shutil.rmtree(tmp_path / "r")
