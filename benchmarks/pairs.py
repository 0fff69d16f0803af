"""How near may two emitters be and still be told apart? (the scene ``pair`` of docs/protocol.md)

    python benchmarks/pairs.py --model true-var-small accurate \\
        --picasso /path/to/an/environment/bin/python --picture docs/results/pairs.png

For every number of photons, background, ratio of brightness and separation: the share of pairs of
which both emitters were found, each within half the separation of its truth, and the RMSE of those
found (not told of fewer than ten pairs); for single emitters of the two's summed brightness the
share that is split. Beside it what the joint Cramér–Rao bound allows: Gaussian errors of its size,
x and y drawn on their own, scored by the same rule. Models are asked as they are used, at their
own threshold. Picasso (0.11, its identification and maximum-likelihood fit) sees the middle frames
alone; of --boxes and --gradients those count that find most pairs and split at most 5 % of the
single emitters, chosen anew for every number of photons and background.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))

import dense_unet  # noqa: E402
from pairs_report import BOUNDS, MOST_SPLIT, bar_table, draw, tables  # noqa: E402
from picasso_peer import at_its_best  # noqa: E402

from truevar.camera import SCMOS
from truevar.emitters import Emitters
from truevar.evaluation.joint_limits import joint_bound
from truevar.evaluation.pair_score import answers_near, pair_errors, share
from truevar.inference.decode import SURE, Candidates
from truevar.inference.engine import Engine
from truevar.inference.growing_table import GrowingTable
from truevar.inference.refined import run_refined
from truevar.io.movies.write import write_tiff
from truevar.model.weights import load_model
from truevar.simulation.movie import SimulatedMovie
from truevar.simulation.pairs import BLOCK
from truevar.simulation.scenes import simulate

SEED = 2_017_000
MIDDLE = BLOCK // 2
FEWEST = 10
"""Pairs whose RMSE is told."""
PICASSO, UNET = "Picasso", "dense U-Net"
UNET_LEAST = 0.6
"""Its threshold (docs/results/dense-unet.md)."""


@dataclass(frozen=True)
class Case:
    """What is simulated; a separation of 0 has one ratio only."""

    photons: float
    background: float
    ratio: float
    separation: float

    def movie(self, frames: int, size: int, seed: int) -> SimulatedMovie:
        return simulate("pair", None, frames, size, seed, **asdict(self))


@dataclass(frozen=True)
class Score:
    """Percent with the ends of their intervals; ``rmse`` in nm, NaN where it is not told."""

    percent: tuple[float, float, float]
    rmse: float
    cases: int


@dataclass(frozen=True)
class Middles:
    """The middle frames of a case, in a TIFF."""

    case: Case
    truth: Emitters
    path: Path

    def scored(self, found: Emitters) -> tuple[Case, Score]:
        """With what is found in the file."""
        found = found.with_columns(frame=found.frame * BLOCK + MIDDLE)
        return self.case, score(found, self.truth, self.case)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", nargs="*", default=["true-var-small"])
    near = [50, 78, 104, 130, 156, 208, 260, 400]
    parser.add_argument("--separations", nargs="+", type=float, default=near, help="nm")
    parser.add_argument("--ratios", nargs="+", type=float, default=[1.0, 3.0])
    parser.add_argument("--photons", nargs="+", type=float, default=[1000.0, 10_000.0])
    parser.add_argument("--backgrounds", nargs="+", type=float, default=[10.0, 100.0])
    parser.add_argument("--blocks", type=int, default=2, help="of 144 pairs in each case")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--min-prob", type=float, help="default: the model's own")
    parser.add_argument("--refine", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument(
        "--sure",
        type=float,
        default=SURE,
        help="with --no-refine, what an answer within 1 PSF width of a more probable one must be "
        f"to stay (default: {SURE:g})",
    )
    parser.add_argument("--unet", type=Path, help="weights of train_dense_unet.py")
    parser.add_argument("--picasso", metavar="PYTHON", help="of an environment with Picasso")
    parser.add_argument("--boxes", nargs="+", type=int, default=[3, 5, 7])
    gradients = [0, 100, 300, 1000]
    parser.add_argument("--gradients", nargs="+", type=int, default=gradients)
    parser.add_argument("--picture", type=Path, help="share and error against separation, a .png")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    args = parser.parse_args()

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for row in measure(args, Path(folder)):
            rows.append(row)
            print(row, file=sys.stderr, flush=True)
    print("\n".join([*bar_table(rows), "", *tables(rows)]))
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    if args.picture:
        draw(rows, args.picture)
    return 0


def cases(args: argparse.Namespace) -> Iterator[Case]:
    for photons in args.photons:
        for background in args.backgrounds:
            yield Case(photons, background, 1.0, 0.0)
            for ratio in args.ratios:
                for separation in args.separations:
                    yield Case(photons, background, ratio, separation)


def measure(args: argparse.Namespace, folder: Path) -> Iterator[dict[str, Any]]:
    """Rows for models and bounds, then those of Picasso."""
    models = [load_model(name) for name in args.model]
    unet = dense_unet.load(args.unet) if args.unet else None
    size = 256  # with 144 places
    asked: list[Middles] = []
    took = dict.fromkeys(args.model, 0.0)
    for number, case in enumerate(cases(args)):
        movie = case.movie(BLOCK * args.blocks, size, args.seed + number)
        frames_nHW = movie.frames()
        truth = middle(movie.truth)
        for name, model in zip(args.model, models, strict=True):
            began = time.process_time()
            sigma = movie.psf_sigma / movie.pixel_size
            least = model.threshold if args.min_prob is None else args.min_prob
            engine = Engine(model, movie.camera, sigma, size, size, least, echoes=args.refine)
            if not args.refine:
                engine.sure = args.sure
            refine_to = least if args.refine else None
            found = localize_middle(engine, frames_nHW, movie.pixel_size, refine_to)
            took[name] += time.process_time() - began
            yield as_row(name, case, score(found, truth, case))
        if unet is not None:
            found = of_unet(unet, movie, frames_nHW)
            yield as_row(UNET, case, score(found, truth, case))
        if case.separation > 0:
            for window, name in BOUNDS.items():
                yield as_row(name, case, bound_score(case, window, args.seed + number))
        if args.picasso:
            path = folder / f"{number}.tif"
            pages = frames_nHW[MIDDLE::BLOCK]
            write_tiff(path, iter(pages), pages.shape, movie.pixel_size, movie.camera.describe())
            asked.append(Middles(case, truth, path))
    print("CPU seconds:", {name: round(s) for name, s in took.items()}, file=sys.stderr)
    if args.picasso:
        yield from picasso(args, asked)


def middle(truth: Emitters) -> Emitters:
    """Rows of the frames that are scored."""
    return truth.select(truth.frame % BLOCK == MIDDLE)


def localize_middle(
    engine: Engine, frames_nHW: NDArray[np.generic], pixel_size: float, refine_to: float | None
) -> Emitters:
    """Emitters of every block's middle frame, the others being its neighbours."""
    table = GrowingTable(0, 0, 0, pixel_size)
    for start in range(0, len(frames_nHW), BLOCK):
        block = frames_nHW[start : start + BLOCK]
        asked = block[MIDDLE : MIDDLE + 1]
        beside = block[:MIDDLE], block[MIDDLE + 1 :]
        answers: Iterable[tuple[Candidates, int]] = engine.run([asked], *beside)
        if refine_to is not None:
            answers = run_refined(engine, [asked], *beside, refine_to)
        for found, _ in answers:
            table.add(found, start + MIDDLE)
    return table.emitters({})


