"""Speed of whole runs of ``localize``, reading and writing included, beside its peers.

    python benchmarks/speed.py --models true-var-small accurate --densities 0.2 1
    python benchmarks/speed.py --picasso /path/to/an/environment/bin/python

Peers: the network alone of a dense U-Net (dense_unet.py, its per-frame part kept), and Picasso's
identification and maximum-likelihood fit (0.11, its own threads), where --picasso names the Python
of an environment that has it. Everything alternates, round by round, each in a process of its own
that warms up first; medians over the rounds, in pixels per second, and as multiples of the
U-Net's. Multiply-adds are counted per pixel. With --picture, at many densities and --sizes, the
figures become plots: time against density, with its floor and slope, and against frame size.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SCENE, SEED = "2d-scmos", 2_000_123
UNET, PICASSO = "dense U-Net, network alone", "Picasso, identify + MLE"

_PICASSO = """
import json, sys, time
from picasso import io, localize
movie, info = io.load_movie(sys.argv[1])
camera = {"Baseline": 100, "Sensitivity": 0.46, "Gain": 1, "Qe": 1.0}
for _ in range(3):
    began = time.perf_counter()
    spots = localize.identify(movie, 300, 7, threaded=True)
    spots = spots[0] if isinstance(spots, tuple) else spots
    localize.fit(
        movie, camera_info=camera, identifications=spots, box=7, fitting_method="gaussmle-spherical"
    )
    seconds = time.perf_counter() - began
