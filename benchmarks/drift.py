"""Drift of simulated tables, whose truth is known: how well it is found, and how true the band is.

    python benchmarks/drift.py
    python benchmarks/drift.py --real ../shared/data/real/nuclear-pores-table/sampledata_npc.mat

2,000 places in a field of 25.6 × 25.6 µm are localised again and again, 0.1 localisations per µm²
and frame, errors of 8 to 20 nm along each axis; 2,000 frames. Drifts of 150 nm: steady, with a jump
of 78 nm, a sine; and none. Errors are of the curve less its mean, both axes together; "inside" is
the share of frames and axes in which the truth is within two standard errors.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.postprocess.drift import DriftCorrected, correct_drift

Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""(F,) times from 0 to 1; gives (F, 2) nm."""


def steady(time_F: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([150 * time_F, -100 * time_F**2], 1)


def jump(time_F: NDArray[np.float64]) -> NDArray[np.float64]:
    there_F = time_F >= 0.4173
    return np.stack([90 * time_F + 60 * there_F, -40 * time_F - 50 * there_F], 1)


def sine(time_F: NDArray[np.float64]) -> NDArray[np.float64]:
    angle_F = 2 * np.pi * 4 * time_F
    return np.stack([75 * np.sin(angle_F), 40 * np.cos(1.5 * angle_F)], 1)


def none(time_F: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.zeros((len(time_F), 2))


CURVES: dict[str, Curve] = {"steady": steady, "jump": jump, "sine": sine, "none": none}


def table(
    curve: Curve,
    seed: int,
    frames: int = 2000,
    places: int = 2000,
    density: float = 0.1,
    side: float = 25_600.0,
    structure: str = "places",
    on: float = 1.0,
) -> tuple[Emitters, NDArray[np.float64]]:
    """Localisations with drift, and the (frames, 2) drift in nm.

    Args:
        curve: the drift.
        seed: the same seed gives the same table.
        frames: length of the movie.
        places: binding sites; of filaments, ten of them per 100.
        density: localisations per µm² and frame.
        side: of the field, nm.
        structure: "places", "filaments", or "chance": every localisation somewhere else.
        on: mean number of frames that a molecule stays.
    """
    random = np.random.default_rng(seed)
    n = random.poisson(density * (side / 1000) ** 2 * frames / on)
    if structure == "filaments":
        which = random.integers(places // 10, size=n)
        begin, angle = random.uniform(0, side, (places // 10, 2)), random.uniform(0, np.pi, places)
        along = random.uniform(-1500, 1500, n)
        site = begin[which] + along[:, None] * np.stack(
            [np.cos(angle[which]), np.sin(angle[which])], 1
        )
    elif structure == "places":
        site = random.uniform(0, side, (places, 2))[random.integers(places, size=n)]
    else:
        site = random.uniform(0, side, (n, 2))
    first = random.integers(frames, size=n)
    stay = random.geometric(1 / on, n)
    site, frame = np.repeat(site, stay, 0), np.repeat(first, stay)
    frame = frame + np.concatenate([np.arange(k) for k in stay]) if on > 1 else frame
    site, frame = site[frame < frames], frame[frame < frames]
    drift_F2 = curve(np.arange(frames) / frames)
    sigma = random.uniform(8, 20, (len(site), 2))
    place = site + drift_F2[frame] + sigma * random.standard_normal(site.shape)
    columns = {"frame": frame, "x": place[:, 0], "y": place[:, 1]}
    columns |= {"sigma_x": sigma[:, 0], "sigma_y": sigma[:, 1]}
    order = np.argsort(frame, kind="stable")
    return Emitters(columns, {"pixel_size": 100.0}).select(order), drift_F2 - drift_F2.mean(0)


def compared(found: DriftCorrected, drift_F2: NDArray[np.float64]) -> tuple[float, float, float]:
    """RMS error in nm along one axis, share inside two standard errors, their median in nm."""
    drift = found.drift
    true_F2 = drift_F2[drift.frame_F] - drift_F2[drift.frame_F].mean(0)
    error_F2 = np.stack([drift.x_F, drift.y_F], 1) - true_F2
    sigma_F2 = np.stack([drift.sigma_x_F, drift.sigma_y_F], 1)
    inside = float(np.mean(np.abs(error_F2) <= 2 * sigma_F2))
    return float(np.sqrt(np.mean(error_F2**2))), inside, float(np.median(sigma_F2))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--curves", nargs="+", default=list(CURVES), choices=CURVES)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--density", type=float, default=0.1, help="per µm² and frame")
    parser.add_argument("--places", type=int, default=2000)
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--side", type=float, default=25_600.0, help="nm")
    parser.add_argument("--on", type=float, default=1.0, help="frames that a molecule stays")
    parser.add_argument("--structure", default="places", choices=["places", "filaments", "chance"])
    parser.add_argument(
        "--no-errors", action="store_true", help="the table has no sigma_x, sigma_y"
    )
    parser.add_argument(
        "--real", type=Path, help="a MATLAB table of x, y and t, in place of all that"
    )
    args = parser.parse_args()
    if args.real:
        return real(args.real)
    print(
        "| drift | seed | localisations | RMS error, nm | inside 2 σ, % | σ, nm | jumps | CPU s |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name in args.curves:
        for seed in args.seeds:
            rows, drift_F2 = table(
                CURVES[name],
                seed,
                args.frames,
                args.places,
                args.density,
                args.side,
                args.structure,
                args.on,
            )
            if args.no_errors:
                rows = Emitters({column: rows[column] for column in ("frame", "x", "y")})
            began = time.process_time()
            try:
                found = correct_drift(rows)
            except UserError as error:
                print(f"| {name} | {seed} | {len(rows):,} | {error} |", flush=True)
                continue
            seconds = time.process_time() - began
            rms, inside, sigma = compared(found, drift_F2)
            print(
                f"| {name} | {seed} | {len(rows):,} | {rms:.2f} | {100 * inside:.1f} | {sigma:.2f} "
                f"| {found.drift.jump_J.tolist() or ''} | {seconds:.1f} |",
                flush=True,
            )
    return 0


def real(path: Path) -> int:
    """The drift of a table that nobody knows the truth of."""
    from scipy.io import loadmat

    data = loadmat(path, squeeze_me=True, struct_as_record=False)["data"]
    frame = np.unique(data.t, return_inverse=True)[1]
    rows = Emitters({"frame": frame, "x": data.x, "y": data.y})
    began = time.process_time()
    found = correct_drift(rows)
    print(found.text())
    print(f"{time.process_time() - began:.1f} s of a CPU core")
    # Halves of the field tell of the same drift, independently of each other.
    left = rows.x < np.median(rows.x)
    dark = (np.floor(rows.x / 1000) + np.floor(rows.y / 1000)) % 2 == 0
    for name, half in (("left and right", left), ("squares of 1 µm in turn", dark)):
        drifts = [correct_drift(rows.select(which)).drift for which in (half, ~half)]
        both = np.intersect1d(*(drift.frame_F for drift in drifts))
        for axis in "xy":
            one, other = (getattr(d, f"{axis}_F")[both - d.frame_F[0]] for d in drifts)
            sigma = np.hypot(*(getattr(d, f"sigma_{axis}_F")[both - d.frame_F[0]] for d in drifts))
            apart = one - one.mean() - other + other.mean()
            print(
                f"{name}, {axis}: RMS difference {np.sqrt(np.mean(apart**2)):.2f} nm, expected "
                f"{np.sqrt(np.mean(sigma**2)):.2f} nm, "
                f"within 2 σ {100 * np.mean(np.abs(apart) <= 2 * sigma):.0f} %",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
