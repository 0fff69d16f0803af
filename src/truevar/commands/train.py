"""``truevar train``; needs torch, numpy, scipy, safetensors, tqdm and PyYAML only."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from truevar.commands.parser import Parser
from truevar.commands.train_recipe import DEFAULT_PRESET, recipe_of
from truevar.config import PRESETS, ModelConfig
from truevar.device import pick_device
from truevar.errors import UserError
from truevar.training.curve import draw_curve
from truevar.training.ranks import first_process
from truevar.training.run import make_folder, make_tokenizer, run_recipe
from truevar.training.tokenizer_stage import load_tokenizer

EXAMPLES = """\
examples:
  truevar train --minutes 100 -o runs/small
  truevar train --stage tokenizer --minutes 3 -o runs/small
  truevar train --tokenizer runs/small/tokenizer.pt --minutes 100 -o runs/small
  truevar train --minutes 60 --resume runs/small/checkpoint.pt -o runs/small
  truevar train --from true-var-small --config my.json -o runs/mine
  truevar localize movie.tif -o emitters.csv --model runs/small/weights.safetensors
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Put the command's options onto a parser."""
    parser.add_argument(
        "--stage",
        default="model",
        choices=["tokenizer", "model"],
        help="train only the tokeniser, on emitter fields, or the model (the default; it trains "
        "a tokeniser first, unless one is given)",
    )
    parser.add_argument(
        "--tokenizer", type=Path, metavar="FILE", help="the tokenizer.pt of an earlier run"
    )
    parser.add_argument(
        "--preset",
        choices=sorted(PRESETS),
        help=f"size of the model ({DEFAULT_PRESET}, unless --config, --from or --resume say)",
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE.json",
        help="sections model, training and mix, as in the config.json that every run leaves; what "
        "is left out has its default, other options go before it",
    )
    parser.add_argument(
        "--from",
        dest="start",
        metavar="NAME|FILE",
        help="start from the weights of a model (true-var-small, or a .safetensors or .pt file), "
        "the optimiser afresh",
    )
    parser.add_argument(
        "--minutes",
        type=float,
        metavar="M",
        help="wall-clock budget of this run; the learning rate falls with it (30, or with --crops "
        "as long as that takes)",
    )
    parser.add_argument(
        "--crops",
        type=int,
        metavar="N",
        help="stop after so many crops, those of earlier runs included",
    )
    parser.add_argument("--device", default="cpu", metavar="D", help="cpu, cuda, … (default cpu)")
    parser.add_argument(
        "--resume", type=Path, metavar="CKPT", help="go on from an earlier run's checkpoint.pt"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("runs/small"),
        metavar="DIR",
        help="folder for config.json, checkpoint.pt, weights.safetensors, log.jsonl and curve.png "
        "(default runs/small)",
    )
    parser.add_argument("--batch", type=int, metavar="N", help="crops per step (16)")
    parser.add_argument("--seed", type=int, metavar="S", help="of the scenes (1)")
    parser.add_argument(
        "--no-validation", action="store_true", help="do not score held-out scenes on the way"
    )


def run(args: argparse.Namespace) -> int:
    """Train as the options say.

    Raises:
        UserError: an option cannot be used.
    """
    recipe = recipe_of(args)  # before anything is written
    model, training = recipe.run.model, recipe.run.training
    device = pick_device(args.device)
    given = load_tokenizer(args.tokenizer, model) if args.tokenizer else None
    if args.stage == "tokenizer":
        return _tokenizer(args.output, model, min(training.minutes, 30.0), training.seed)
    with tqdm(
        total=training.crops or round(training.minutes, 2),
        file=sys.stderr,
        disable=not first_process(),
        bar_format="{l_bar}{bar}| {n:.0f}/{total:.0f} crops{postfix}"
        if training.crops
        else "{l_bar}{bar}| {n:.1f}/{total:.1f} min{postfix}",
    ) as bar:
        began: list[float] = []

        def report(line: dict[str, Any]) -> None:
            began.append(line["minutes"])
            if "note" in line:
                bar.write(line["note"], file=sys.stderr)
            elif "validation" in line:
                found = {k: v["E"] for k, v in line["validation"].items() if isinstance(v, dict)}
                bar.write(f"{line['minutes']:7.1f} min, step {line['step']}: E {found}")
            else:
                bar.set_postfix_str(
                    f", step {line['step']}, loss {line['loss']:.3f}, "
                    f"{line['crops_per_s']:.0f} crops/s"
                )
            done = line.get("crops", bar.n) if training.crops else line["minutes"] - began[0]
            bar.n = min(bar.total, done)
            bar.refresh()

        weights = run_recipe(
            recipe.run,
            args.output,
            device,
            start=recipe.start,
            resume=args.resume,
            tokenizer=given,
            validated=not args.no_validation,
            report=report,
        )
    if not first_process():
        return 0
    drawn = draw_curve(args.output / "log.jsonl", args.output / "curve.png")
    print(f"weights: {weights}")
    print(
        f"curve:   {args.output / 'curve.png'}"
        if drawn
        else "curve:   not drawn, matplotlib is not installed; the log has the numbers"
    )
    return 0


def _tokenizer(folder: Path, config: ModelConfig, minutes: float, seed: int) -> int:
    """Train a tokeniser alone, and say how good it is."""
    make_folder(folder)
    make_tokenizer(folder, config, minutes, seed, lambda line: print(line["note"]))
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m truevar.training``: exit code 0, or 2 after a line on what is wrong."""
    parser = Parser(
        prog="python -m truevar.training",
        description="Train a model on scenes simulated on the fly.",
        epilog=EXAMPLES,
    )
    add_arguments(parser)
    try:
        return run(parser.parse_args(arguments))
    except UserError as error:
        print(f"truevar: error: {error.for_command_line()}", file=sys.stderr)
        return 2
