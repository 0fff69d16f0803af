"""Speed of ``truevar localize`` with several processes, whole runs from the command line.

    python benchmarks/workers.py --frames 1024 --size 128 --workers 2 --rounds 3

Ways alternate, round by round, and are told as medians: one process with one thread, one with as
many threads as there are workers, so many workers of one thread each, and, where ``distributed`` is
installed, a Dask cluster of them. All tables must be the same, byte for byte.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=2048)
    parser.add_argument("--size", type=int, default=128, help="px")
    parser.add_argument("--density", type=float, default=1.0, help="per µm²")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dask", action="store_true", help="measure a Dask cluster as well")
    args = parser.parse_args()
    from truevar.simulation.scenes import simulate

    n = args.workers
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place)
        movie = folder / "movie.tif"
        simulate("2d-scmos", args.density, args.frames, args.size, seed=78).write(movie)
        ways: dict[str, tuple[int, list[str]]] = {
            "one process, 1 thread": (1, ["--workers", "1"]),
            f"one process, {n} threads": (n, ["--workers", "1"]),
            f"--workers {n}": (n, ["--workers", str(n)]),
        }
        if args.dask:
            ways[f"--scheduler, {n} workers"] = (n, ["--scheduler", cluster(stack, n)])
        took: dict[str, list[float]] = {way: [] for way in ways}
        tables: set[bytes] = set()
        for number in range(args.rounds):
            for way, (threads, options) in ways.items():
                table = folder / "table.csv"
                command = [sys.executable, "-m", "truevar", "localize", movie, "-o", table]
                command += ["--pixel-size", "100", "--psf-sigma", "130", "--quiet", "--overwrite"]
                environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
                began = time.perf_counter()
                subprocess.run([*command, *options], check=True, env=environment)
                took[way].append(time.perf_counter() - began)
                tables.add(table.read_bytes())
            print(f"round {number + 1} of {args.rounds}", file=sys.stderr, flush=True)
    seconds = {way: statistics.median(times) for way, times in took.items()}
    first = next(iter(seconds.values()))
    print(f"{args.frames} frames of {args.size}x{args.size} px, {args.density:g} per µm²\n")
    print("| way | s | times one process, 1 thread |")
    print("|---|---|---|")
    for way, median in seconds.items():
        print(f"| {way} | {median:.1f} | {first / median:.2f} |")
    print(f"\ntables: {'all the same' if len(tables) == 1 else f'{len(tables)} DIFFERENT ONES'}")
    return 0 if len(tables) == 1 else 1


def cluster(stack: ExitStack, workers: int) -> str:
    """The address of a Dask cluster of this machine."""
    import distributed

    made: Any = distributed.LocalCluster(
        n_workers=workers, threads_per_worker=1, dashboard_address=None
    )
    stack.enter_context(made)
    return str(made.scheduler_address)


if __name__ == "__main__":
    raise SystemExit(main())
