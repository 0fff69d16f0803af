"""What each part of the model buys: one run per difference, same crops, same image side.

    python benchmarks/ablations.py --crops 20000 --jobs 2

Every run takes the same trained image side (docs/results/ablations/image-side.safetensors) as it
is, trains all the rest from scratch on the same number of crops of the same simulator, and is
scored in free running on the same held-out frames, overall and by the distance to the nearest
neighbour. Beside that, how likely it holds the whole truth of a crop (nats,
truevar.evaluation.joint_answer): what a table does not ask for. (The "original implementation" has
an image side of its own, which learns with the rest.)

What every frame contributed goes to docs/results/ablations/ as runs end, figures to
docs/results/ablations.json, the tables to docs/ablations.md (between its markers). Runs that are
done are not repeated, and one that was stopped goes on: stop it and start it again at will.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))

from ablation_scores import (  # noqa: E402
    DENSITIES,
    SCENE,
    f_hat_swapped,
    nats_of_crops,
    pick_threshold,
    score_model,
)
from ablation_tables import write_tables  # noqa: E402

from truevar.config import PRESETS, TrainConfig
from truevar.model.weights import load_model
from truevar.training.loop import train_model
from truevar.training.start import read_start
from truevar.training.tokenizer_stage import load_tokenizer, save_tokenizer, train_tokenizer

BATCH = 16
"""Crops per step: in a short run more steps teach more than larger ones."""

ROOT = Path(__file__).parents[1]
IMAGE_SIDE = ROOT / "docs/results/ablations/image-side.safetensors"
"""What all have of the small model, as it was when these runs began."""

INDEPENDENT = {"residual": "none", "next_scale": False}


@dataclass(frozen=True)
class Run:
    """One model: what differs from the reference, and how many seeds.

    Attributes:
        model: fields of :class:`truevar.config.ModelConfig`.
        training: fields of :class:`truevar.config.TrainConfig`.
        seeds: how many times.
        told: share of the crops that are told the truth, or, with scales on their own, are asked
            for it cell by cell (what :func:`nats_of_crops` scores).
        own_image_side: learnt from scratch as well.
    """

    model: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    seeds: int = 1
    told: float = 0.3
    own_image_side: bool = False


RUNS: dict[str, Run] = {
    "next-scale": Run(seeds=2),
    "independent": Run(INDEPENDENT, seeds=2),
    # One dense prediction: what the image says at every quarter of a pixel, 6,400 times; with a
    # transformer block over all of them it would learn from a tenth of the crops per hour.
    "one-80x80": Run({**INDEPENDENT, "patch_nums": (80,), "max_counts": (3,), "num_layers": 0}),
    "continuous": Run({"residual": "features"}, seeds=2),
    "no-f-hat": Run({"residual": "none"}, seeds=2),
    "true-decisions": Run(told=1.0),
    "distributions": Run(told=0.0),
    "own-draws": Run(training={"sampled": 0.3, "corrupted": 0.15}, told=0.0),
    "no-self-correction": Run(training={"self_correction": False}),
    "no-phi": Run({"phi": False}),
    "separate-children": Run({"joint_split": False}),
    "m20-original": Run(
        {
            "image_side": "full",
            "encoder_stride": 4,
            "residual": "upsample",
            "next_scale": False,
            "stem_channels": 24,
            "frame_channels": 24,
            "joint_blocks": 6,
        },
        own_image_side=True,
    ),
    "m20-full-resolution": Run({"residual": "upsample", "next_scale": False}),
    "m20-accumulation": Run({"residual": "features", "next_scale": False}),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--crops", type=int, default=20000, help="per run (20000)")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, a thread each (2)")
    parser.add_argument("--runs", nargs="+", choices=sorted(RUNS), help="only these")
    parser.add_argument("--minutes", type=float, default=1e6, help="start no run after so long")
    parser.add_argument("--frames", type=int, default=34, help="scored per density and background")
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "ablations")
    parser.add_argument("--counts", type=Path, default=ROOT / "docs/results/ablations")
    parser.add_argument("--results", type=Path, default=ROOT / "docs/results/ablations.json")
    parser.add_argument("--page", type=Path, default=ROOT / "docs/ablations.md")
    parser.add_argument("--one", nargs=2, metavar=("RUN", "SEED"), help=argparse.SUPPRESS)
    parser.add_argument("--tables-only", action="store_true", help="write the tables anew")
    args = parser.parse_args()
    if args.one:
        one(args.one[0], int(args.one[1]), args)
        return 0
    args.folder.mkdir(parents=True, exist_ok=True)
    args.counts.mkdir(parents=True, exist_ok=True)
    if not args.tables_only:
        run_all(args)
    write_tables(args.counts, args.results, args.page, SCENE, DENSITIES)
    return 0


def run_all(args: argparse.Namespace) -> None:
    """Train and score what is not done yet, ``--jobs`` at a time."""
    # First seeds of everything before the second of anything: a table early on.
    wanted = [
        (name, seed)
        for seed in range(3)
        for name, run in RUNS.items()
        if seed < run.seeds and (not args.runs or name in args.runs)
    ]
    tokenizers(args.folder)
    began = time.monotonic()
    running: list[subprocess.Popen[bytes]] = []
    for number, (name, seed) in enumerate(wanted):
        done = args.counts / f"{name}-{seed}.npz"
        if done.exists():
            continue
        while len(running) >= args.jobs:
            running = [process for process in running if process.poll() is None]
            time.sleep(1)
        if time.monotonic() - began > 60 * args.minutes:
            break
        print(f"{name}, seed {seed} ({number + 1} of {len(wanted)})", flush=True)
        command = [sys.executable, __file__, "--one", name, str(seed)]
        command += ["--crops", str(args.crops), "--folder", str(args.folder)]
        command += ["--frames", str(args.frames), "--counts", str(args.counts)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        log = (args.folder / f"{name}-{seed}.log").open("wb")
        running.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
    for process in running:
        process.wait()


def tokenizers(folder: Path) -> None:
    """The frozen first stage, the same for all runs: with Phi and without."""
    for phi in (True, False):
        path = folder / f"tokenizer-{'phi' if phi else 'plain'}.pt"
        if not path.exists():
            config = replace(PRESETS["small"], phi=phi)
            save_tokenizer(path, train_tokenizer(config, minutes=5, steps=900), config)


def one(name: str, seed: int, args: argparse.Namespace) -> None:
    """Train one model and score it."""
    torch.set_num_threads(1)
    run = RUNS[name]
    taken = read_start(IMAGE_SIDE)
    config = replace(taken.config, **run.model)
    folder = args.folder / f"{name}-{seed}"
    tokenizer = None
    if config.residual == "codes":
        file = args.folder / f"tokenizer-{'phi' if config.phi else 'plain'}.pt"
        tokenizer = load_tokenizer(file, config)
    steps = args.crops // BATCH
    settings = TrainConfig(
        minutes=1e5,
        crops=args.crops,
        batch=BATCH,
        seed=1000 + seed,
        other_crops=(),
        sampled=0.0,
        corrupted=0.0,
        average=max(steps // 6, 1),
        warmup=min(100, steps),
        save_every=300.0,
        validate_every=1e9,
    )
    own = {"frozen_image_side": not run.own_image_side, "told": run.told, **run.training}
    settings = replace(settings, **own)
    start = None if run.own_image_side else replace(taken, config=config)
    checkpoint = folder / "checkpoint.pt"
    weights = train_model(
        config,
        settings,
        folder,
        resume=checkpoint if checkpoint.exists() else None,
        tokenizer=None if checkpoint.exists() else tokenizer,
        start=None if checkpoint.exists() else start,
    )
    model = load_model(weights)
    learnt = sum(p.numel() for p in model.network.parameters())
    threshold = pick_threshold(model)
    for variant in [name, "f-hat-of-another-frame"] if name == "next-scale" else [name]:
        with f_hat_swapped() if variant != name else nullcontext():
            counts = score_model(model.network, threshold, args.frames)
            parts = {f"{d:g} {k}": v for d, c in counts.items() for k, v in asdict(c).items()}
            for density in DENSITIES:
                parts[f"{density:g} nats"] = nats_of_crops(model.network, density)
        target = args.counts / f"{variant}-{seed}.npz"
        facts = {
            "parameters": learnt,
            "minutes": model.training["minutes"],
            "crops": model.training["crops"],
            "threshold": threshold,
        }
        np.savez_compressed(target, facts=json.dumps(facts), **parts)


if __name__ == "__main__":
    sys.exit(main())
