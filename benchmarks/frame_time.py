"""Time per frame, this version beside others, in alternating runs.

    git worktree add /tmp/earlier a9816ba
    python benchmarks/frame_time.py --against /tmp/earlier/src --densities 0.2 1 2 4

Every version localises the same simulated frames (2d-scmos, 64×64 px) with the weights that come
with it, each in a process of its own; reading and writing are left out. Medians of the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

FRAMES, SIZE, SEED, MIN_PROB = 64, 64, 10**6, 0.3
OWN = Path(__file__).parents[1] / "src"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", nargs="*", type=Path, default=[], help="src folders")
    parser.add_argument("--densities", nargs="+", type=float, default=[0.2, 1.0, 2.0, 4.0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", default="auto", help="of this version")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        print(json.dumps(worker(args.densities, args.precision)))
        return 0
    versions = [OWN, *args.against]
    took: dict[Path, list[list[float]]] = {version: [] for version in versions}
    for number in range(args.rounds):
        for version in versions:
            command = [sys.executable, __file__, "--worker", "--precision", args.precision]
            command += ["--densities", *map(str, args.densities)]
            threads = str(args.threads)
            environment = {**os.environ, "PYTHONPATH": str(version), "OMP_NUM_THREADS": threads}
            done = subprocess.run(
                command, env=environment, stdout=subprocess.PIPE, check=True, text=True
            )
            took[version].append(json.loads(done.stdout))
        print(f"round {number + 1} of {args.rounds}", file=sys.stderr, flush=True)
    print("| version | " + " | ".join(f"{d:g} /µm²" for d in args.densities) + " |")
    print("|" + "---|" * (1 + len(args.densities)))
    own = [statistics.median(column) for column in zip(*took[OWN], strict=True)]
    for version in versions:
        times = [statistics.median(column) for column in zip(*took[version], strict=True)]
        cells = [
            f"{1e3 * mine:.1f} ms" + ("" if version == OWN else f" ({ours / mine:.2f})")
            for mine, ours in zip(times, own, strict=True)
        ]
        print(f"| {version} | " + " | ".join(cells) + " |")
    if args.against:
        print("\nIn brackets: this version's time over that version's.")
    return 0


def worker(densities: list[float], precision: str) -> list[float]:
    """Seconds per frame of the version on PYTHONPATH, the best of three."""
    import inspect
    from functools import partial
    from importlib import import_module
    from importlib.util import find_spec

    def either(now: str, before: str) -> Any:
        """A module of this version, or of one from before the folders were renamed."""
        return import_module(now if find_spec(now.rpartition(".")[0]) else before)

    Engine = either("truevar.inference.engine", "truevar.infer.engine").Engine
    load_model = import_module("truevar.model.weights").load_model
    simulate = either("truevar.simulation.scenes", "truevar.simulate.scene").simulate
    validation = either("truevar.training.validation", "truevar.train.validate")

    model = load_model()
    if "precision" in inspect.signature(Engine.__init__).parameters:
        validation.Engine = partial(Engine, precision=precision)
    result = []
    for density in densities:
        movie = simulate("2d-scmos", density, FRAMES, SIZE, SEED, 22)
        frames = movie.frames()
        movie.frames = lambda frames=frames: frames
        times = []
        for _ in range(4):
            start = time.perf_counter()
            validation.localize_simulated(model, movie, MIN_PROB)
            times.append(time.perf_counter() - start)
        result.append(min(times[1:]) / FRAMES)
    return result


if __name__ == "__main__":
    sys.exit(main())
