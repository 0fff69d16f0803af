"""Accuracy of a model on the protocol's scenes: held-out seeds, every figure with its interval.

    python benchmarks/accuracy.py --scenes 2d-scmos --densities 0.2 1 2 --frames 34 \\
        --markdown docs/results/first-model.md

Movies are 64×64 px at the lowest, middle and highest background of a scene, pooled. The
limits are the joint Cramér–Rao limits of one frame and of three (docs/protocol.md).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from truevar.evaluation.joint_limits import limit_efficiency
from truevar.evaluation.scoring import evaluate, pool
from truevar.model.weights import load_model
from truevar.simulation.scenes import SCENES, simulate
from truevar.training.validation import localize_simulated

SCORING_SEED = 2 * 10**6
COLUMNS = (
    ("efficiency", "E", 1),
    ("jaccard", "JI %", 1),
    ("rmse", "RMSE nm", 1),
    ("duplicates", "duplicates %", 2),
    ("limit_ratio", "isolated error / bound", 3),
    ("grid_bias", "grid bias nm", 2),
    ("coverage_68", "coverage of 68 %", 1),
    ("ece", "ECE", 3),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="default")
    parser.add_argument("--scenes", nargs="+", default=["2d-scmos"], choices=sorted(SCENES))
    parser.add_argument("--densities", nargs="+", type=float, default=[0.2, 1.0, 2.0])
    parser.add_argument("--frames", type=int, default=34, help="per background")
    parser.add_argument("--seed", type=int, default=SCORING_SEED)
    parser.add_argument("--min-prob", type=float)
    parser.add_argument("--refine", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--limit-frames", type=int, default=6, help="per background; 0: none")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()

    model = load_model(args.model)
    threshold = model.threshold if args.min_prob is None else args.min_prob
    rows, records = [], []
    for scene in args.scenes:
        for density in args.densities:
            scores, limits = [], {1: [], 3: []}
            for number, background in enumerate(sorted(set(SCENES[scene].backgrounds))):
                movie = simulate(
                    scene, density, args.frames, 64, args.seed + 17 * number, background
                )
                # Everything from 0.05 up, so that the reliability of prob can be judged.
                found = localize_simulated(model, movie, 0.05, refine=args.refine)
                scores.append(evaluate(found, movie.truth, min_prob=threshold, resamples=0))
                for window in limits if args.limit_frames else ():
                    chosen = range(1, min(args.frames - 1, 1 + args.limit_frames))
                    limits[window].append(
                        limit_efficiency(
                            movie.emitters,
                            movie.pixel_size,
                            movie.shape[1:],
                            movie.psf_sigma,
                            movie.camera,
                            background=movie.background_HW.double().numpy(),
                            window=window,
                            frames=list(chosen),
                        ).efficiency
                    )
            total = pool(scores)
            figures = total.as_dict()
            cells = [scene, f"{density:g}", f"{total.frames}"]
            for name, _, digits in COLUMNS:
                value, span = figures[name], figures["intervals"].get(name)
                cells.append("–" if value is None else f"{value:.{digits}f}")
                if value is not None and span and name in ("efficiency", "limit_ratio"):
                    cells[-1] += f" ({span[0]:.{digits}f}–{span[1]:.{digits}f})"
            cells.append(
                " → ".join(f"{np.mean(limits[w]):.0f}" for w in (1, 3)) if limits[1] else "–"
            )
            rows.append(cells)
            records.append({"scene": scene, "density": density, "threshold": threshold, **figures})
            print(" | ".join(cells), file=sys.stderr, flush=True)
    heads = ["scene", "density /µm²", "frames", *(c[1] for c in COLUMNS), "limits, 1 → 3 frames"]
    lines = ["| " + " | ".join(r) + " |" for r in [heads, ["---"] * len(heads), *rows]]
    print("\n".join(lines))
    if args.markdown:
        args.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if args.json:
        args.json.write_text(json.dumps(records, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
