"""The mission's rows M11 to M16, one test each: the files at the repository's root."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from truevar.config import ModelConfig
from truevar.doors import enter
from truevar.doors.configuration import read_configuration
from truevar.io.tables.table import read_emitters
from truevar.model.loss import VAREmitterLoss
from truevar.model.predictor import TrueVAREmitterPredictor
from truevar.model.quantizer import EmitterVectorQuantizer
from truevar.model.transformer import AdaLNSelfAttn
from truevar.model.weights import load_model

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config_true_var.json"


def run(folder: Path, script: str, *options: str) -> str:
    """Run a script of the repository as a user does; what it prints."""
    command = [sys.executable, str(ROOT / script), *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, small_config_text: str) -> Path:
    """A folder where M11's command, with a small model, has written best_model.pt."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "config_true_var.json").write_text(small_config_text, encoding="utf-8")
    run(folder, "train_true_var.py", "--config", "config_true_var.json", "--minutes", "0.01")
    return folder


def test_m11_training_by_the_configuration(trained: Path) -> None:
    stored = torch.load(trained / "best_model.pt", weights_only=True)
    assert stored["training"]["steps"] >= 1
    settings = read_configuration(CONFIG).training
    assert (settings.crop, settings.batch) == (160, 8)
    assert (settings.learning_rate, settings.warmup) == (1e-4, 300)


@pytest.mark.slow
def test_m11_training_at_full_size(tmp_path: Path) -> None:
    options = ["--config", str(CONFIG), "--minutes", "0.1", "--device", "cpu"]
    run(tmp_path, "train_true_var.py", *options)
    assert load_model(tmp_path / "best_model.pt").network.config == ModelConfig.sized()


def test_m12_progressive_gives_every_scale(trained: Path) -> None:
    run(trained, "inference_true_var.py", "--model", "best_model.pt", "--mode", "progressive")
    for n in (10, 20, 40, 80):
        assert read_emitters(trained / "true_var_output" / f"progressive_{n}x{n}.csv").meta["grid"]
        assert (trained / "true_var_output" / f"progressive_{n}x{n}.png").is_file()
    assert (trained / "true_var_output" / "progressive.png").is_file()


def test_m13_super_resolution_takes_40_to_80(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    command = "--model best_model.pt --mode super_resolution --target_res 80"
    assert enter("inference", command.split()) == 0
    assert "frames of 40 x 40 px" in capsys.readouterr().out
    table = read_emitters(trained / "true_var_output" / "super_resolution_80x80.csv")
    assert table.meta["cell"] == 50


def test_m14_both_modes(trained: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(trained)
    command = ["--model", "best_model.pt", "--mode", "both", "--output", str(tmp_path)]
    assert enter("inference", command) == 0
    assert {"progressive.png", "super_resolution.png"} <= {path.name for path in tmp_path.iterdir()}


def test_m15_the_module_exports_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    module = __import__("var_emitter_model_true")
    assert module.TrueVAREmitterPredictor is TrueVAREmitterPredictor
    assert module.EmitterVectorQuantizer is EmitterVectorQuantizer
    assert module.AdaLNSelfAttn is AdaLNSelfAttn
    assert module.VAREmitterLoss is VAREmitterLoss


def test_m16_the_configuration_has_the_mission_s_values() -> None:
    values = json.loads(CONFIG.read_text(encoding="utf-8"))
    assert values["model"] == {
        "patch_nums": [10, 20, 40, 80],
        "embed_dim": 768,
        "num_heads": 12,
        "num_layers": 24,
        "vocab_size": 8192,
    }
    assert values["training"]["input_resolution"] == [160, 160]
    assert values["training"]["target_resolutions"] == {
        f"target_{n}": [n, n] for n in (10, 20, 40, 80)
    }
