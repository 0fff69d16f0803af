"""Movies of other people, localised as their users would, with what the checks say of each.

    python benchmarks/real.py --data ../shared/data --markdown docs/results/real.md

Nothing is told that a user would not know: pixel size where it is stated (100 nm where not), camera
where it is. Where there is a truth, or another program's table, the distance to it is told.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

import truevar
from truevar.emitters import Emitters
from truevar.io.movies.movie import open_movie

Reference = Callable[[Path], NDArray[np.float64]]


def olist(folder: Path) -> NDArray[np.float64]:
    """(N, 3) frame, x, y in px of storm-analysis' truth."""
    truth = truevar.read(folder / "test_olist.bin", pixel_size=160)
    return np.stack([truth.frame, truth.x / 160, truth.y / 160], 1)


def picasso(folder: Path) -> NDArray[np.float64]:
    """The same of Picasso's table."""
    import h5py

    with h5py.File(folder / "testdata_locs.hdf5") as file:
        rows = file["locs"][:]
    return np.stack([rows["frame"], rows["x"], rows["y"]], 1).astype(float)


def sdt(folder: Path) -> NDArray[np.float64]:
    """The same of the well-shaped spots that sdt-python kept."""
    with np.load(folder / "cg_loc_orig.npz") as stored:
        rows = [np.insert(stored[key][:, :2], 0, int(key), axis=1) for key in stored.files]
    return np.concatenate(rows)


def demo(folder: Path) -> NDArray[np.float64]:
    """The same of the demo stack's truth."""
    truth = truevar.read(folder / "positions_demo1.csv", pixel_size=100)
    return np.stack([truth.frame, truth.x / 100, truth.y / 100], 1)


@dataclass(frozen=True)
class Case:
    """A movie, what a user knows of it, and what it is to be held against."""

    path: str
    what: str
    pixel_size: float
    how: dict[str, Any] = field(default_factory=dict)
    reference: Reference | None = None
    said_by: str = ""


def cases(data: Path) -> list[Case]:
    """All of them."""
    maps = np.load(data / "real/scmos-256x256/calib.npy").astype(np.float32).transpose(0, 2, 1)
    plain = {"baseline": 100.0, "e_per_adu": 1.0, "read_sigma": 0.0}
    bead = {"baseline": 400.0, "e_per_adu": 10.0, "read_sigma": 2.0}
    return [
        Case(
            "real/microtubules-16x16/deconSTORM_microtubuledata.mat",
            "STORM of microtubules, dense",
            100,
        ),
        Case("real/scmos-256x256/sample.dax", "STORM, sCMOS", 160, {"camera_maps": maps}),
        Case(
            "real/pmhc-af647-128x128/pMHC_AF647_200k_000_.npz",
            "single AF647 molecules",
            160,
            {},
            sdt,
            "sdt-python",
        ),
        Case("real/dstorm-128x128/images.tif", "dSTORM, faint", 133),
        Case("real/astigmatic-256x256/test_bg_sub.dax", "astigmatic", 160),
        Case(
            "real/bead-astigmatic/single_bead__c7c70559_2017-07-28.tif",
            "a bead, through focus",
            100,
            {"camera": bead},
        ),
        Case("real/tetrapod-332x492/1.tif", "Tetrapod PSF", 110),
        Case(
            "simulated/storm-analysis-256x256/test.dax",
            "simulated, bright",
            160,
            {"camera": plain},
            olist,
            "truth",
        ),
        Case(
            "simulated/picasso-paint-32x32/testdata.raw",
            "simulated DNA-PAINT",
            100,
            {},
            picasso,
            "Picasso",
        ),
        Case(
            "simulated/deep-storm-dense-64x64/ArtificialDataset_demo1.tif",
            "simulated, dense",
            100,
            {},
            demo,
            "truth",
        ),
        Case(
            "simulated/deep-storm-dense-64x64/testStack_SimulatedMicrotubules.tif",
            "simulated microtubules, 5.5 per µm²",
            100,
        ),
    ]


@dataclass(frozen=True)
class Told:
    """What came of a movie."""

    case: Case
    mean_HW: NDArray[Any]
    found: Emitters
    frames: int
    beside: str


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="default")
    parser.add_argument("--most-frames", type=int, default=1000)
    parser.add_argument("--markdown", type=Path, help="a picture goes beside it, as .png")
    args = parser.parse_args()
    told = []
    for case in cases(args.data):
        path = args.data / case.path
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with open_movie(path) as movie:
                frames = min(len(movie), args.most_frames)
                mean_HW = movie.read(0, min(frames, 100)).mean(0)
            found = truevar.localize(
                path,
                pixel_size=case.pixel_size,
                model=args.model,
                frames=(0, frames),
                **case.how,
            )
        beside = "" if case.reference is None else held_against(case, path.parent, found)
        told.append(Told(case, mean_HW, found, frames, beside))
        print(row_of(told[-1]), flush=True)
    if args.markdown:
        draw(told, args.markdown.with_suffix(".png"))
        args.markdown.write_text(page(told, args.markdown.stem), encoding="utf-8")
    return 0


