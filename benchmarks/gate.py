"""What the matched-filter gate saves, and what it loses.

    python benchmarks/gate.py --output docs/results/gate.md

Every scene is localised twice, with the gate and without. A lost emitter is one of the ungated
model's with none within 40 nm in the gated result.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch.utils.flop_counter import FlopCounterMode

from truevar.emitters import Emitters
from truevar.evaluation.scoring import evaluate, pool
from truevar.inference.engine import Engine
from truevar.model import gate
from truevar.model.lean_encoder import LeanEncoder
from truevar.model.weights import TrainedModel, load_model
from truevar.simulation.scenes import SCENES, simulate
from truevar.training.validation import localize_simulated

SEED = 3 * 10**6
NEAR = 40.0
SIDE = 256


@contextmanager
def counted(ungated: bool) -> Iterator[list[float]]:
    """Shares of the frames that are looked at; with ``ungated`` all of them."""
    shares: list[float] = []
    encode, least = LeanEncoder.encode_joint, gate.LEAST

    def watched(self, around, cond_BD, active_Bhw=None):  # type: ignore[no-untyped-def]
        shares.extend(active_Bhw.float().mean((1, 2)).tolist())
        return encode(self, around, cond_BD, active_Bhw)

    LeanEncoder.encode_joint = watched  # type: ignore[method-assign]
    gate.LEAST = -np.inf if ungated else least
    try:
        yield shares
    finally:
        LeanEncoder.encode_joint, gate.LEAST = encode, least  # type: ignore[method-assign]


def missing(table: Emitters, other: Emitters) -> int:
    """Rows of ``table`` with none near in ``other``."""
    if not len(table) or not len(other):
        return len(table)
    places = [np.c_[t.frame * 1e6, t.x, t.y] for t in (table, other)]
    return int((cKDTree(places[1]).query(places[0])[0] > NEAR).sum())


def empty_work(model: TrainedModel) -> float:
    """Multiply-adds per px of frames that hold noise only."""
    movie = simulate("2d-scmos", 0.001, 1, SIDE, SEED)
    dark_NHW = torch.full((8, SIDE, SIDE), float(SCENES["2d-scmos"].backgrounds[1]))
    adu_NHW = movie.camera.expose(dark_NHW, torch.Generator().manual_seed(SEED))
    frames = adu_NHW.clamp(0, 65535).numpy().astype(np.uint16)
    sigma = movie.psf_sigma / movie.pixel_size
    engine = Engine(model, movie.camera, sigma, SIDE, SIDE, model.threshold, precision="float32")
    with FlopCounterMode(display=False) as counter:
        list(engine.run(iter([frames])))
    return counter.get_total_flops() / 2 / (len(frames) * SIDE**2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="true-var-small")
    parser.add_argument("--scenes", nargs="+", default=["2d-scmos"], choices=sorted(SCENES))
    parser.add_argument("--densities", nargs="+", type=float, default=[0.01, 0.05, 0.2, 1.0])
    parser.add_argument("--frames", type=int, default=34, help="per background")
    parser.add_argument("--output", type=Path, metavar="MD")
    args = parser.parse_args()
    model = load_model(args.model)
    lines = [
        "| scene | density /µm² | emitters | lost | new | looked at | E without → with |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for scene in args.scenes:
        for density in args.densities:
            lost = new = emitters = 0
            shares: list[float] = []
            scores: list[list] = [[], []]
            for number, background in enumerate(sorted(set(SCENES[scene].backgrounds))):
                found = []
                for ungated in (True, False):
                    movie = simulate(scene, density, args.frames, 64, SEED + number, background)
                    with counted(ungated) as looked_at:
                        found.append(localize_simulated(model, movie, model.threshold))
                    scores[len(found) - 1].append(evaluate(found[-1], movie.truth, resamples=0))
                shares += looked_at
                emitters += len(found[0])
                lost += missing(found[0], found[1])
                new += missing(found[1], found[0])
            before, after = (pool(part).efficiency for part in scores)
            lines.append(
                f"| {scene} | {density:g} | {emitters} | {lost} | {new} "
                f"| {100 * np.mean(shares):.0f} % | {before:.2f} → {after:.2f} |"
            )
            print(lines[-1], file=sys.stderr, flush=True)
    work = (
        f"Multiply-adds in frames of noise alone, counted: {empty_work(model) / 1e3:.2f} k per px."
    )
    text = "\n".join([*lines, "", work])
    print(text)
    if args.output:
        args.output.write_text(text + "\n", encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