print(json.dumps({"seconds": seconds, "found": len(spots)}))
"""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=["true-var-small", "accurate"])
    parser.add_argument("--densities", nargs="+", type=float, default=[0.2, 1.0])
    parser.add_argument("--size", type=int, default=256, help="px, of the frames at each density")
    parser.add_argument("--sizes", nargs="*", type=int, default=[], help="px, besides, at --at")
    parser.add_argument("--at", type=float, default=1.0, help="density of the --sizes")
    parser.add_argument("--precision", default="auto", help="of the models and of the U-Net")
    parser.add_argument("--megapixels", type=float, default=2.0, help="of a movie")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--picasso", metavar="PYTHON", help="of an environment with Picasso")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--picture", type=Path, help="plot time and work against density and size")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        print(json.dumps(worker(args.worker[0], Path(args.worker[1]), args.precision)))
        return 0
    rows = []
    print("| frames | per µm² | what | k px/s | times the U-Net | k multiply-adds per px |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for size, density in [
            *((args.size, density) for density in args.densities),
            *((size, args.at) for size in args.sizes),
        ]:
            rows += measure(args, Path(folder), size, density)
    if args.picture:
        draw(rows, args.picture)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return 0


def measure(args: argparse.Namespace, folder: Path, size: int, density: float) -> list[Any]:
    """Rows of one movie, printed as well."""
    from truevar.simulation.scenes import simulate

    frames = max(6, round(1e6 * args.megapixels / size**2))
    movie = folder / f"{size}-{density:g}.tif"
    simulate(SCENE, density, frames, size, SEED).write(movie)
    what = [*args.models, UNET, *([PICASSO] if args.picasso else [])]
    took: dict[str, list[dict[str, Any]]] = {name: [] for name in what}
    environment = {**os.environ, "OMP_NUM_THREADS": str(args.threads)}
    for _ in range(args.rounds):
        for name in what:
            command = [sys.executable, __file__, "--worker", name, str(movie)]
            command += ["--precision", args.precision]
            if name == PICASSO:
                command = [args.picasso, "-c", _PICASSO, str(movie)]
            done = subprocess.run(
                command, env=environment, stdout=subprocess.PIPE, check=True, text=True
            )
            took[name].append(json.loads(done.stdout.splitlines()[-1]))
    rows = []
    # The U-Net runs on as many frames as it decides on.
    speed = {
        name: statistics.median(
            one.get("frames", frames) * size**2 / one["seconds"] for one in took[name]
        )
        for name in what
    }
    for name in what:
        work = took[name][0].get("multiply_adds_per_px")
        row = {
            "size": size,
            "density": density,
            "what": name,
            "px_per_s": speed[name],
            "times_unet": speed[name] / speed[UNET],
            "multiply_adds_per_px": work,
            "rounds": args.rounds,
        }
        rows.append(row)
        print(
            f"| {size}×{size} | {density:g} | {name} | {speed[name] / 1e3:.1f} | "
            f"{row['times_unet']:.2f} | {f'{work / 1e3:.0f}' if work else ''} |",
            flush=True,
        )
    return rows


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Time per Mpx and multiply-adds against density, with floor and slope; time against size."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4), layout="constrained")
    FigureCanvasAgg(figure)
    by_density, by_work, by_size = figure.subplots(1, 3)
    usual = max({row["size"] for row in rows}, key=[row["size"] for row in rows].count)
    dense = max({row["density"] for row in rows}, key=[row["density"] for row in rows].count)
    for number, name in enumerate(dict.fromkeys(row["what"] for row in rows)):
        colour = f"C{number}"
        mine = [row for row in rows if row["what"] == name]
        at = sorted((row["density"], row) for row in mine if row["size"] == usual)
        density = np.array([one for one, _ in at])
        seconds = np.array([1e6 / row["px_per_s"] for _, row in at])
        work = [row["multiply_adds_per_px"] for _, row in at]
        label = name
        if len(at) > 1:
            # Each to its own share: the densest is not all that counts.
            slope, floor = np.polyfit(density, seconds, 1, w=1 / seconds)
            if slope > 0.01:
                label += f":\n{floor:.2f} s per Mpx + {10 * slope:.1f} ms per 100 emitters"
            by_density.plot(density, floor + slope * density, color=colour, lw=0.8, ls="dashed")
        by_density.plot(density, seconds, "o", color=colour, ms=4, label=label)
        if all(work):
            by_work.plot(density, [one / 1e3 for one in work], "o-", color=colour, ms=4, label=name)
        sizes = sorted(
            (row["size"], 1e6 / row["px_per_s"]) for row in mine if row["density"] == dense
        )
        by_size.plot(*zip(*sizes, strict=True), "o-", color=colour, ms=4, label=name)
    by_density.set(xlabel="emitters per µm²", ylabel="s per Mpx", xscale="log", yscale="log")
    by_work.set(
        xlabel="emitters per µm²", ylabel="k multiply-adds per px", xscale="log", yscale="log"
    )
    by_size.set(xlabel=f"frame width, px (at {dense:g} per µm²)", ylabel="s per Mpx", xscale="log")
    by_size.set_ylim(0)
    for axes in (by_density, by_work):
        axes.set_ylim(top=2.5 * axes.get_ylim()[1])  # room for the legend
    by_size.set_xscale("log", base=2)
    for axes in (by_density, by_work, by_size):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7, loc="upper left" if axes is not by_size else "lower left")
    figure.savefig(path, dpi=110)


def worker(name: str, movie: Path, precision: str) -> dict[str, Any]:
    """Seconds of one run, after a shorter one that warms up."""
    from truevar.device import keep_freed_memory

    keep_freed_memory()
    return unet(movie, precision) if name == UNET else whole_run(name, movie, precision)


def whole_run(model: str, movie: Path, precision: str) -> dict[str, Any]:
    """``localize`` as the command line does it, reading and writing included."""
    import warnings

    from torch.utils.flop_counter import FlopCounterMode

    import truevar
    from truevar.inference.journal import Journal
    from truevar.io.movies.movie import open_movie

    warnings.simplefilter("ignore")
    trained = truevar.load_model(model)
    with open_movie(movie) as opened:
        pixels = opened.shape[1] * opened.shape[2]
    how = {"psf_sigma": 130, "model": trained, "precision": precision}
    # The network's; refinement's are few and no matrix products.
    with FlopCounterMode(display=False) as counter:
        truevar.localize(movie, frames=(0, 3), refine=False, **how)
    # The first batches of every size are slow: their kernels are still being made.
    warm = (0, max(3, min(24, 1_500_000 // pixels)))
    truevar.localize(movie, frames=warm, **how)
    # Three frames are decided on; those are all that were encoded, and one behind.
    work = counter.get_total_flops() / 2 / (3 * pixels)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "emitters.csv"
        began = time.perf_counter()
        with Journal(output) as journal:
            found = truevar.localize(movie, journal=journal, **how)
            truevar.write(found, output)
            journal.remove()
        seconds = time.perf_counter() - began
    return {"seconds": seconds, "found": len(found), "multiply_adds_per_px": work}


def unet(movie: Path, precision: str) -> dict[str, Any]:
    """The U-Net's network alone on a few of the frames."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    sys.path.insert(0, str(Path(__file__).parent))
    from dense_unet import SEEN, DenseUNet

    from truevar.inference.engine import frames_per_batch
    from truevar.inference.precision import pick_precision
    from truevar.io.movies.movie import open_movie

    torch.manual_seed(0)
    network = DenseUNet().eval()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with open_movie(movie) as opened:
        height, width = opened.shape[1:]
        batch = frames_per_batch(height, width)
        n = max(6, 4 * batch) + 2
        frames_NHW = torch.from_numpy(opened.read(0, n).astype("float32")) / 100 - 1
    seen = frames_NHW[:, None].expand(-1, SEEN, -1, -1).contiguous()
    with FlopCounterMode(display=False) as counter:
        network.stream(seen[:3], 3)
    work = counter.get_total_flops() / 2 / (height * width)
    # In use a frame is looked at alone once, not three times.
    work -= 2 * alone_work(network, seen[:1])
    dtype = pick_precision(precision, "cpu")
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        network.stream(seen[: batch + 2], batch)
        began = time.perf_counter()
        frames = network.stream(seen, batch)
        seconds = time.perf_counter() - began
    return {"seconds": seconds, "frames": frames, "multiply_adds_per_px": work}


def alone_work(network: Any, seen_NCHW: Any) -> float:
    """Multiply-adds per px of the part that sees one frame alone."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network.alone(seen_NCHW)
    return counter.get_total_flops() / 2 / (seen_NCHW.shape[2] * seen_NCHW.shape[3])


if __name__ == "__main__":
    raise SystemExit(main())
