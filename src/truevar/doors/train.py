"""``train_true_var.py``: a configuration in, ``best_model.pt`` out.

Stage one trains the tokeniser on simulated emitter fields, in a fifth of the minutes and two
of them at most; stage two trains the model on simulated movies, in the rest.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from truevar.commands.parser import Parser, above_zero
from truevar.config import PRESETS, TrainConfig
from truevar.device import pick_device
from truevar.doors.configuration import Configuration, read_configuration
from truevar.errors import UserError
from truevar.io.atomic import check_folder
from truevar.model.tokenizer import EmitterTokenizer
from truevar.model.weights import DEFAULT_MODEL, TrainedModel, load_model, save_model_pt
from truevar.training.checkpoint import check_same_model
from truevar.training.loop import train_model
from truevar.training.ranks import first_process
from truevar.training.step_time import step_seconds
from truevar.training.tokenizer_stage import train_tokenizer
from truevar.training.validation import ValidationPlan, validate

DESCRIPTION = """\
Train the model that a configuration describes, on movies simulated on the fly.

Needs torch, numpy, scipy, safetensors, tqdm and PyYAML. Stops when the minutes are over, after
one forward and backward pass at the earliest. The model goes into OUT.pt; checkpoint and log
into runs/OUT/ beside it, so that a run that was stopped can go on (--resume).
"""

EXAMPLES = """\
examples:
  python train_true_var.py --config config_true_var.json
  python train_true_var.py --config config_true_var.json --minutes 600 --device cuda
  python train_true_var.py --config config_true_var.json --resume runs/best_model/checkpoint.pt
"""

FIRST_STAGE_SHARE, FIRST_STAGE_MOST = 0.2, 2.0
"""Of the minutes, and in minutes: what stage one may take."""

SLOW_STEP = 10.0
"""Seconds a step from which on a GPU, or a smaller model, is advised."""

SCORED_FROM = 10.0
"""Minutes from which on a run scores held-out scenes, to set the model's threshold."""

_EVERY = 30.0
"""Seconds between lines where stderr is no terminal."""

_PLAN = ValidationPlan({"2d-scmos": (0.2, 1.0)}, frames=6)


def run(argv: Sequence[str]) -> int:
    """Train as the arguments say.

    Returns:
        the exit code, 0.

    Raises:
        UserError: the configuration or an option cannot be used.
    """
    args = _parser().parse_args(argv)
    settings = read_configuration(args.config)
    if args.minutes is not None:
        settings = replace(settings, training=replace(settings.training, minutes=args.minutes))
    wanted = args.device or settings.device
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    device = pick_device(wanted)
    if args.output.suffix.lower() != ".pt":
        raise UserError(f"cannot write {args.output}: a model's ending must be .pt")
    check_folder(args.output)
    if args.resume:
        check_same_model(args.resume, args.config, settings.model)
    folder = args.output.parent / "runs" / args.output.stem
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write into {folder}; choose another --output") from error
    if first_process():
        _introduce(settings, device)
    began = time.time()
    try:
        _train(settings, folder, device, args.resume)
    except KeyboardInterrupt:
        if first_process() and _hand_over(folder, args.output, began) is not None:
            print(f"model:      {args.output}, as it was when last saved", file=sys.stderr)
        raise
    if not first_process():
        return 0
    made = _hand_over(folder, args.output, began)
    assert made is not None
    steps, minutes = (made.training[name] for name in ("steps", "minutes"))
    print(f"model:      {args.output} ({steps} steps in {minutes} minutes)")
    print(f"checkpoint: {folder / 'checkpoint.pt'} (to go on: --resume)")
    print(f"next:       python inference_true_var.py --model {args.output} --mode both")
    return 0


def _parser() -> Parser:
    parser = Parser(prog="train_true_var.py", description=DESCRIPTION, epilog=EXAMPLES)
    parser.add_argument(
        "--config",
        type=Path,
        default=Path("config_true_var.json"),
        metavar="FILE.json",
        help="model and training (default: config_true_var.json)",
    )
    parser.add_argument(
        "--minutes", type=above_zero, metavar="M", help="wall-clock budget (default: FILE.json's)"
    )
    parser.add_argument("--device", metavar="D", help="auto, cpu, cuda, … (default: FILE.json's)")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("best_model.pt"),
        metavar="OUT.pt",
        help="the model (default: best_model.pt)",
    )
    parser.add_argument(
        "--resume", type=Path, metavar="FILE.pt", help="go on from an earlier run's checkpoint.pt"
    )
    return parser


