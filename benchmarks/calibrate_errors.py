"""Fit what a model's standard errors are to be multiplied by, and write it into its weights.

    python benchmarks/calibrate_errors.py -o src/truevar/weights/true-var-small.safetensors

Movies of all 2D scenes are localised (seeds from 7,400,000 on), answers matched to the truth, and a
small network fitted to what is known of each answer while a movie is localised
(:mod:`truevar.refinement.error_scale`), so that 68 % of the true places lie inside the ellipse for
68 %. Then for other seeds what share does, scene by scene, without and with it; --picture shows the
distribution of errors over their standard errors. Without -o nothing is fitted: the scale that the
weights have is looked at.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from truevar.emitters import Emitters
from truevar.evaluation.matching import BORDER_NM, RADIUS_NM, in_field, match
from truevar.inference.decode import SURE, no_echoes
from truevar.inference.engine import LEAST_PROB, Engine, frames_per_batch
from truevar.inference.refined import EVIDENCE
from truevar.model.weights import TrainedModel, load_model, read_model, save_weights
from truevar.refinement.error_scale import ErrorScale
from truevar.refinement.refine import refine
from truevar.refinement.stack import Answers
from truevar.simulation.scenes import SCENES, simulate

SEED, CHECK_SEED = 7_400_000, 7_300_000
SHARE, QUANTILE = 0.683, 2.28
"""Share of the truth that the ellipse of the squared Mahalanobis distance below holds."""
DENSITIES = {
    "2d-scmos": (0.2, 0.5, 1.0, 2.0, 4.0, 6.0),
    "2d-emccd": (0.2, 1.0, 2.0, 4.0),
    "2d-dim": (0.2, 1.0, 2.0),
    "2d-structured": (0.2, 1.0, 2.0),
    "filaments": (0.2, 0.5, 1.0, 2.0),
    "2d-widths-80": (0.2, 1.0, 2.0, 4.0),
    "2d-widths-130": (0.2, 1.0, 2.0),
    "2d-widths-180": (0.2, 1.0, 2.0),
    "2d-widths-220": (0.2, 1.0, 2.0),
}
SHOWN = (1.0, 4.0)
SIZE = 64
HIDDEN, EPOCHS = 16, 40


@dataclass(frozen=True)
class Matched:
    """N answers with a true emitter, inside the border.

    Attributes:
        known_NQ: what is known of each.
        square_N: squared Mahalanobis distances of the truth, by the network's own errors.
        plain_N: by those that are reported without a fitted scale.
    """

    known_NQ: NDArray[np.float64]
    square_N: NDArray[np.float64]
    plain_N: NDArray[np.float64]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="default")
    parser.add_argument("--frames", type=int, default=36, help="per background at 1 per µm²")
    parser.add_argument("-o", "--output", type=Path, help="fit, and write the weights with it")
    parser.add_argument("--picture", type=Path, help="errors over standard errors, a .png")
    args = parser.parse_args()
    model = load_model(args.model)
    fitted = None if args.output else ErrorScale.from_dict(model.errors)
    if fitted is None:
        fitted = fit([drawn(model, *one, args.frames, SEED) for one in every_scene()])
    shown: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    print("| scene | per µm² | matched | without | with |\n|---|---|---|---|---|")
    for scene, density in every_scene():
        one = drawn(model, scene, density, args.frames // 2, CHECK_SEED)
        scaled_N = one.square_N / fitted(one.known_NQ) ** 2
        shares = " | ".join(f"{100 * np.mean(v < QUANTILE):.1f}" for v in (one.plain_N, scaled_N))
        print(f"| {scene} | {density:g} | {len(scaled_N)} | {shares} |", flush=True)
        if density in SHOWN:
            shown[f"{scene}, {density:g} per µm²"] = one.plain_N, scaled_N
    if args.picture:
        draw(shown, args.picture)
    if args.output:
        header, tensors = read_model(args.model)
        model.network.load_state_dict(tensors)
        told = (header["threshold"], header["domain"], header["training"])
        save_weights(args.output, model.network, *told, half=True, errors=fitted.to_dict())
    return 0


def draw(shown: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]], path: Path) -> None:
    """Densities of error over standard error, along two axes together; and what they should be."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = 4
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(3.1 * columns, 2.3 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    edges = np.linspace(0, 5, 41)
    for axes, (name, (plain_N, scaled_N)) in zip(panels, shown.items(), strict=False):
        for square_N, label, colour in ((plain_N, "without", "0.6"), (scaled_N, "scaled", "C0")):
            ratio_N = np.minimum(np.sqrt(square_N), edges[-1] - 1e-6)
            axes.hist(ratio_N, edges, density=True, histtype="step", color=colour, label=label)
        axes.plot(edges, edges * np.exp(-0.5 * edges**2), "k", lw=0.8, label="as said")
        axes.set_title(name, fontsize="small")
    for axes in panels[len(shown) :]:
        axes.set_visible(False)
    panels[0].legend(fontsize="x-small")
    figure.supxlabel("distance from the truth in standard errors (the last bin holds all beyond)")
    figure.savefig(path, dpi=90)


def every_scene() -> list[tuple[str, float]]:
    return [(scene, density) for scene, some in DENSITIES.items() for density in some]


def drawn(model: TrainedModel, scene: str, density: float, frames: int, seed: int) -> Matched:
    """Matched answers of a scene at its backgrounds; more frames where there are few emitters."""
    frames = int(np.clip(frames / density, 8, 3 * frames))
    parts = [
        matched(model, scene, density, frames, seed + 17 * number, background)
        for number, background in enumerate(sorted(set(SCENES[scene].backgrounds)))
    ]
    return Matched(*(np.concatenate([getattr(part, n) for part in parts]) for n in vars(parts[0])))


def matched(
    model: TrainedModel, scene: str, density: float, frames: int, seed: int, background: float
) -> Matched:
    """One movie's, refined in one piece."""
    movie = simulate(scene, density, frames, SIZE, seed, background)
    sigma, px = movie.psf_sigma / movie.pixel_size, movie.pixel_size
    engine = Engine(model, movie.camera, sigma, SIZE, SIZE, LEAST_PROB, echoes=True)
    frames_nHW = movie.frames()
    step = frames_per_batch(SIZE, SIZE)
    parts, done = [], 0
    for found, n in engine.run(frames_nHW[k : k + step] for k in range(0, frames, step)):
        found.image += done
        parts.append(found)
        done += n
    found = type(parts[0]).concat(parts)
    found = found.select(np.argsort(found.image, kind="stable"))
    photons, sigma_photons = found.photons / engine.excess, found.sigma_photons / engine.excess
    answers = Answers(
        found.image, found.x, found.y, found.sigma_x, found.sigma_y, photons, sigma_photons
    )
    read_HW = engine.read_1HW[0].cpu().numpy()
    better = refine(answers, engine.effective(frames_nHW), read_HW, sigma)
    own = np.arange(len(found.x))
    moved = replace(found, x=better.x_R[own], y=better.y_R[own])
    stands = (found.prob >= SURE) | (better.llr_R[own] >= EVIDENCE)
    # Those of a pair have errors of their own.
    told = no_echoes(moved, sigma, stands) & ~better.of_pair_R[own]
    row = np.flatnonzero(told & (found.prob >= model.threshold))
    table = Emitters(
        {"frame": found.image[row], "x": better.x_R[row] * px, "y": better.y_R[row] * px}
    )
    pairs = match(table, movie.truth, RADIUS_NM)
    inside = in_field(table, px, SIZE, SIZE, BORDER_NM)[pairs.pred]
    row, true = row[pairs.pred[inside]], pairs.truth[inside]
    off_x = better.x_R[row] - movie.truth["x"][true] / px
    off_y = better.y_R[row] - movie.truth["y"][true] / px
    squares = [
        (off_x / by_x[row]) ** 2 + (off_y / by_y[row]) ** 2
        for by_x, by_y in (
            (answers.sigma_x_D, answers.sigma_y_D),
            (better.sigma_x_R, better.sigma_y_R),
        )
    ]
    return Matched(better.known_RQ[row], *squares)


def fit(scenes: Sequence[Matched]) -> ErrorScale:
    """By the pinball loss of the log of the squared distance; every scene counts as the square
    root of its answers."""
    torch.manual_seed(0)
    known_NQ = np.concatenate([one.known_NQ for one in scenes])
    log_N = np.log(np.maximum(np.concatenate([one.square_N for one in scenes]), 1e-6) / QUANTILE)
    weight_N = np.concatenate(
        [np.full(len(one.square_N), len(one.square_N) ** -0.5) for one in scenes]
    )
    mean_Q, spread_Q = known_NQ.mean(0), known_NQ.std(0) + 1e-6
    x_NQ, y_N, w_N = (
        torch.tensor(v, dtype=torch.float32)
        for v in ((known_NQ - mean_Q) / spread_Q, log_N, weight_N / weight_N.mean())
    )
    into, out = torch.nn.Linear(x_NQ.shape[1], HIDDEN), torch.nn.Linear(HIDDEN, 1)
    optimizer = torch.optim.Adam([*into.parameters(), *out.parameters()], 1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for row in torch.randperm(len(y_N)).split(1024):
            over = y_N[row] - out(into(x_NQ[row]).tanh())[:, 0]
            loss = (w_N[row] * torch.maximum(SHARE * over, (SHARE - 1) * over)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    # It has learnt the log of a square; the scale is of errors.
    weights = [v.detach().double().numpy() for v in (into.weight.T, into.bias, out.weight[0])]
    offset = 0.5 * float(out.bias.detach())
    return ErrorScale(mean_Q, spread_Q, weights[0], weights[1], 0.5 * weights[2], offset)


if __name__ == "__main__":
    sys.exit(main())
