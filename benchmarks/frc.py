"""Is the resolution that ``truevar frc`` tells the one that the simulation implies?

    python benchmarks/frc.py sites lines time-on interval nena others speed
    python benchmarks/frc.py real --table ../shared/data/real/nuclear-pores-table/sampledata_npc.mat
    python benchmarks/frc.py others real --picasso /tmp/env-picasso/bin/python --table …

Expectations. Halves hold s localisations per site with power, each displaced by the precision
sigma, which takes E = exp(-4 pi² q² sigma²) of what is correlated:

- sites with Poisson numbers of localisations, N on average: FRC = s E / (1 + s E), s = N / 2;
- straight lines with rho localisations per nm: the same with s = rho / 2 / (pi q), what the
  pairs along a line add up to, averaged over a ring;
- sites to which molecules bind B times for n frames (geometric, mean t, <n²> = 2 t² - t): with
  b = B / 2 the cross power is b² t² E, the power b t + b (<n²> - t) E + b² t² E. Halves that are
  made of single localisations at random share out each binding: (b <n² - n> / 2 + b² t²) E is
  their cross power, and with b t added their power.

Picasso is no dependency; give the Python of an environment that has it:

    python3.11 -m venv /tmp/env-picasso && /tmp/env-picasso/bin/pip install "picassosr==0.11.*"
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from scipy.optimize import brentq

from truevar.emitters import Emitters
from truevar.postprocess.nena import nena
from truevar.postprocess.resolution import fourier_ring

BLOCKS, TABLES = 20, 60

_PICASSO = """
import json, sys
from importlib.metadata import version
import numpy as np
from picasso import io, postprocess
locs, info = io.load_locs(sys.argv[1])
side = ((0.0, 0.0), (float(info[0]["Height"]), float(info[0]["Width"])))
sigma = float(postprocess.nena(locs, info)[1])
at_random = postprocess.frc(locs, info, side)["resolution"]
halves = []
pixel = float(sys.argv[2])
for seed in range(2):
    block = (np.argsort(np.argsort(locs["frame"], kind="stable")) * 20) // len(locs)
    first = np.random.default_rng(seed).permutation(20)[np.asarray(block)] < 10
    found = postprocess._frc(locs[first], locs[~first], pixel, sigma, side)[3]
    halves.append(None if found is None else float(found))
print(json.dumps({"version": version("picassosr"), "nena": sigma,
                  "random": at_random and float(at_random), "blocks": halves}))
