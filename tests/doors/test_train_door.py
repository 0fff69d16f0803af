"""train_true_var.py: a configuration in, a model out."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from truevar.doors import enter
from truevar.model.weights import load_model

ROOT = Path(__file__).parents[2]


@pytest.fixture
def config(tmp_path: Path, small_configuration: dict[str, Any]) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(small_configuration), encoding="utf-8")
    return path


def fails(capsys: pytest.CaptureFixture[str], *argv: object) -> str:
    """Train in a way that must fail with one line on stderr; that line."""
    capsys.readouterr()
    assert enter("train", [str(one) for one in argv]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("train_true_var.py: error: ")
    assert err.count("\n") == 1
    return err


def test_a_model_a_checkpoint_and_a_second_run(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "mine.pt"
    options = ["--config", str(config), "--minutes", "0.01", "--output", str(output)]
    assert enter("train", options) == 0
    said = capsys.readouterr()
    assert str(output) in said.out
    assert "a step takes about" in said.err
    assert "python inference_true_var.py --model" in said.out
    stored = torch.load(output, weights_only=True)
    assert stored["config"]["embed_dim"] == 48
    first = load_model(output)
    assert first.training["steps"] >= 1
    assert first.network.config.codes == "codebook"

    checkpoint = tmp_path / "runs" / "mine" / "checkpoint.pt"
    assert enter("train", [*options, "--resume", str(checkpoint)]) == 0
    assert load_model(output).training["steps"] > first.training["steps"]

    values = json.loads(config.read_text(encoding="utf-8"))
    values["model"]["num_layers"] = 2
    config.write_text(json.dumps(values), encoding="utf-8")
    line = fails(capsys, *options, "--resume", checkpoint)
    assert "num_layers 1" in line
    assert "asks for 2" in line


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--minutes", "0"], "above 0"),
        (["--device", "moon"], "moon"),
        (["--output", "model.safetensors"], ".pt"),
        (["--output", "nowhere/model.pt"], "no folder"),
        (["--resume", "none.pt"], "no checkpoint"),
        (["--config", "none.json"], "no configuration"),
        (["--colour", "red"], "--colour"),
    ],
)
def test_what_cannot_be_is_one_line_and_writes_nothing(
    tmp_path: Path,
    config: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in fails(capsys, "--config", config, *options)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        enter("train", ["--help"])
    assert not stop.value.code
    said = capsys.readouterr().out
    for option in ("--config", "--minutes", "--device", "--output", "--resume"):
        assert option in said


_REFUSING = """\
import runpy, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {refused!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Refuse())
sys.argv = {argv!r}
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def script(folder: Path, refused: set[str], *argv: str) -> subprocess.CompletedProcess[str]:
    """Run a script of a clone where some packages are not installed."""
    code = _REFUSING.format(refused=refused, argv=[str(folder / argv[0]), *argv[1:]])
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder)


@pytest.mark.parametrize(
    "name", ["train_true_var.py", "inference_true_var.py", "var_emitter_model_true.py"]
)
def test_without_torch_one_line_says_what_to_do(name: str) -> None:
    done = script(ROOT, {"torch"}, name)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(name.removesuffix(".py"))
    assert "'torch' is not installed" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_fresh_clone_trains_with_few_packages_and_its_own_code(
    tmp_path: Path, config: Path
) -> None:
    clone = tmp_path / "clone"
    clone.mkdir()
    shutil.copy(ROOT / "train_true_var.py", clone)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "*.safetensors")
    shutil.copytree(ROOT / "src", clone / "src", ignore=ignored)
    with (clone / "src" / "truevar" / "doors" / "train.py").open("a") as file:
        file.write("\n\nprint('its own code')\n")
    options = ["--config", str(config), "--minutes", "0.01"]
    done = script(clone, {"tifffile", "h5py", "matplotlib", "PIL"}, "train_true_var.py", *options)
    assert done.returncode == 0, done.stderr
    assert (clone / "best_model.pt").is_file()
    assert "its own code" in done.stdout
