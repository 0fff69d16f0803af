"""What protocol.py has measured, as Markdown and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from accuracy import COLUMNS

Record = dict[str, Any]

NOT_PEERS = ("scene", "density", "settings", "model", "limit_1", "limit_3")
WIDTHS = "2d-widths-"
TITLES = {"picasso": "Picasso"}

INTRODUCTION = """\
# `truevar benchmark`: every 2D scene

![E against density, of every scene](benchmark.png)

{measured} of the {planned} scenes and densities of [../protocol.md](../protocol.md) (`pair` has
[a page of its own](pairs.md)), by the model `{model}` (weights {weights}) at its threshold of
{threshold:g}, and by {peers} on the same TIFFs. {frames} frames of 64×64 px of each, shared equally
among the scene's backgrounds (seeds from {seed:,} on), four more on either side that are not
scored; in brackets 95 % bootstrap intervals over frames. The limits are what the joint Cramér–Rao
bounds of one frame and of three allow, on up to {limit_frames} of these frames per background.

    truevar benchmark --frames {frames}{options}

(written by that command: change the command, not this page)
"""

PICASSO = """\
Picasso {version}, identification and maximum-likelihood fit: its box (3, 5 or 7 px) and its
threshold are those with the best E on the very frames that are scored, chosen for each scene and
density, which no user can do. Model and Picasso see the same frames, so their difference has a
paired interval; *better* means that it excludes zero.
"""


OTHERS = """\
Another program's answers are taken as they are, at whatever threshold its command has (the dense
U-Net's: [dense-unet.md](dense-unet.md)); differences from it are paired likewise.
"""


def report(records: list[Record], planned: int) -> str:
    """The page."""
    if not records:
        return "Nothing is measured yet.\n"
    settings = records[0]["settings"]
    peers = peers_of(records)
    introduction = INTRODUCTION.format(
        **settings,
        measured=len(records),
        planned=planned,
        threshold=records[0]["model"]["threshold"],
        peers="; by ".join(TITLES.get(name, name) for name in peers) or "nothing else",
        options=options_for(peers),
    )
    parts = [introduction, "## In short\n", *(f"- {line}" for line in short(records)), ""]
    parts += ["## Efficiency\n", *efficiency_table(records, peers), ""]
    versions = {record["picasso"]["version"] for record in records if "picasso" in record}
    if versions:
        parts.append(PICASSO.format(version=", ".join(sorted(versions))))
    if set(peers) - set(TITLES):
        parts.append(OTHERS)
    parts += [f"## All figures: `{settings['model']}`\n", *figures_table(records, "model"), ""]
    for name in peers:
        parts += [f"## All figures: {TITLES.get(name, name)}\n", *figures_table(records, name), ""]
    return "\n".join(parts)


def options_for(peers: list[str]) -> str:
    """What the command was told about those beside the model."""
    others = " ".join(f'--peer "{name}=…"' for name in peers if name not in TITLES)
    return (" --picasso …/bin/python" if "picasso" in peers else "") + (others and f" -- {others}")


def peers_of(records: list[Record]) -> list[str]:
    """Names of those beside the model, in the order in which they turn up."""
    return list(dict.fromkeys(n for record in records for n in record if n not in NOT_PEERS))


def short(records: list[Record]) -> list[str]:
    """What a reader wants to know first."""
    lines = []
    for name in peers_of(records):
        mine = [record for record in records if name in record]
        ahead = [record[name]["model_ahead"] for record in mine]
        better = sum(one["clear"] and one["value"] > 0 for one in ahead)
        worse = sum(one["clear"] and one["value"] < 0 for one in ahead)
        values = [one["value"] for one in ahead]
        span = f"{min(values):+.1f} to {max(values):+.1f}".replace("-", "−")
        lines.append(
            f"Against {TITLES.get(name, name)}: better on {better} of {len(mine)}, worse on "
            f"{worse}; the model's E less its is {span}."
        )
    above = [one for one in records if one["model"]["efficiency"] > one["limit_1"]["efficiency"]]
    sure = [
        one
        for one in above
        if one["model"]["intervals"]["efficiency"][0] > one["limit_1"]["intervals"]["efficiency"][1]
    ]
    lines.append(
        f"Above what one frame alone allows: {len(above)} of {len(records)} ({len(sure)} with "
        "intervals that do not meet); the model looks at five."
    )
    most = max(records, key=lambda one: one["limit_3"]["efficiency"] - one["model"]["efficiency"])
    gap = most["limit_3"]["efficiency"] - most["model"]["efficiency"]
    lines.append(
        f"Furthest from what three frames allow: `{most['scene']}` at {most['density']:g} per µm², "
        f"{gap:.0f} points of E."
    )
    return lines


def efficiency_table(records: list[Record], peers: list[str]) -> list[str]:
    """E of everybody, with intervals; differences; limits."""
    heads = ["scene", "density /µm²", "frames", "model"]
    for name in peers:
        heads += [TITLES.get(name, name), f"model − {TITLES.get(name, name)}"]
    rows = [[*heads, "limit, 1 frame", "3 frames"]]
    for record in records:
        model = record["model"]
        cells = [record["scene"], f"{record['density']:g}", f"{model['frames']}", spanned(model)]
        for name in peers:
            other = record.get(name)
            if other is None:
                cells += ["–", "–"]
                continue
            ahead = other["model_ahead"]
            low, high = ahead["interval"]
            sign = "**" if ahead["clear"] else ""
            told = f"{sign}{ahead['value']:+.1f}{sign} ({low:+.1f} to {high:+.1f})"
            cells += [spanned(other), told.replace("-", "−")]
        cells += [spanned(record["limit_1"]), spanned(record["limit_3"])]
        rows.append(cells)
    return markdown(rows)


def spanned(figures: dict[str, Any]) -> str:
    low, high = figures["intervals"]["efficiency"]
    value = figures["efficiency"]
    return f"{value:.1f} ({low:.1f} to {high:.1f})".replace("-", "−")


def figures_table(records: list[Record], who: str) -> list[str]:
    """All of the protocol's figures, the intervals of three of them."""
    told = [record for record in records if who in record]
    known = [one for one in COLUMNS if any(r[who].get(one[0]) is not None for r in told)]
    settings = ["box px", "gradient"] if any("box" in record[who] for record in told) else []
    rows = [["scene", "density /µm²", *(title for _, title, _ in known), *settings]]
    for record in told:
        figures = record[who]
        cells = [record["scene"], f"{record['density']:g}"]
        for name, _, digits in known:
            value, span = figures.get(name), figures["intervals"].get(name)
            cell = "–" if value is None else f"{value:.{digits}f}".replace("-", "−")
            if (
                value is not None
                and name in ("jaccard", "rmse", "limit_ratio")
                and None not in span
            ):
                cell += f" ({span[0]:.{digits}f}–{span[1]:.{digits}f})"
            cells.append(cell)
        if settings:
            cells += [str(figures["box"]), str(figures["gradient"])]
        rows.append(cells)
    return markdown(rows)


