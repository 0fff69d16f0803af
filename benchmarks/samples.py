"""Whether samples are what they should be: simulation-based calibration (Talts et al. 2018).

    python benchmarks/samples.py --model true-var-small

If the truth and K samples come from the same distribution, the truth's rank among the samples, by
any number made of them, is uniform on 0 … K. Here: how many emitters lie in a window of 8×8 px, and
where they lie in it (the sums of their x and y from its middle). The truth is what the model was
trained to find: emitters of more light than a matched filter's error.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from truevar.inference.engine import Engine, frames_per_batch
from truevar.inference.growing_table import GrowingTable
from truevar.model.weights import TrainedModel, load_model
from truevar.simulation.scenes import SCENES, simulate

SCENE, SIZE, WINDOW, MARGIN = "2d-scmos", 64, 8, 8
SEED = 9 * 10**6
NUMBERS = ("count", "x", "y")

Ranks = dict[str, NDArray[np.int64]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="true-var-small")
    parser.add_argument("--densities", type=float, nargs="+", default=[1.0, 2.0])
    parser.add_argument("--frames", type=int, default=20, help="per density and background (20)")
    parser.add_argument("--samples", type=int, default=19)
    parser.add_argument("--json", type=Path, help="also write the histograms")
    args = parser.parse_args()
    model = load_model(args.model)
    found = {}
    for density in args.densities:
        ranks = ranks_of(model, density, args.frames, args.samples)
        for name, rank_W in ranks.items():
            histogram = np.bincount(rank_W, minlength=args.samples + 1)
            found[f"{density:g} {name}"] = histogram.tolist()
            print(f"{density:g} /µm², {name}: {said(histogram)}", flush=True)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return 0


def ranks_of(model: TrainedModel, density: float, frames: int, samples: int) -> Ranks:
    """Ranks of the truth in all windows of movies at a scene's backgrounds."""
    rng = np.random.default_rng(0)
    ranks: dict[str, list[NDArray[np.int64]]] = {name: [] for name in NUMBERS}
    for number, background in enumerate(sorted(set(SCENES[SCENE].backgrounds))):
        movie = simulate(SCENE, density, frames, SIZE, SEED + 17 * number, background)
        sigma = movie.psf_sigma / movie.pixel_size
        engine = Engine(model, movie.camera, sigma, SIZE, SIZE, 0.0, samples=samples)
        frames_nHW, step = movie.frames(), frames_per_batch(SIZE, SIZE)
        table, done = GrowingTable(0, 0, 0, movie.pixel_size), 0
        for drawn, count in engine.run(frames_nHW[i : i + step] for i in range(0, frames, step)):
            table.add(drawn, done)
            done += count
        found = table.emitters({})
        noise = math.sqrt(background + float(np.mean(movie.camera.read_variance)))
        seen = movie.truth["photons"] > 2 * math.sqrt(math.pi) * sigma * noise
        truth = movie.truth.select(seen)
        px = movie.pixel_size
        true = in_windows(truth.frame, truth.x / px, truth.y / px, frames)
        drawn_K = np.stack(
            [
                in_windows(one.frame, one.x / px, one.y / px, frames)
                for k in range(samples)
                for one in [found.select(found["sample"] == k)]
            ]
        )
        for name, true_W, drawn_KW in zip(NUMBERS, true, drawn_K.transpose(1, 0, 2), strict=True):
            # Equal ones in any order.
            below_W, equal_W = (drawn_KW < true_W).sum(0), (drawn_KW == true_W).sum(0)
            ranks[name].append(below_W + rng.integers(0, equal_W + 1))
    return {name: np.concatenate(parts) for name, parts in ranks.items()}


def in_windows(
    frame_N: NDArray[np.int64], x_N: NDArray[np.float64], y_N: NDArray[np.float64], frames: int
) -> NDArray[np.float64]:
    """(3, windows) number of emitters, sums of x and of y from the middle, px."""
    side = (SIZE - 2 * MARGIN) // WINDOW
    col_N, row_N = (np.floor((at + 0.5 - MARGIN) / WINDOW).astype(int) for at in (x_N, y_N))
    inside = (col_N >= 0) & (col_N < side) & (row_N >= 0) & (row_N < side)
    place = ((frame_N * side + row_N) * side + col_N)[inside]
    off_x, off_y = (
        (at + 0.5 - MARGIN - WINDOW * (cell + 0.5))[inside]
        for at, cell in ((x_N, col_N), (y_N, row_N))
    )
    sums = [np.bincount(place, w, frames * side**2) for w in (np.ones(len(place)), off_x, off_y)]
    return np.stack(sums)


def said(histogram: NDArray[np.int64]) -> str:
    """The histogram in shares of what is expected, and whether it lies within the 95 % band."""
    n, bins = int(histogram.sum()), len(histogram)
    expected = n / bins
    # Of all bins together: each at 1 - 0.05 / bins (Bonferroni), by a normal distribution.
    wide = 3.02 * math.sqrt(expected * (1 - 1 / bins))
    outside = int((np.abs(histogram - expected) > wide).sum())
    shares = " ".join(f"{value:.2f}" for value in histogram / expected)
    return f"{shares} ({n} windows; {outside} of {bins} bins outside 1 ± {wide / expected:.2f})"


if __name__ == "__main__":
    sys.exit(main())
