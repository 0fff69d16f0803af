"""Time and accuracy of rendering, and the picture of nuclear pores in docs/results.

    python benchmarks/render.py --emitters 1000000 --fields 25 100
    python benchmarks/render.py --nuclear-pores sampledata_npc.mat

Emitters lie evenly over the field, which spares no part of the picture; their errors are spread
log-normally around 10 nm, those along x and y a twentieth apart. CPU seconds are the process's
own, so that they mean something on a machine that does other things too; wall seconds do not.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy.io import loadmat
from scipy.special import ndtr

from truevar.emitters import Emitters
from truevar.view.gaussian import draw_gaussians
from truevar.view.picture import save_picture
from truevar.view.render import STYLES, render

PORES = (15_500.0, 17_500.0, 13_900.0, 15_900.0)
"""nm: a part of the nucleus with many whole rings, for docs/results/nuclear-pores.png."""
PORES_PIXEL, PORES_BLUR = 2.5, 7.0
"""nm. The table has no errors; this is about what those of Alexa Fluor 647 are."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--emitters", type=int, default=1_000_000)
    parser.add_argument("--fields", nargs="+", type=float, default=[25.0, 100.0], help="µm")
    parser.add_argument("--nuclear-pores", type=Path, help="the table: draw the picture, no more")
    parser.add_argument("-o", type=Path, default=Path("docs/results/nuclear-pores.png"))
    args = parser.parse_args()
    if args.nuclear_pores:
        picture = save_picture(
            nuclear_pores(args.nuclear_pores),
            args.o,
            PORES_PIXEL,
            PORES,
            PORES_BLUR,
            overwrite=True,
        )
        print(picture.text(), args.o.stat().st_size // 1000, "kB")
        return 0
    print("| field µm | what | picture | CPU s | wall s |")
    print("|---|---|---|---|---|")
    for size in args.fields:
        table = scattered(args.emitters, size)
        for style in STYLES:
            report(size, style, lambda t=table, s=style: render(t, style=s).shape)
        with TemporaryDirectory() as folder:
            path = Path(folder) / "a.png"
            for colour in ("density", "time"):
                report(
                    size,
                    f"a whole .png, gaussian, {colour}",
                    lambda t=table, p=path, c=colour: (
                        save_picture(t, p, colour=c, overwrite=True).pixels.shape
                    ),
                )
    print("\n| width px | largest error, % of the peak |\n|---|---|")
    for width in (0.5, 1, 2, 2.5, 3, 4, 5, 7, 10, 20, 40):
        print(f"| {width:g} | {100 * largest_error(width):.2g} |")
    return 0


def nuclear_pores(path: Path) -> Emitters:
    """The table of localisations."""
    data = loadmat(path)["data"][0, 0]
    x, y, t = (data[name].ravel() for name in "xyt")
    return Emitters({"frame": np.maximum(t, 0).astype(np.int64), "x": x, "y": y})


def scattered(n: int, size: float) -> Emitters:
    """Emitters all over a field of so many µm."""
    random = np.random.default_rng(0)
    x, y = random.uniform(-50, 1000 * size - 50, (2, n))
    sigma = 10 * random.lognormal(0, 0.4, n)
    columns = {"frame": np.arange(n) // 100, "x": x, "y": y, "sigma_x": sigma}
    columns["sigma_y"] = sigma * random.lognormal(0, 0.05, n)
    meta = {"pixel_size": 100.0, "width": round(10 * size), "height": round(10 * size)}
    return Emitters(columns, meta)


def report(size: float, what: str, job: Callable[[], Any]) -> None:
    """Do a job and print a line of the table."""
    cpu, wall = time.process_time(), time.perf_counter()
    height, width = job()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(f"| {size:g} | {what} | {width}×{height} | {cpu:.1f} | {wall:.1f} |", flush=True)


def largest_error(width: float, places: int = 20) -> float:
    """Of a Gaussian beside its integrals over the pixels, as a share of its peak, over places."""
    random = np.random.default_rng(1)
    n = int(20 * width) + 40
    worst = 0.0
    for x, y in random.uniform(n / 2 - 8, n / 2 + 8, (places, 2)):
        along_x, along_y = (np.diff(ndtr((np.arange(n + 1) - at) / width)) for at in (x, y))
        true = along_y[:, None] * along_x
        one, sigma = np.ones((1, 1), np.float32), np.array([width])
        drawn = draw_gaussians(np.array([x]), np.array([y]), sigma, sigma, one, (n, n))[0]
        worst = max(worst, float(np.abs(drawn - true).max() / true.max()))
    return worst


if __name__ == "__main__":
    sys.exit(main())