FIGURES = ("noise", "left", "width", "ellipse", "misfit", "bad_frames", "missed")


def page(told: list[Told], name: str) -> str:
    """All of it, as Markdown."""
    heads = ["movie", "frames", "per frame", "doubtful", "PSF nm", *FIGURES]
    lines = [
        INTRODUCTION.format(name=name),
        "| " + " | ".join(heads) + " |",
        "|" + "---|" * len(heads),
        *(row_of(one) for one in told),
        "\n## Beside a truth or another program\n",
        *(f"- **{one.case.what}**: {one.beside}." for one in told if one.beside),
        "\n## What was warned of\n",
    ]
    for one in told:
        said = one.found.meta["warnings"] or ["nothing."]
        lines.append(f"**{one.case.what}** (`{Path(one.case.path).name}`)\n")
        lines += [f"- {' '.join(line.split())}" for line in said]
        lines.append("")
    return "\n".join(lines)


INTRODUCTION = """# Movies of other people

    python benchmarks/real.py --data ../shared/data --markdown docs/results/{name}.md

(written by that command: change the command, not this page)

Localised by the default model as a user would who knows no more than is stated: pixel size, and
the camera where it is known. Above the mean of the first frames, below where emitters were found,
ten bins to a pixel at most (fewer in wide frames).

![Means of the frames, and what was found]({name}.png)

*Doubtful*: share of emitters with a p-value above 0.01. The other figures are those of the check of
table against movie: noise in the dark over what the camera's numbers say; what the emitters leave
where they shine, as a reduced χ²; relative change of the PSF's width, its ellipticity and misfit,
of emitters that stand alone; share of frames with more than 2.5 left; share of all emitters that
only what is left speaks for. A dash: too few to tell.
"""


def row_of(one: Told) -> str:
    """A row of the table."""
    found, fit = one.found, one.found.meta["fit"]
    cells = [
        one.case.what,
        f"{one.frames}",
        f"{len(found) / one.frames:.4g}",
        f"{np.mean(found['p_value'] > 0.01):.1%}" if len(found) else "–",
        f"{found.meta['psf_sigma']:.0f}",
        *("–" if fit.get(name) is None else f"{fit[name]:.2f}" for name in FIGURES),
    ]
    return "| " + " | ".join(cells) + " |"


def held_against(case: Case, folder: Path, found: Emitters) -> str:
    """Distances to a truth or to another program's table, in words."""
    assert case.reference is not None
    reference_N3 = case.reference(folder)
    last = found.meta["frame_range"][1]
    distance = nearest(found, case.pixel_size, reference_N3[reference_N3[:, 0] < last])
    near = distance <= 1
    return (
        f"{near.sum():,} of {len(near):,} of {case.said_by} have an emitter within 1 px, at a "
        f"median of {np.median(distance[near]):.3f} px; {len(found):,} were found"
    )


def nearest(
    found: Emitters, pixel_size: float, reference_N3: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(N,) px from every row of the reference to the nearest emitter of its frame."""
    distance_N = np.full(len(reference_N3), np.inf)
    for frame in np.unique(reference_N3[:, 0]):
        mine, rows = found.frame == frame, reference_N3[:, 0] == frame
        if mine.any():
            points = np.stack([found.x[mine], found.y[mine]], 1) / pixel_size
            distance_N[rows] = cKDTree(points).query(reference_N3[rows, 1:])[0]
    return distance_N


def draw(told: list[Told], path: Path) -> None:
    """Mean of the frames above, what was found below."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.3 * len(told), 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, len(told))
    for k, one_movie in enumerate(told):
        case, mean_HW, found = one_movie.case, one_movie.mean_HW, one_movie.found
        height, width = mean_HW.shape
        axes[0, k].imshow(mean_HW, cmap="gray", vmax=np.percentile(mean_HW, 99.7))
        axes[0, k].set_title(case.what, fontsize=8)
        bins = [np.arange(0, side + 0.01, max(side / 120, 0.1)) - 0.5 for side in (height, width)]
        image = np.histogram2d(found.y / case.pixel_size, found.x / case.pixel_size, bins)[0]
        top = max(np.percentile(image[image > 0], 95), 1) if image.any() else 1
        axes[1, k].imshow(image, cmap="hot", vmax=top, interpolation="nearest")
        for one in axes[:, k]:
            one.set(xticks=[], yticks=[])
    figure.savefig(path, dpi=70)


if __name__ == "__main__":
    raise SystemExit(main())
