"""The Airy series of SolnBenchmark (github.com/SolnBenchmark), simulated anew, by its own measure.

    python benchmarks/soln.py --picasso /path/to/an/environment/bin/python \\
        --markdown docs/results/soln-table.md --picture docs/results/soln.png

Frames of the kind "2DAiry_MESF" with the parameters published there: 1,000 emitters at random
places, 0.5 to 8 per µm², 3,000 photons each, one frame. The measure is the root mean square
minimum distance (RMSMD, truevar.evaluation.minimum_distance). Published are the figures of one
frame per density; here each is the mean of --frames frames, with the least and the largest.

"Fisher" draws unbiased Gaussian errors of all emitters together from the inverse of the frame's
Fisher information about x and y, everything else known: what the benchmark calls UGIA-F. Where
it agrees with the published row, frames and measure are the same as theirs.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from picasso_peer import at_its_best
from scipy.linalg import cho_factor, solve_triangular

import truevar
from truevar.camera import Camera
from truevar.emitters import Emitters
from truevar.evaluation.minimum_distance import root_mean_square_minimum_distance
from truevar.imaging.airy import GAUSSIAN_LIKE, AiryPSF
from truevar.imaging.fisher import FrameModel, Tile
from truevar.imaging.psf import light_of
from truevar.io.movies.write import write_tiff
from truevar.model.weights import TrainedModel, load_model

SEED, TUNING_SEED = 2_019_000, 1_019_000
PIXEL = 100.0  # nm
EMITTERS, PHOTONS = 1000, 3000.0
SIDES = {0.5: 447, 1.0: 316, 2.0: 224, 4.0: 158, 8.0: 112}
"""Emitters per µm² and px along a side."""

BACKGROUND = 5.0 * 0.01 * PIXEL**2
"""5 photons per s and nm², in 10 ms: per px."""

CAMERA = Camera(
    baseline=5.0 * 0.01 * PIXEL**2,
    e_per_adu=1.0,
    read_sigma=math.sqrt(3.0 * 0.01 * PIXEL**2),
    source="2DAiry_MESF of SolnBenchmark",
)
SCALE = 2 * math.pi * 1.43 / 665 * PIXEL
"""a = 2π NA / wavelength, 1/px."""

PSF_SIGMA = GAUSSIAN_LIKE / SCALE * PIXEL
FAR = 43.0
"""Reach of the simulated pattern in units of 1/a, 32 px: 1.5 % of the light lies beyond, less
than 0.01 photons per px."""

PUBLISHED = {
    "Fisher (UGIA-F), published": (8.91, 9.70, 13.48, 18.28, 24.85),
    "SIC, published": (50.58, 51.11, 53.96, 55.87, 61.37),
    "3D-DAOSTORM, published": (104.03, 70.94, 69.78, 99.38, 103.17),
}
"""RMSMD in nm at the densities of :data:`SIDES`, of one frame each."""

FISHER, TUNED, PICASSO = "Fisher, here", ", tuned", "Picasso"
THRESHOLDS = np.round(np.arange(0.05, 0.96, 0.05), 2)


@dataclass(frozen=True)
class Frame:
    """One frame and its truth."""

    adu_HW: NDArray[np.uint16]
    truth: Emitters

    @property
    def true_M2(self) -> NDArray[np.float64]:
        return places(self.truth)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", nargs="*", default=["true-var-small"])
    parser.add_argument("--densities", nargs="+", type=float, default=list(SIDES), choices=SIDES)
    parser.add_argument("--frames", type=int, default=3, help="per density")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--picasso", metavar="PYTHON", help="of an environment with Picasso")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--picture", type=Path, help="RMSMD against density, a .png")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    args = parser.parse_args()
    rows = []
    for density in args.densities:
        for row in measure(args, density):
            rows.append(row)
            print(row, file=sys.stderr, flush=True)
    lines = table(rows)
    print("\n".join(lines))
    if args.markdown:
        args.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    if args.picture:
        draw(rows, args.picture)
    return 0


def simulate(density: float, seed: int) -> Frame:
    """Places are uniform over the field, the benchmark's corner origin being ours less ½ px."""
    side = SIDES[density]
    rng = np.random.default_rng(seed)
    x_N, y_N = side * rng.random((2, EMITTERS)) - 0.5
    psf = AiryPSF(np.full(EMITTERS, SCALE), FAR)
    light_HW = light_of(psf, x_N, y_N, np.full(EMITTERS, PHOTONS), (side, side)) + BACKGROUND
    generator = torch.Generator().manual_seed(seed)
    adu_HW = CAMERA.expose(torch.from_numpy(light_HW), generator).clamp(0, 65535)
    truth = Emitters(
        {
            "frame": np.zeros(EMITTERS, dtype=np.int64),
            "x": PIXEL * x_N,
            "y": PIXEL * y_N,
            "photons": np.full(EMITTERS, PHOTONS),
        }
    )
    return Frame(adu_HW.numpy().astype(np.uint16), truth)


def measure(args: argparse.Namespace, density: float) -> Iterator[dict[str, Any]]:
    """Rows of one density."""
    frames = [simulate(density, args.seed + k) for k in range(args.frames)]
    rng = np.random.default_rng(args.seed)
    yield as_row(FISHER, density, [unbiased(frame, rng) for frame in frames], frames)
    tuning = [simulate(density, TUNING_SEED + k) for k in range(2)]
    for name in args.model:
        model = load_model(name)
        found = [localize(model, frame, min(THRESHOLDS)) for frame in frames]
        yield as_row(name, density, at_least(found, model.threshold), frames)
        tried = [localize(model, frame, min(THRESHOLDS)) for frame in tuning]
        best = min(THRESHOLDS, key=lambda least: np.mean(distances(at_least(tried, least), tuning)))
        row = as_row(f"{name}{TUNED}", density, at_least(found, best), frames)
        yield {**row, "threshold": float(best)}
    if args.picasso:
        yield picasso(args.picasso, density, frames)