"""


def sites(
    rng: np.random.Generator,
    sigma: float,
    per: float,
    number: int = 3000,
    side: float = 10_000.0,
    frames: int = 5000,
    on: float = 1.0,
) -> Emitters:
    """Points at random places, ``per`` localisations each, ``on`` frames to a binding."""
    place = rng.uniform(0, side, (number, 2))
    which = np.repeat(np.arange(number), rng.poisson(per / on, number))
    length = rng.geometric(1 / on, len(which))
    start = np.repeat(rng.integers(0, frames, len(which)), length)
    step = np.arange(len(start)) - np.repeat(np.cumsum(length) - length, length)
    return _table(rng, place[np.repeat(which, length)], sigma, start + step, frames)


def lines(
    rng: np.random.Generator, sigma: float, rho: float, number: int = 200, side: float = 10_000.0
) -> Emitters:
    """Straight lines right across a square, ``rho`` localisations per nm of them."""
    angle, offset = rng.uniform(0, np.pi, number), rng.uniform(-0.71, 0.71, number) * side
    length = 1.5 * side
    which = np.repeat(np.arange(number), rng.poisson(rho * length, number))
    along = rng.uniform(-length / 2, length / 2, len(which))
    cos, sin = np.cos(angle[which]), np.sin(angle[which])
    place = np.stack([along * cos - offset[which] * sin, along * sin + offset[which] * cos], 1)
    place = place[(abs(place) < side / 2).all(1)]
    return _table(rng, place, sigma, rng.integers(0, 5000, len(place)), 5000)


def _table(
    rng: np.random.Generator,
    place_N2: np.ndarray,
    sigma: float,
    frame_N: np.ndarray,
    frames: int,
) -> Emitters:
    found = place_N2 + sigma * rng.standard_normal(place_N2.shape)
    kept = frame_N < frames
    return Emitters({"frame": frame_N[kept], "x": found[kept, 0], "y": found[kept, 1]})


def crossing(correlation: Callable[[float], float], sigma: float) -> float:
    """nm at which an expected curve falls to 1/7; it falls from coarse to fine."""
    q = brentq(lambda q: correlation(q) - 1 / 7, 1e-5, 1 / sigma)
    return 1 / float(q)


def left(q: float, sigma: float) -> float:
    return float(np.exp(-4 * np.pi**2 * q**2 * sigma**2))


def of_sites(sigma: float, per: float) -> float:
    def curve(q: float) -> float:
        power = per / 2 * left(q, sigma)
        return power / (1 + power)

    return crossing(curve, sigma)


def of_lines(sigma: float, rho: float) -> float:
    def curve(q: float) -> float:
        power = rho / 2 / (np.pi * q) * left(q, sigma)
        return power / (1 + power)

    return crossing(curve, sigma)


def of_bindings(sigma: float, per: float, on: float, at_random: bool = False) -> float:
    b, again = per / on / 2, 2 * on**2 - 2 * on  # <n² - n>

    def curve(q: float) -> float:
        e = left(q, sigma)
        if at_random:
            cross = (b * again / 2 + b**2 * on**2) * e
            return cross / (b * on + cross)
        cross = b**2 * on**2 * e
        return cross / (b * on + b * again * e + cross)

    return crossing(curve, sigma)


def directly(table: Emitters, pixel: float, repeats: int = 5) -> list[float]:
    """Two images, two transforms, one curve: nothing shared with the package but the table."""
    x, y = table.x - table.x.min(), table.y - table.y.min()
    n = int(max(x.max(), y.max()) / pixel) + 1
    block = np.argsort(np.argsort(table.frame, kind="stable")) * BLOCKS // len(table)
    ramp = np.minimum(1, np.minimum(np.arange(n) + 0.5, n - np.arange(n) - 0.5) / (n / 8))
    window = np.outer(np.sin(ramp * np.pi / 2) ** 2, np.sin(ramp * np.pi / 2) ** 2)
    f = np.fft.fftfreq(n)
    ring = np.rint(np.hypot(f[:, None], f[None, :]) * n).astype(int).ravel()
    found = []
    for seed in range(repeats):
        first = np.random.default_rng(seed).permutation(BLOCKS)[block] < BLOCKS // 2
        one, two = (
            np.fft.fft2(
                window * np.histogram2d(y[half], x[half], n, ((0, n * pixel), (0, n * pixel)))[0]
            ).ravel()
            for half in (first, ~first)
        )
        cross = np.bincount(ring, (one * two.conj()).real)[: n // 2]
        power = [np.bincount(ring, abs(part) ** 2)[: n // 2] for part in (one, two)]
        curve = cross / np.sqrt(power[0] * power[1])
        curve = np.convolve(curve, np.ones(9) / 9, "same")
        at = 6 + int(np.argmax(curve[6:] < 1 / 7))
        part = (curve[at - 1] - 1 / 7) / (curve[at - 1] - curve[at])
        found.append(n * pixel / (at - 1 + part))
    return found


def by_picasso(python: str, table: Emitters, side: float) -> dict[str, object]:
    """Picasso's FRC: as it is, split at random, and its curve of our blocks of time."""
    pixel = 100.0
    width = int(np.ceil(side / pixel)) + 1
    n = len(table)
    ones = {name: np.full(n, 1000.0) for name in ("photons", "bg")}
    wide = {name: np.full(n, 10.0) for name in ("sigma_x", "sigma_y", "psf_sigma")}
    meta = {"pixel_size": pixel, "width": width, "height": width}
    meta["frames"] = int(table.frame.max()) + 1
    whole = Emitters({**table.columns, **ones, **wide}, meta)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.hdf5"
        whole.write(path)
        command = [python, "-c", _PICASSO, str(path), str(pixel)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
        return dict(json.loads(done.stdout.splitlines()[-1]))


def compared(title: str, expected: float, make: Callable[[np.random.Generator], Emitters]) -> None:
    """One row: five tables."""
    rows = [fourier_ring(make(np.random.default_rng(seed)), BLOCKS) for seed in range(5)]
    found = np.array([row.resolution for row in rows])
    worst = 100 * abs(found / expected - 1).max()
    width = np.mean([(row.interval[1] - row.interval[0]) / 2 for row in rows])
    print(
        f"| {title} | {np.mean([row.localisations for row in rows]):,.0f} | {expected:.2f} | "
        f"{found.mean():.2f} | {found.std(ddof=1):.2f} | ±{width:.2f} | {worst:.1f} |",
        flush=True,
    )


HEAD = (
    "| table | localisations | expected nm | found, mean of 5 | SD | interval | worst, % |\n"
    "| --- | --- | --- | --- | --- | --- | --- |"
)


def run_sites() -> None:
    print(HEAD)
    for sigma, per in ((10, 20), (10, 5), (5, 60), (20, 20), (30, 4)):
        title = f"sites, sigma {sigma} nm, {per} each"
        compared(title, of_sites(sigma, per), lambda rng, s=sigma, p=per: sites(rng, s, p))


def run_lines() -> None:
    print(HEAD)
    for sigma, rho in ((10, 0.1), (10, 0.03), (20, 0.2)):
        title = f"lines, sigma {sigma} nm, {rho:g} per nm"
        compared(title, of_lines(sigma, rho), lambda rng, s=sigma, r=rho: lines(rng, s, r))


def run_time_on() -> None:
    print(
        "| on, frames | bindings to a site | expected nm | found, blocks of time | "
        "split at random: expected | found |\n| --- | --- | --- | --- | --- | --- |"
    )
    for on, per in ((3, 30), (3, 9), (10, 50), (10, 30)):
        table = sites(np.random.default_rng(1), 10, per, 4000, on=on)
        frames = np.random.default_rng(2).permutation(len(table)) * 5000 // len(table)
        dealt = fourier_ring(table.with_columns(frame=frames), BLOCKS)
        blocks = fourier_ring(table, BLOCKS)
        print(
            f"| {on} | {per / on:g} | {of_bindings(10, per, on):.2f} | {blocks.resolution:.2f} "
            f"({blocks.interval[0]:.2f} to {blocks.interval[1]:.2f}) | "
            f"{of_bindings(10, per, on, True):.2f} | {dealt.resolution:.2f} |",
            flush=True,
        )


def run_interval() -> None:
    expected, inside, found = of_sites(10, 10), 0, []
    for seed in range(TABLES):
        table = sites(np.random.default_rng(100 + seed), 10, 10, 800, 5000.0)
        ring = fourier_ring(table, BLOCKS)
        inside += ring.interval[0] <= expected <= ring.interval[1]
        found.append([ring.resolution, *ring.interval])
    mean, low, high = np.mean(found, 0)
    print(
        f"{TABLES} tables of 8,000 localisations, expected {expected:.2f} nm: found {mean:.2f}, SD "
        f"{np.std(found, axis=0)[0]:.2f}, half the mean interval over 2.09 "
        f"{(high - low) / 2 / 2.09:.2f}; {inside} of {TABLES} intervals hold the expected value"
    )


def run_nena() -> None:
    print("| sigma nm | on, frames | on at once per µm² | NeNA nm | off by % | on, as found |")
    print("| --- | --- | --- | --- | --- | --- |")
    for sigma, on, number in (
        (5, 3, 5000),
        (10, 3, 5000),
        (10, 3, 50_000),
        (10, 10, 5000),
        (20, 2, 5000),
        (20, 3, 50_000),
    ):
        table = sites(np.random.default_rng(3), sigma, on, number, 10_000.0, 5000, on)
        found = nena(table)
        assert found is not None
        print(
            f"| {sigma} | {on} | {len(table) / 5000 / 100:.2f} | {found.sigma:.2f} ± "
            f"{found.error:.2f} | {100 * (found.sigma / sigma - 1):+.1f} | {found.on_time:.2f} |"
        )


def run_others(picasso: str | None) -> None:
    for on in (1, 3):
        table = sites(np.random.default_rng(4), 10, 24, 1500, 7000.0, on=on)
        ours = fourier_ring(table, BLOCKS)
        expected = of_bindings(10, 24, on)
        print(f"on for {on}: expected {expected:.2f}; ours {ours.resolution:.2f} {ours.interval}")
        print(f"  NumPy alone, blocks of time: {_spread(directly(table, 5.0))}")
        if picasso:
            print(f"  at random expected {of_bindings(10, 24, on, True):.2f}")
            print(f"  Picasso: {by_picasso(picasso, table, 7000.0)}; NeNA of ours {ours.nena}")


def run_real(path: Path, picasso: str | None) -> None:
    data = loadmat(path)["data"][0, 0]
    x, y, t = (data[name].ravel() for name in "xyt")
    interval = float(np.median(np.diff(np.unique(t))))
    x, y = x - x.min(), y - y.min()
    table = Emitters({"frame": np.rint((t - t.min()) / interval).astype(int), "x": x, "y": y})
    for blocks in (10, 20, 40):
        start = time.process_time()
        ring = fourier_ring(table, blocks)
        print(f"{blocks} blocks, {time.process_time() - start:.1f} s\n{ring.text()}")
        print([str(one) for one in ring.warnings])
    print(f"NumPy alone, blocks of time: {_spread(directly(table, 5.0))}")
    if picasso:
        print(f"Picasso: {by_picasso(picasso, table, 9000.0)}")


def run_speed() -> None:
    table = sites(np.random.default_rng(5), 10, 20, 50_000, 40_000.0, 20_000)
    wall, cpu = time.perf_counter(), time.process_time()
    ring = fourier_ring(table)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{len(table):,} localisations, 40 µm: {wall:.1f} s, {cpu:.1f} s of one core")
    print(ring.text())


def _spread(found: list[float]) -> str:
    return f"{np.mean(found):.2f} nm, {min(found):.2f} to {max(found):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = ("sites", "lines", "time-on", "interval", "nena", "others", "real", "speed")
    parser.add_argument("parts", nargs="+", choices=parts)
    parser.add_argument("--table", type=Path, help="nuclear pores, .mat with x, y and t")
    parser.add_argument("--picasso", help="Python of an environment with Picasso")
    args = parser.parse_args()
    for part in args.parts:
        print(f"\n## {part}\n", flush=True)
        if part == "others":
            run_others(args.picasso)
        elif part == "real":
            run_real(args.table, args.picasso)
        else:
            globals()[f"run_{part.replace('-', '_')}"]()


if __name__ == "__main__":
    main()