def markdown(rows: list[list[str]]) -> list[str]:
    """A table; the first row is its head."""
    rows = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return ["| " + " | ".join(row) + " |" for row in rows]


def picture(records: list[Record], path: Path) -> None:
    """A panel for every scene: E against density; one for the widths of the PSF."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    peers = peers_of(records)
    panels: dict[str, list[tuple[float, Record]]] = {}
    for record in records:
        widths = record["scene"].startswith(WIDTHS)
        title = "2d-widths, 1 per µm²" if widths else record["scene"]
        at = float(record["scene"].removeprefix(WIDTHS)) if widths else record["density"]
        panels.setdefault(title, []).append((at, record))
    columns = min(3, max(1, len(panels)))
    rows = -(-len(panels) // columns) or 1
    figure = Figure(figsize=(4.2 * columns, 3.4 * rows + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    looks: dict[str, dict[str, Any]] = {
        "limit_3": {"color": "black", "ls": "--", "label": "limit, three frames"},
        "limit_1": {"color": "0.55", "ls": "--", "label": "limit, one frame"},
        "model": {"color": "C0", "marker": "o", "label": "TrueVAR"},
    }
    for number, name in enumerate(peers):
        looks[name] = {"color": f"C{number + 1}", "marker": "s", "label": TITLES.get(name, name)}
    for axes, (title, told) in zip(grid.flat, panels.items(), strict=False):
        told = sorted(told, key=lambda one: one[0])
        for name, look in looks.items():
            mine = [(at, record[name]) for at, record in told if name in record]
            values = [figures["efficiency"] for _, figures in mine]
            span = [figures["intervals"]["efficiency"] for _, figures in mine]
            bars = [
                [max(value - low, 0) for value, (low, _) in zip(values, span, strict=True)],
                [max(high - value, 0) for value, (_, high) in zip(values, span, strict=True)],
            ]
            axes.errorbar([at for at, _ in mine], values, bars, ms=4, lw=1.3, capsize=2, **look)
        ticks = [at for at, _ in told]
        axes.set_xscale("log")
        axes.set_xticks(ticks, [f"{at:g}" for at in ticks])
        axes.minorticks_off()
        axes.set_title(title, fontsize="medium")
        widths = title.startswith("2d-widths")
        axes.set_xlabel("PSF σ, nm" if widths else "emitters per µm²")
        axes.grid(alpha=0.3)
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_axis_off()
    for row in grid:
        row[0].set_ylabel("efficiency E")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(looks), fontsize=9)
    figure.savefig(path, dpi=100)
