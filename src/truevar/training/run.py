"""A whole training run: what has to come first, then the model.

First, where a model needs it: the tokeniser (unless weights or the caller bring one), and, where
it starts from weights with another image side, that image side taught by theirs, or, where it has
only more blocks, grown from theirs.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from truevar.config import PRESETS, ModelConfig, RunConfig, TrainConfig, TrainingMix
from truevar.device import pick_device
from truevar.errors import UserError
from truevar.model.tokenizer import EmitterTokenizer
from truevar.training.checkpoint import load_checkpoint
from truevar.training.grown_image_side import grown, is_grown
from truevar.training.image_side_stage import differs_in_image_side, taught
from truevar.training.loop import train_model
from truevar.training.ranks import first_process
from truevar.training.start import Start, read_start
from truevar.training.tokenizer_stage import (
    load_tokenizer,
    measure_tokenizer,
    save_tokenizer,
    train_tokenizer,
)
from truevar.training.validation import QUICK, validate
from truevar.wording import subject

TOKENIZER_MOST = 2.0
"""Minutes of the tokeniser's training at most; it takes a fifth of a shorter run."""

Report = Callable[[dict[str, Any]], None]


def train(
    output: str | os.PathLike[str],
    *,
    model: str | ModelConfig | None = None,
    training: TrainConfig | None = None,
    mix: TrainingMix | None = None,
    start: str | os.PathLike[str] | None = None,
    resume: str | os.PathLike[str] | None = None,
    tokenizer: str | os.PathLike[str] | None = None,
    device: str | torch.device = "cpu",
    validated: bool = True,
    report: Report | None = None,
) -> Path:
    """Train a model on scenes simulated on the fly.

    Args:
        output: folder for ``config.json``, ``checkpoint.pt``, ``weights.safetensors`` and
            ``log.jsonl``; made if absent.
        model: its sizes, or the name of a preset (``small``, ``accurate``, ``full``,
            ``tiny``). Default: those of ``resume`` or ``start``, else ``small``.
        training: how to train; by default half an hour.
        mix: what to simulate.
        start: weights to start from: a model's name or a file. Where ``model`` has another
            image side than they, that is taught by theirs first; one that has only more blocks
            begins as theirs.
        resume: the ``checkpoint.pt`` of an earlier run to go on from.
        tokenizer: the ``tokenizer.pt`` of an earlier run. Default: one is trained where the model
            needs one.
        device: where to train.
        validated: score held-out scenes on the way and choose the threshold.
        report: called with every line of the log.

    Returns:
        the path of the weights; :func:`truevar.load_model` reads them.

    Raises:
        UserError: arguments that cannot be used or that contradict each other.
    """
    folder = Path(output)
    if start is not None and resume is not None:
        raise UserError("start and resume are two beginnings; give one of them")
    begun = read_start(start) if start is not None else None
    if isinstance(model, str) and model not in PRESETS:
        raise UserError(f"unknown model {model!r}; choose from {', '.join(sorted(PRESETS))}")
    sizes = PRESETS[model] if isinstance(model, str) else model
    state = load_checkpoint(resume) if resume is not None else None
    if state:
        stored = ModelConfig.from_dict(state["config"])
        if sizes not in (None, stored):
            raise UserError("resume is of a model of another size; leave model out")
        sizes = stored
    sizes = sizes or (begun.config if begun else PRESETS["small"])
    recipe = RunConfig(sizes, training or TrainConfig(), mix or TrainingMix())
    given = load_tokenizer(Path(tokenizer), sizes) if tokenizer is not None else None
    return run_recipe(
        recipe,
        folder,
        pick_device(str(device)),
        start=begun,
        resume=Path(resume) if resume is not None else None,
        tokenizer=given,
        validated=validated,
        report=report,
    )


def needs_tokenizer(model: ModelConfig, start: Start | None, resumed: bool) -> bool:
    """Whether a tokeniser has to be made or given before a model is trained."""
    has = resumed or (start is not None and start.has_tokenizer)
    return model.residual == "codes" and not has


def run_recipe(
    recipe: RunConfig,
    folder: Path,
    device: torch.device,
    *,
    start: Start | None = None,
    resume: Path | None = None,
    tokenizer: EmitterTokenizer | None = None,
    validated: bool = True,
    report: Report | None = None,
) -> Path:
    """What has to come first, then the model; see :func:`train`.

    Args:
        recipe: model, training and scenes.
        folder: of the run.
        device: where to train.
        start: weights to start from.
        resume: a checkpoint to go on from.
        tokenizer: a trained one.
        validated: score held-out scenes on the way.
        report: called with every line of the log.

    Raises:
        UserError: a folder that cannot be made, a tokeniser that nothing needs, parts that do not
            fit together.
    """
    model, training = recipe.model, recipe.training
    needed = needs_tokenizer(model, start, resume is not None)
    if tokenizer is not None and not needed and resume is None:
        raise UserError(
            f"the model has a tokeniser already, or needs none; leave {subject('tokenizer')} out"
        )
    make_folder(folder)
    if needed and tokenizer is None and first_process():
        minutes = min(TOKENIZER_MOST, training.minutes / 5)
        tokenizer = make_tokenizer(folder, model, minutes, training.seed, report)
    if start is not None and is_grown(start.config, model):
        start = grown(start, model)
    elif start is not None and differs_in_image_side(start.config, model):
        start = taught(start, model, training, recipe.mix, device, report)
    return train_model(
        model,
        training,
        folder,
        device,
        resume,
        recipe.mix,
        validate=(lambda network: validate(network, QUICK)) if validated else None,
        report=report,
        tokenizer=tokenizer,
        start=start,
    )


def make_folder(folder: Path) -> None:
    """Make a run's folder.

    Raises:
        UserError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write into {folder}; choose another folder") from error


def make_tokenizer(
    folder: Path, model: ModelConfig, minutes: float, seed: int, report: Report | None = None
) -> EmitterTokenizer:
    """Train a tokeniser, write it into a folder, and report how good it is.

    Args:
        folder: gets ``tokenizer.pt``.
        model: sizes.
        minutes: budget.
        seed: of the fields.
        report: called with one line, a ``note``.
    """
    tokenizer = train_tokenizer(model, minutes, seed=seed)
    save_tokenizer(folder / "tokenizer.pt", tokenizer, model)
    if report:
        found = measure_tokenizer(tokenizer, fields=64)
        use = ", ".join(f"{100 * share:.0f} %" for share in found["in_use"])
        note = (
            f"tokeniser: {folder / 'tokenizer.pt'}; {100 * found['error']:.1f} % of a cell off, "
            f"codes in use per scale: {use} (of {found['cells']} cells)"
        )
        report({"step": 0, "minutes": 0.0, "note": note})
    return tokenizer
