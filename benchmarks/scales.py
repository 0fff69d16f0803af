"""What every scale of a model says about simulated frames of 2d-scmos (rows M17 and M19).

    python benchmarks/scales.py --model true-var-small

First E, Jaccard index and RMSE at cells of 4, 2, 1 and ½ px; then the grids finer than the trained
ones (fields of 40 px): the error of the cells' centres alone, and the mean log of the emitters
expected in the cell of a true one, as the sum of the scale's Gaussians there, as the cell's own
count, and by the ½-px scale's Gaussians integrated over the same cell.
"""

from __future__ import annotations

import argparse
import sys

import torch

from truevar.calibration.imaging_setup import Setup
from truevar.emitters import Emitters
from truevar.evaluation.scale_detail import (
    at_cell_centres,
    counted_in_true_cells,
    expected_in_true_cells,
)
from truevar.evaluation.scoring import evaluate
from truevar.inference.decode import decode
from truevar.inference.modes import FrameStack, predict_scales, super_resolution_cells
from truevar.io.movies.movie import open_movie
from truevar.model.weights import DEFAULT_MODEL, TrainedModel, load_model
from truevar.simulation.scenes import simulate

SCORING_SEED = 2_000_500
CELLS = (4.0, 2.0, 1.0, 0.5)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--densities", nargs="+", type=float, default=[0.2, 1.0, 2.0])
    parser.add_argument("--frames", type=int, default=100, help="of 64×64 px")
    parser.add_argument("--fine-frames", type=int, default=100, help="of 40×40 px, at 1 /µm²")
    parser.add_argument("--seed", type=int, default=SCORING_SEED)
    args = parser.parse_args()
    model = load_model(args.model)
    print(f"{args.frames} frames each; E, Jaccard index in % and RMSE in nm at cells of")
    print("| density /µm² | " + " | ".join(f"{c:g} px" for c in CELLS) + " |")
    print("|" + " --- |" * (1 + len(CELLS)))
    for density in args.densities:
        stack, truth = seen(64, args.frames, density, args.seed)
        cells = []
        for scale in predict_scales(model, stack, CELLS):
            total = evaluate(scale.emitters, truth, resamples=0)
            cells.append(f"{total.efficiency:.1f}; {total.jaccard:.1f}; {total.rmse:.1f}")
        print(f"| {density:g} | " + " | ".join(cells) + " |", flush=True)
    print()
    print("| grid | centres, RMSE nm | Jaccard % | expected | own count | by the ½-px Gaussians |")
    print("|" + " --- |" * 6)
    for line in finer_grids(model, args.fine_frames, args.seed):
        print("| " + " | ".join(line) + " |", flush=True)
    return 0


_AROUND = 2
"""Frames on either side; a model that looks less far passes the outer ones over."""


def seen(size: int, n_frames: int, density: float, seed: int) -> tuple[FrameStack, Emitters]:
    """Frames of 2d-scmos, middle background, and their emitters."""
    movie = simulate("2d-scmos", density, n_frames, size, seed)
    with open_movie(movie.frames()) as opened:
        setup = Setup(movie.pixel_size, movie.psf_sigma, movie.camera)
        return FrameStack.read(opened, setup, _AROUND), movie.truth


@torch.inference_mode()
def finer_grids(model: TrainedModel, n_frames: int, seed: int) -> list[list[str]]:
    """Rows of the second table."""
    stack, truth = seen(40, n_frames, 1.0, seed)
    windows = torch.arange(len(stack))[:, None] + torch.arange(2 * stack.around + 1)
    outputs = model.network.predict(
        stack.counts_NHW[windows],
        stack.psf_sigma,
        stack.read_variance_HW,
        stack.exists_N[windows],
        cells=super_resolution_cells(model.network, 320),
    )
    px = stack.pixel_size
    rows = []
    for output in outputs[3:]:
        found = decode(output, stack.psf_sigma, model.threshold)
        table = Emitters({"frame": found.image, "x": found.x * px, "y": found.y * px})
        centred = at_cell_centres(table, output, px, 0.5 * stack.psf_sigma * px)
        total = evaluate(centred, truth, resamples=0)
        rows.append(
            [
                f"{output.grid[1]} ({output.cell:g} px)",
                f"{total.rmse:.1f}",
                f"{total.jaccard:.1f}",
                f"{expected_in_true_cells(output, output.cell, truth, px):.3f}",
                f"{counted_in_true_cells(output, truth, px):.3f}",
                f"{expected_in_true_cells(outputs[3], output.cell, truth, px):.3f}",
            ]
        )
    return rows


if __name__ == "__main__":
    sys.exit(main())