def of_unet(
    network: dense_unet.DenseUNet, movie: SimulatedMovie, frames_nHW: NDArray[np.generic]
) -> Emitters:
    """The same by the yardstick, which looks at three frames; its places refined as ours are."""
    parts = []
    for start in range(0, len(frames_nHW), BLOCK):
        near = frames_nHW[start + MIDDLE - 1 : start + MIDDLE + 2]
        how = (movie.camera, movie.psf_sigma, movie.pixel_size)
        found = dense_unet.localize(network, near, *how, min_prob=UNET_LEAST, refined=True)
        found = found.select(found.frame == 1)
        parts.append(found.with_columns(frame=found.frame + start + MIDDLE - 1))
    return Emitters.concat(parts)


def score(found: Emitters, truth: Emitters, case: Case) -> Score:
    """Pairs found, or of single emitters those that are split."""
    if case.separation == 0:
        return Score(share(answers_near(found, truth) > 1), math.nan, len(truth))
    return of_errors(pair_errors(found, truth, case.separation))


def of_errors(error_P2: NDArray[np.float64]) -> Score:
    both_P = np.isfinite(error_P2).all(1)
    told = both_P.sum() >= FEWEST
    rmse = math.sqrt(np.mean(error_P2[both_P] ** 2)) if told else math.nan
    return Score(share(both_P), rmse, len(both_P))


def bound_score(case: Case, window: int, seed: int, draws: int = 20) -> Score:
    """What errors of the bound's size make of a hundred pairs, in frames small enough for it."""
    movie = case.movie(4 * BLOCK, 100, seed)
    std_N2 = joint_bound(
        movie.emitters,
        movie.pixel_size,
        movie.shape[1:],
        movie.psf_sigma,
        movie.camera,
        case.background,
        window,
        range(MIDDLE, movie.shape[0], BLOCK),
    )
    std_M2 = std_N2[movie.emitters.frame % BLOCK == MIDDLE]
    error_DM2 = np.random.default_rng(seed).normal(size=(draws, *std_M2.shape)) * std_M2
    # A pair's two emitters follow each other.
    error_P2 = np.hypot(error_DM2[..., 0], error_DM2[..., 1]).reshape(-1, 2)
    return of_errors(np.where(error_P2 <= case.separation / 2, error_P2, np.nan))


def picasso(args: argparse.Namespace, asked: list[Middles]) -> Iterator[dict[str, Any]]:
    """Its rows, at the settings that serve it best."""
    for light, group in groupby(asked, lambda one: (one.case.photons, one.case.background)):
        alike = list(group)
        best = at_its_best(
            args.picasso,
            [one.path for one in alike],
            SCMOS,
            alike[0].truth.meta["pixel_size"],
            lambda tables, alike=alike: worth(scores_of(alike, tables)),
            args.boxes,
            args.gradients,
        )
        print(f"Picasso at {light}: box {best.box}, gradient {best.gradient}", file=sys.stderr)
        for case, one in scores_of(alike, best.tables):
            yield as_row(PICASSO, case, one)


def scores_of(asked: list[Middles], tables: list[Emitters]) -> list[tuple[Case, Score]]:
    """Of answers to files of middle frames."""
    return [one.scored(found) for one, found in zip(asked, tables, strict=True)]


def worth(told: list[tuple[Case, Score]]) -> tuple[bool, float]:
    """Few splits first, then many pairs."""
    split = max(one.percent[0] for case, one in told if case.separation == 0)
    return split <= MOST_SPLIT, sum(one.percent[0] for case, one in told if case.separation > 0)


def as_row(who: str, case: Case, one: Score) -> dict[str, Any]:
    return {"who": who, **asdict(case), **asdict(one)}


if __name__ == "__main__":
    sys.exit(main())
