"""What ``truevar train`` is asked for, put together from its options and files."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from typing import Any

from truevar.config import ENDLESS, PRESETS, ModelConfig, RunConfig, TrainConfig, TrainingMix
from truevar.errors import UserError
from truevar.training.checkpoint import check_same_model, load_checkpoint
from truevar.training.start import Start, read_start
from truevar.wording import words_of

DEFAULT_PRESET = "small"


@dataclass(frozen=True)
class Recipe:
    """What is to be done.

    Attributes:
        run: model, training and scenes.
        start: weights to start from.
    """

    run: RunConfig
    start: Start | None = None


def recipe_of(args: argparse.Namespace) -> Recipe:
    """The recipe that the options ask for, checked before anything is written.

    What an option says goes before ``--config``; that goes before what a resumed run was made
    with; that before the defaults.

    Raises:
        UserError: options, or an option and a file, contradict each other.
    """
    _check_combination(args)
    start = read_start(args.start) if args.start else None
    state = load_checkpoint(args.resume) if args.resume else None
    if state:
        model = ModelConfig.from_dict(state["config"])
    elif start and not args.preset:
        model = start.config
    else:
        model = PRESETS[args.preset or DEFAULT_PRESET]
    if args.config:
        run = RunConfig.read(args.config, model)
        if args.resume:
            check_same_model(args.resume, args.config, run.model)
        elif args.preset and run.model != model:
            raise UserError(
                f"--preset {args.preset} and {args.config} describe different models; leave "
                "--preset out"
            )
    else:
        run = _as_before(state, model)
    return Recipe(replace(run, training=_training(args, run.training)), start)


def _check_combination(args: argparse.Namespace) -> None:
    """Refuse options of which one would be ignored."""
    if args.start and args.resume:
        raise UserError(
            "--from and --resume are two beginnings; give --resume to go on with a run, --from to "
            "begin one from weights"
        )
    if args.resume and args.preset:
        raise UserError("--resume goes on with the model of its checkpoint; leave --preset out")
    if args.stage == "tokenizer":
        for option, given in (("--from", args.start), ("--resume", args.resume)):
            if given:
                raise UserError(f"{option} is for a model; leave it out with --stage tokenizer")


def _as_before(state: dict[str, Any] | None, model: ModelConfig) -> RunConfig:
    """How a resumed run was trained, but for its budget; the defaults for a fresh one."""
    if state is None:
        return RunConfig(model)
    standard = TrainConfig()
    training = TrainConfig.from_dict(state.get("settings", {}))  # none in those of 0.1.0
    training = replace(training, minutes=standard.minutes, crops=standard.crops)
    return RunConfig(model, training, TrainingMix.from_dict(state.get("mix", {})))


def _training(args: argparse.Namespace, training: TrainConfig) -> TrainConfig:
    """The options put into what is to be done in training."""
    names = ("minutes", "crops", "batch", "seed")
    changes = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    if "crops" in changes:
        changes.setdefault("minutes", ENDLESS)
    try:
        return replace(training, **changes)
    except UserError as error:  # it begins with the field, which is the option's name
        raise UserError(f"--{words_of(error)}") from error
