"""The tables of docs/ablations.md, from the runs that are done."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truevar.evaluation.bootstrap import interval
from truevar.evaluation.strata import STRATA, StratifiedCounts

BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
REFERENCE = "next-scale"

GROUPS: dict[str, tuple[tuple[str, str], ...]] = {
    "(a) Next-scale prediction": (
        ("next-scale", "next scale (the model)"),
        ("independent", "independent scales"),
        ("one-80x80", "one 80×80 prediction"),
    ),
    "(b) What accumulates in f̂": (
        ("next-scale", "codes (the model)"),
        ("continuous", "continuous features"),
        ("no-f-hat", "nothing: f̂ zeroed"),
    ),
    "(c) Whether f̂ is used": (
        ("next-scale", "its own (the model)"),
        ("f-hat-of-another-frame", "f̂ of another frame, in use only"),
    ),
    "(d) What is handed down in training": (
        ("next-scale", "own distributions; in three crops of ten the true decisions (the model)"),
        ("distributions", "own distributions only"),
        ("own-draws", "own distributions, draws, corrupted draws"),
        ("true-decisions", "the true decisions only"),
        ("independent", "nothing"),
        ("no-self-correction", "codes of the field alone"),
    ),
    "(e) Phi": (("next-scale", "with Phi (the model)"), ("no-phi", "without")),
    "(f) Splits": (
        ("next-scale", "four children decide together (the model)"),
        ("separate-children", "each child on its own"),
    ),
    "(g) From the “original implementation” to the model (M20)": (
        ("m20-original", "4× down-sampling encoder, plain up-sampling, independent scales"),
        ("m20-full-resolution", "+ encoder at full resolution"),
        ("m20-accumulation", "+ residual accumulation through Phi"),
        ("next-scale", "+ next-scale prediction of codes (the model)"),
    ),
}


def write_tables(
    folder: Path, results: Path, page: Path, scene: str, densities: Sequence[float]
) -> None:
    """Write figures as JSON and tables between the page's markers."""
    runs = {}
    for name in dict.fromkeys(name for rows in GROUPS.values() for name, _ in rows):
        files = sorted(folder.glob(f"{name}-[0-9].npz"))
        if files:
            runs[name] = [_read(file, densities) for file in files]
    if REFERENCE not in runs:
        runs = {}  # nothing to compare with
    figures = {name: _figures(runs, name, densities) for name in runs}
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text(json.dumps({"scene": scene, "runs": figures}, indent=1), encoding="utf-8")
    lines = []
    for title, rows in GROUPS.items():
        lines += [f"## {title}", "", *_table(figures, rows, densities), ""]
    text = page.read_text(encoding="utf-8") if page.exists() else f"{BEGIN}\n{END}\n"
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"{END}{after}", encoding="utf-8")
    print(f"{page}: {len(runs)} of {len({n for r in GROUPS.values() for n, _ in r})} rows")


def _read(file: Path, densities: Sequence[float]) -> dict[str, Any]:
    """One run: facts, and counts by density."""
    stored = np.load(file)
    counts = {
        density: StratifiedCounts(
            **{name: stored[f"{density:g} {name}"] for name in ("tp", "fn", "fp", "square")}
        )
        for density in densities
    }
    nats = {density: stored[f"{density:g} nats"] for density in densities}
    return {**json.loads(str(stored["facts"])), "counts": counts, "nats": nats}


def _figures(
    runs: dict[str, list[dict[str, Any]]], name: str, densities: Sequence[float]
) -> dict[str, Any]:
    """E of a run per density (strata, then all), and its difference from the reference."""
    mine, reference = runs[name], runs[REFERENCE]
    seeds = min(len(mine), len(reference))
    out: dict[str, Any] = {
        key: [run[key] for run in mine] for key in ("parameters", "crops", "minutes", "threshold")
    }
    for density in densities:
        both = [
            StratifiedCounts.concat([run["counts"][density] for run in some[:seeds]])
            for some in (mine, reference)
        ]
        drawn = [counts.resampled("E") for counts in both]
        found = [counts.figures() for counts in both]
        spans = [interval(column) for column in (drawn[0] - drawn[1]).T]
        per_emitter, difference, low, high = _nats(
            *(
                np.concatenate([run["nats"][density] for run in some[:seeds]], 1)
                for some in (mine, reference)
            )
        )
        out[f"{density:g}"] = {
            "nats": round(per_emitter, 3),
            "nats_difference": [round(value, 3) for value in (difference, low, high)],
            "E": found[0]["E"].round(2).tolist(),
            "JI": found[0]["JI"].round(2).tolist(),
            "RMSE": found[0]["RMSE"].round(2).tolist(),
            "recall": found[0]["recall"].round(2).tolist(),
            "difference": (found[0]["E"] - found[1]["E"]).round(2).tolist(),
            "low": [round(span[0], 2) for span in spans],
            "high": [round(span[1], 2) for span in spans],
            "E_of_seeds": [
                round(float(run["counts"][density].figures()["E"][-1]), 2) for run in mine
            ],
        }
    return out


def _nats(
    mine_2N: NDArray[np.float64], reference_2N: NDArray[np.float64], resamples: int = 1000
) -> tuple[float, float, float, float]:
    """Nats per emitter, the difference from the reference's, and its interval over crops.

    Args:
        mine_2N, reference_2N: (2, crops) nats of a crop's whole truth, and its emitters.
    """
    n = mine_2N.shape[1]
    weight_SN = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=resamples)
    apart_S = weight_SN @ (mine_2N[0] - reference_2N[0]) / (weight_SN @ mine_2N[1])
    sums = [float(part_2N[0].sum() / part_2N[1].sum()) for part_2N in (mine_2N, reference_2N)]
    return sums[0], sums[0] - sums[1], *interval(apart_S)


def _table(
    figures: dict[str, dict[str, Any]],
    rows: Sequence[tuple[str, str]],
    densities: Sequence[float],
) -> list[str]:
    """E of everything and of the strata; below, differences with 95 % intervals."""
    heads = ["", "10⁶ parameters", "seeds", "/µm²", "E", *(f"E {name}" for name in STRATA), "nats"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for name, label in rows:
        if name not in figures:
            lines.append(f"| {label} | *not run yet* |" + " |" * (len(heads) - 2))
            continue
        found = figures[name]
        for number, density in enumerate(densities):
            at = found[f"{density:g}"]
            first = (
                [label, f"{found['parameters'][0] / 1e6:.2f}", f"{len(found['crops'])}"]
                if number == 0
                else ["", "", ""]
            )
            cells = []
            for column in (3, 0, 1, 2):
                cell = f"{at['E'][column]:.1f}"
                if not np.isfinite(at["E"][column]):
                    cell = "–"  # none of that kind among the frames
                elif name != REFERENCE:
                    low, high = at["low"][column], at["high"][column]
                    cell += f" ({at['difference'][column]:+.1f}: {low:+.1f} … {high:+.1f})"
                cells.append(cell)
            cell = f"{at['nats']:.2f}"
            if name != REFERENCE:
                cell += " ({:+.2f}: {:+.2f} … {:+.2f})".format(*at["nats_difference"])
            cells.append(cell)
            lines.append("| " + " | ".join([*first, f"{density:g}", *cells]) + " |")
    return lines