def _introduce(settings: Configuration, device: torch.device) -> None:
    """What is about to happen, how long a step takes here, and what else there is."""
    model, training = settings.model, settings.training
    print(
        f"training {model.num_layers} layers of width {model.embed_dim}, {training.batch} crops "
        f"of {training.crop} x {training.crop} px a step, on {device}, for "
        f"{training.minutes:g} minutes",
        file=sys.stderr,
        flush=True,
    )
    needed = step_seconds(model, training, device)
    threads = f" ({torch.get_num_threads()} threads)" if device.type == "cpu" else ""
    said = f"a step takes about {duration(needed)} on this machine{threads}"
    small = PRESETS["small"]
    if device.type == "cpu" and needed > SLOW_STEP and model != small:
        less = step_seconds(small, TrainConfig(), device)
        said += (
            f"; without a GPU train a smaller model (truevar train --preset small: about "
            f"{duration(less)} a step), or none: inference_true_var.py --model {DEFAULT_MODEL}"
        )
    print(said, file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s`` or ``7 minutes``."""
    if seconds >= 90:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def _train(
    settings: Configuration, folder: Path, device: torch.device, resume: Path | None
) -> None:
    """Both stages; a resumed model has its tokeniser already."""
    model, training = settings.model, settings.training
    began = time.monotonic()
    tokenizer: EmitterTokenizer | None = None
    with _Bar(training.minutes) as bar:
        if model.residual == "codes" and resume is None and first_process():
            first = min(FIRST_STAGE_SHARE * training.minutes, FIRST_STAGE_MOST)
            tokenizer = train_tokenizer(
                model, minutes=first, seed=training.seed, report=bar.of("tokeniser")
            )
        gone = (time.monotonic() - began) / 60
        left = max(training.minutes - gone, 1e-3)
        score: Callable[[Any], dict[str, Any]] | None = None
        if training.minutes >= SCORED_FROM:
            score = lambda network: validate(network, _PLAN)  # noqa: E731
        train_model(
            model,
            replace(training, minutes=left),
            folder,
            device,
            resume,
            validate=score,
            report=bar.of("model"),
            tokenizer=tokenizer,
        )


def _hand_over(folder: Path, output: Path, began: float) -> TrainedModel | None:
    """Write the weights that a run left in its folder as one file; None if it left none yet.

    Args:
        folder: of the run.
        output: the file.
        began: when the run did; older weights are another's.
    """
    weights = folder / "weights.safetensors"
    if not weights.is_file() or weights.stat().st_mtime < began - 2:  # some disks round times
        return None
    model = load_model(weights)
    save_model_pt(output, model.network, model.threshold, model.domain, model.training)
    return model


class _Bar:
    """Minutes gone, stage, step and loss on stderr: a bar on a terminal, else a line at times.

    Args:
        minutes: budget.
    """

    def __init__(self, minutes: float):
        self.minutes = minutes
        terminal = sys.stderr.isatty()
        self.every = 0.2 if terminal else _EVERY
        self.began = time.monotonic()
        self.last = -math.inf
        self.tqdm = tqdm(
            total=round(minutes, 2),
            file=sys.stderr,
            disable=not terminal,
            bar_format="{l_bar}{bar}| {n:.1f}/{total:.1f} min{postfix}",
        )

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.tqdm.close()

    def of(self, stage: str) -> Callable[[dict[str, Any]], None]:
        """What a stage calls with every line of its log."""

        def report(line: dict[str, Any]) -> None:
            now = time.monotonic()
            gone = (now - self.began) / 60
            if "validation" in line:
                found = {k: v["E"] for k, v in line["validation"].items() if isinstance(v, dict)}
                tqdm.write(f"step {line['step']}: efficiency E {found}", file=sys.stderr)
                return
            if "note" in line:
                tqdm.write(line["note"], file=sys.stderr)
                return
            if now - self.last < self.every:
                return
            self.last = now
            said = f"{stage}: step {line['step']}, loss {line['loss']:.3f}"
            if self.tqdm.disable:
                print(f"{gone:.1f}/{self.minutes:.1f} min, {said}", file=sys.stderr, flush=True)
                return
            self.tqdm.n = min(self.tqdm.total, round(gone, 2))
            self.tqdm.set_postfix_str(said, refresh=True)

        return report
