"""``truevar train``; needs torch, numpy, scipy, safetensors, tqdm and PyYAML only."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from truevar.commands.parser import Parser
from truevar.config import PRESETS
from truevar.device import pick_device
from truevar.errors import UserError
from truevar.train.checkpoint import load_checkpoint
from truevar.train.curve import draw_curve
from truevar.train.loop import TrainConfig, train
from truevar.train.validate import QUICK, validate

EXAMPLES = """\
examples:
  truevar train --minutes 100 -o runs/small
  truevar train --minutes 60 --resume runs/small/checkpoint.pt -o runs/small
  truevar localize movie.tif -o emitters.csv --model runs/small/weights.safetensors
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Put the command's options onto a parser."""
    parser.add_argument(
        "--preset", default="small", choices=sorted(PRESETS), help="size of the model"
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=30.0,
        metavar="M",
        help="wall-clock budget of this run; the learning rate falls with it (default 30)",
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
        help="folder for checkpoint.pt, weights.safetensors, log.jsonl and curve.png "
        "(default runs/small)",
    )
    parser.add_argument("--batch", type=int, default=32, metavar="N", help="crops per step (32)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the scenes (1)")
    parser.add_argument(
        "--no-validation", action="store_true", help="do not score held-out scenes on the way"
    )


def run(args: argparse.Namespace) -> int:
    """Train as the options say.

    Raises:
        UserError: an option cannot be used.
    """
    if not (math.isfinite(args.minutes) and args.minutes > 0):
        raise UserError(f"--minutes is {args.minutes:g}; give a number above 0")
    if args.batch < 1:
        raise UserError(f"--batch is {args.batch}; give a number of at least 1")
    device = pick_device(args.device)
    if args.resume:
        load_checkpoint(args.resume)  # before anything is written
    try:
        args.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write into {args.output}; choose another folder") from error
    config = TrainConfig(minutes=args.minutes, batch=args.batch, seed=args.seed)
    with tqdm(
        total=round(args.minutes, 2),
        unit="min",
        file=sys.stderr,
        bar_format="{l_bar}{bar}| {n:.1f}/{total:.1f} min{postfix}",
    ) as bar:
        began: list[float] = []

        def report(line: dict[str, Any]) -> None:
            began.append(line["minutes"])
            if "validation" in line:
                found = {k: v["E"] for k, v in line["validation"].items() if isinstance(v, dict)}
                bar.write(f"{line['minutes']:7.1f} min, step {line['step']}: E {found}")
            else:
                bar.set_postfix_str(
                    f", step {line['step']}, loss {line['loss']:.3f}, "
                    f"{line['crops_per_s']:.0f} crops/s"
                )
            bar.n = min(bar.total, line["minutes"] - began[0])
            bar.refresh()

        weights = train(
            PRESETS[args.preset],
            config,
            args.output,
            device,
            args.resume,
            validate=None if args.no_validation else lambda net: validate(net, QUICK),
            report=report,
        )
    drawn = draw_curve(args.output / "log.jsonl", args.output / "curve.png")
    print(f"weights: {weights}")
    print(
        f"curve:   {args.output / 'curve.png'}"
        if drawn
        else "curve:   not drawn, matplotlib is not installed; the log has the numbers"
    )
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m truevar.train``: exit code 0, or 2 after a line on what is wrong."""
    parser = Parser(
        prog="python -m truevar.train",
        description="Train a model on scenes simulated on the fly.",
        epilog=EXAMPLES,
    )
    add_arguments(parser)
    try:
        return run(parser.parse_args(arguments))
    except UserError as error:
        print(f"truevar: error: {error}", file=sys.stderr)
        return 2