def localize(model: TrainedModel, frame: Frame, least: float) -> Emitters:
    """As a user would, told camera, pixel and PSF width."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it was not trained on such a background
        return truevar.localize(
            frame.adu_HW,
            model=model,
            camera=CAMERA,
            pixel_size=PIXEL,
            psf_sigma=PSF_SIGMA,
            min_prob=least,
        )


def at_least(tables: list[Emitters], least: float) -> list[NDArray[np.float64]]:
    return [places(one.select(one["prob"] >= least)) for one in tables]


def places(emitters: Emitters) -> NDArray[np.float64]:
    return np.stack([emitters.x, emitters.y], axis=1)


def distances(found: list[NDArray[np.float64]], frames: list[Frame]) -> list[float]:
    return [
        root_mean_square_minimum_distance(found_K2, frame.true_M2)
        for found_K2, frame in zip(found, frames, strict=True)
    ]


def unbiased(frame: Frame, rng: np.random.Generator) -> NDArray[np.float64]:
    """True places with errors of the frame's information about all of them together."""
    side = len(frame.adu_HW)
    psf = AiryPSF(np.full(EMITTERS, SCALE))
    model = FrameModel(frame.truth, PIXEL, (side, side), PSF_SIGMA, CAMERA, BACKGROUND, psf)
    everywhere = (-np.inf, np.inf, -np.inf, np.inf)
    one = model.information(0, Tile(everywhere, (slice(0, side), slice(0, side))))
    known = 2 * len(one.rows_n)  # photons and background come behind x and y
    lower, _ = cho_factor(one.matrix.tocsr()[:known, :known].toarray(), lower=True)
    error = PIXEL * solve_triangular(lower, rng.normal(size=known), lower=True, trans="T")
    return places(frame.truth.select(one.rows_n)) + error.reshape(2, -1).T


def picasso(python: str, density: float, frames: list[Frame]) -> dict[str, Any]:
    """Its box and threshold are those of the least RMSMD on these very frames."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "frames.tif")
        pages = np.stack([frame.adu_HW for frame in frames])
        write_tiff(path, iter(pages), pages.shape, PIXEL, CAMERA.describe())

        def by_frame(tables: list[Emitters]) -> list[NDArray[np.float64]]:
            (table,) = tables
            return [places(table.select(table.frame == k)) for k in range(len(frames))]

        def worth(tables: list[Emitters]) -> float:
            mean = float(np.mean(distances(by_frame(tables), frames)))
            return -math.inf if math.isnan(mean) else -mean

        best = at_its_best(python, [path], CAMERA, PIXEL, worth)
    return {**as_row(PICASSO, density, by_frame(best.tables), frames), **best.settings}


def as_row(
    who: str, density: float, found: list[NDArray[np.float64]], frames: list[Frame]
) -> dict[str, Any]:
    each = distances(found, frames)
    return {
        "who": who,
        "density": density,
        "rmsmd": float(np.mean(each)),
        "least": min(each),
        "largest": max(each),
        "found": float(np.mean([len(one) for one in found])),
        "frames": len(frames),
    }


def table(rows: list[dict[str, Any]]) -> list[str]:
    """RMSMD in nm; in brackets the least and the largest of a frame; answers per 1,000 emitters."""
    densities = sorted({row["density"] for row in rows})
    heads = ["RMSMD, nm", *(f"{density:g} /µm²" for density in densities)]
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---|" * len(densities)]
    for who in dict.fromkeys(row["who"] for row in rows):
        at = {row["density"]: row for row in rows if row["who"] == who}
        cells = [
            "{rmsmd:.1f} ({least:.1f}–{largest:.1f}); {found:.0f}".format(**at[density])
            if density in at
            else "–"
            for density in densities
        ]
        lines.append("| " + " | ".join([who, *cells]) + " |")
    for who, values in PUBLISHED.items():
        known = dict(zip(SIDES, values, strict=True))
        cells = [f"{known[density]:.1f}" for density in densities]
        lines.append("| " + " | ".join([who, *cells]) + " |")
    return lines


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Full lines are measured here, with a bar from the least to the largest frame."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for number, who in enumerate(dict.fromkeys(row["who"] for row in rows)):
        mine = [row for row in rows if row["who"] == who]
        mean = np.array([row["rmsmd"] for row in mine])
        spread = np.abs([[row["least"] for row in mine], [row["largest"] for row in mine]] - mean)
        look = {"color": "black" if who == FISHER else f"C{number}", "marker": "o", "ms": 4}
        at = [row["density"] for row in mine]
        axes.errorbar(at, mean, spread, label=who, lw=1.4, capsize=2, **look)
    for (who, values), shade in zip(PUBLISHED.items(), ("black", "0.45", "0.7"), strict=True):
        axes.plot(list(SIDES), values, "--s", color=shade, ms=4, lw=1, label=who)
    axes.set(xlabel="emitters per µm²", ylabel="RMSMD, nm", xscale="log", ylim=(0, None))
    axes.set_xticks(list(SIDES), [f"{density:g}" for density in SIDES])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right center", fontsize=9)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    sys.exit(main())
