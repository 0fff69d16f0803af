"""Which of options, files and defaults goes first, and what contradicts itself."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from truevar.commands.train import add_arguments, main
from truevar.commands.train_recipe import Recipe, recipe_of
from truevar.config import ENDLESS, PRESETS, RunConfig, TrainConfig, TrainingMix
from truevar.errors import UserError
from truevar.model import TrueVAREmitterPredictor
from truevar.model.weights import save_weights
from truevar.training.loop import train_model
from truevar.training.run import needs_tokenizer

TINY = PRESETS["tiny"]


def recipe(*options: str | Path) -> Recipe:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return recipe_of(parser.parse_args([str(option) for option in options]))


def written(folder: Path, **sections: object) -> Path:
    path = folder / "recipe.json"
    path.write_text(json.dumps(sections), encoding="utf-8")
    return path


def test_defaults() -> None:
    assert recipe().run == RunConfig(PRESETS["small"])
    assert recipe("--preset", "full").run.model == PRESETS["full"]
    assert needs_tokenizer(recipe().run.model, None, resumed=False)


def test_a_file_says_all_three_and_options_go_before_it(tmp_path: Path) -> None:
    mix = {"photons": [200, 2000]}
    path = written(tmp_path, model=TINY.to_dict(), training={"batch": 3, "seed": 4}, mix=mix)
    found = recipe("--config", path, "--batch", "5", "--minutes", "2").run
    assert found.model == TINY
    assert found.training == TrainConfig(2.0, batch=5, seed=4)
    assert found.mix == TrainingMix(photons=(200, 2000))


def test_what_a_file_leaves_out(tmp_path: Path) -> None:
    path = written(tmp_path, training={"crops": 100})
    training = TrainConfig(ENDLESS, crops=100)
    assert recipe("--config", path).run == RunConfig(PRESETS["small"], training)
    assert recipe("--config", path, "--preset", "full").run.model == PRESETS["full"]
    assert recipe("--crops", "7").run.training == TrainConfig(ENDLESS, crops=7)


def test_a_model_without_codes_needs_no_tokeniser(tmp_path: Path) -> None:
    path = written(tmp_path, model={"residual": "none"})
    assert not needs_tokenizer(recipe("--config", path).run.model, None, resumed=False)


def test_a_resumed_run_goes_on_as_it_was_but_for_its_budget(tmp_path: Path) -> None:
    mix = TrainingMix(haze_share=0.5)
    config = TrainConfig(10, crops=3, batch=3, warmup=7, other_crops=())
    train_model(TINY, config, tmp_path, mix=mix)
    checkpoint = tmp_path / "checkpoint.pt"
    found = recipe("--resume", checkpoint, "--crops", "6").run
    assert (found.model, found.mix) == (TINY, mix)
    assert found.training == TrainConfig(ENDLESS, crops=6, batch=3, warmup=7, other_crops=())
    # What the run left beside it says the same.
    assert RunConfig.read(tmp_path / "config.json") == RunConfig(TINY, config, mix)
    other = written(tmp_path, model={**TINY.to_dict(), "embed_dim": 32})
    with pytest.raises(UserError, match="holds a model with embed_dim 16"):
        recipe("--resume", checkpoint, "--config", other)


def test_the_model_of_weights_unless_a_file_describes_another(tmp_path: Path) -> None:
    weights = tmp_path / "w.safetensors"
    save_weights(weights, TrueVAREmitterPredictor(config=TINY), 0.5, {}, {})
    found = recipe("--from", weights)
    assert found.run.model == TINY
    assert not needs_tokenizer(found.run.model, found.start, resumed=False)
    path = written(tmp_path, model={**TINY.to_dict(), "coarsest_cell": 32})
    assert recipe("--from", weights, "--config", path).run.model.coarsest_cell == 32


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--from", "a", "--resume", "b"], "two beginnings"),
        (["--resume", "b", "--preset", "small"], "leave --preset out"),
        (["--stage", "tokenizer", "--from", "a"], "--from is for a model"),
        (["--stage", "tokenizer", "--resume", "a"], "--resume is for a model"),
        (["--config", "none.json"], "there is no configuration none.json"),
        (["--batch", "0"], "--batch is 0; it must be at least 1"),
        (["--seed", "-1"], "--seed is -1"),
    ],
)
def test_what_contradicts_itself_is_one_line_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert main([*options, "-o", str(tmp_path / "run")]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert said in line
    assert not (tmp_path / "run").exists()


def test_a_preset_and_a_file_that_describe_different_models(tmp_path: Path) -> None:
    path = written(tmp_path, model=TINY.to_dict())
    with pytest.raises(UserError, match="leave --preset out"):
        recipe("--config", path, "--preset", "small")


def test_a_tokeniser_beside_weights_that_have_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    make = ["--stage", "tokenizer", "--minutes", "0.001", "-o", str(folder)]
    assert main(make) == 0
    tokenizer = folder / "tokenizer.pt"
    options = ["--from", "true-var-small", "--tokenizer", str(tokenizer), "-o", str(folder)]
    assert main(options) == 2
    assert "leave --tokenizer out" in capsys.readouterr().err
