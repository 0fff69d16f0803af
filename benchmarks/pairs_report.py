"""Tables and picture of what pairs.py measures: rows of who, case, percent found and RMSE."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

BAR = {"photons": 10_000.0, "background": 100.0, "separation": 104.0}
MOST_SPLIT = 5.0
BOUNDS = {3: "bound, 3 frames", 5: "bound, 5 frames"}


def pick(rows: list[dict[str, Any]], **wanted: Any) -> list[dict[str, Any]]:
    """Rows of these values, in order of separation."""
    found = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    return sorted(found, key=lambda row: row["separation"])


def names(rows: list[dict[str, Any]]) -> list[str]:
    """Who was measured, the bounds last."""
    measured = dict.fromkeys(row["who"] for row in rows)
    return sorted(measured, key=lambda who: who in BOUNDS.values())


def bar_table(rows: list[dict[str, Any]]) -> list[str]:
    """What is asked for: half of the pairs at 0.8 σ, at most 5 % of the single emitters split."""
    lines = [
        "| | 1 : ratio | both found % | RMSE nm | split % | met |",
        "|---|---|---|---|---|---|",
    ]
    for who in names(rows):
        for row in pick(rows, who=who, **BAR):
            split = pick(rows, who=who, **{**BAR, "separation": 0.0})
            met = row["percent"][0] >= 50 and all(o["percent"][0] <= MOST_SPLIT for o in split)
            cells = [who, f"1 : {row['ratio']:g}", spanned(row["percent"]), in_nm(row["rmse"])]
            cells += [spanned(split[0]["percent"]), "yes" if met else "no"] if split else ["–", "–"]
            lines.append("| " + " | ".join(cells) + " |")
    return lines


def spanned(percent: tuple[float, float, float]) -> str:
    return "{:.1f} ({:.1f}–{:.1f})".format(*percent)


def in_nm(error: float) -> str:
    return "–" if math.isnan(error) else f"{error:.1f}"


def tables(rows: list[dict[str, Any]]) -> list[str]:
    """One for every number of photons and background; cells: pairs found in %, their RMSE."""
    lines = []
    separations = sorted({row["separation"] for row in rows} - {0.0})
    heads = ["", "split %", "1 : ratio", *(f"{s:g} nm, {s / 130:.2g} σ" for s in separations)]
    for photons, background in sorted({(row["photons"], row["background"]) for row in rows}):
        lines += [f"**{photons:,.0f} photons, background {background:g}**", ""]
        lines += ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
        light = {"photons": photons, "background": background}
        for who in names(rows):
            split = pick(rows, who=who, separation=0.0, **light)
            for ratio in sorted({row["ratio"] for row in rows}):
                told = [r for r in pick(rows, who=who, ratio=ratio, **light) if r["separation"]]
                cells = [who, f"{split[0]['percent'][0]:.1f}" if split else "–", f"1 : {ratio:g}"]
                for row in told:
                    cells.append(f"{row['percent'][0]:.0f}; {in_nm(row['rmse'])}")
                lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    return lines[:-1]


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Share of pairs found above, RMSE below; a column for every number of photons and background.

    Colours tell who it is, full and dashed lines the ratio of brightness.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    lights = sorted({(row["photons"], row["background"]) for row in rows})
    ratios = dict(zip(sorted({row["ratio"] for row in rows}), ("-", "--", ":"), strict=False))
    colours = {who: f"C{number}" for number, who in enumerate(names(rows))}
    colours |= dict(zip(BOUNDS.values(), ("0.6", "black"), strict=True))
    figure = Figure(figsize=(4 * len(lights) + 1, 7.5), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, len(lights), sharex=True, sharey="row", squeeze=False)
    for (photons, background), above, below in zip(lights, *panels, strict=True):
        light = {"photons": photons, "background": background}
        for who in names(rows):
            for ratio, line in ratios.items():
                told = [r for r in pick(rows, who=who, ratio=ratio, **light) if r["separation"]]
                look = {"color": colours[who], "ls": line, "ms": 3, "lw": 1.2}
                look["marker"] = "" if who in BOUNDS.values() else "o"
                at = [row["separation"] / 130 for row in told]
                above.plot(at, [row["percent"][0] for row in told], **look)
                below.plot(at, [row["rmse"] for row in told], **look)
        if BAR.items() >= light.items():
            above.plot(BAR["separation"] / 130, 50, "*", color="tab:purple", ms=11, zorder=9)
        above.set_title(f"{photons:,.0f} photons, background {background:g}", fontsize="medium")
        below.set(xlabel="separation, PSF σ (130 nm)", yscale="log")
        for axes in (above, below):
            axes.grid(alpha=0.3)
    panels[0, 0].set_ylabel("pairs with both found, %")
    panels[1, 0].set_ylabel("RMSE of the found, nm")
    ticks = [1, 2, 5, 10, 20, 50, 100]
    panels[1, 0].set_yticks(ticks, [str(tick) for tick in ticks])
    keys = [Line2D([], [], color=colours[who], label=who) for who in names(rows)]
    keys += [Line2D([], [], color="0.3", ls=line, label=f"1 : {r:g}") for r, line in ratios.items()]
    keys.append(Line2D([], [], color="tab:purple", ls="", marker="*", ms=9, label="asked for"))
    figure.legend(handles=keys, loc="outside lower center", ncols=len(keys), fontsize=9)
    figure.savefig(path, dpi=100)
