"""The full report: every 2D scene and density of docs/protocol.md, beside Picasso and the limits.

    truevar benchmark --picasso /path/to/an/environment/bin/python --frames 30
    truevar benchmark --scenes 2d-scmos --densities 1 --json -

Every scene's result is kept in --keep as soon as it is there, and taken from there by the next run
with the same settings: a run that was stopped goes on. Picasso is swept: its box and its threshold
are those with the best E on the very frames that are scored. Another program takes part by a
command, --peer "NAME=COMMAND {movie} {table}", that writes a table of a TIFF; the dense U-Net of
docs/results/dense-unet.md too (dense_unet_localize.py).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import scene_score
from accuracy import SCORING_SEED
from protocol_report import NOT_PEERS, picture, report

from truevar.cli import guarded
from truevar.commands.parser import Parser, above_zero, whole
from truevar.errors import UserError
from truevar.evaluation.score import Score
from truevar.io.atomic import replacing
from truevar.model.weights import TrainedModel, load_model
from truevar.simulation.scenes import SCENES

ROOT = Path(__file__).parents[1]
PLAN: dict[str, tuple[float, ...]] = {
    "2d-scmos": (0.2, 1.0, 2.0, 4.0, 8.0),
    "2d-emccd": (0.2, 1.0, 2.0, 4.0, 8.0),
    "2d-dim": (0.2, 1.0, 2.0),
    "2d-structured": (1.0, 2.0),
    "filaments": (1.0, 2.0, 4.0),
    **{name: (1.0,) for name in SCENES if name.startswith("2d-widths")},
}
"""Emitters on at one instant per µm²; the scene ``pair`` has a script of its own."""


def main() -> int:
    args = arguments()
    peers = dict(peer(text) for text in args.peer)
    model = load_model(args.model)
    settings = scene_score.made_with(model, args.frames, args.seed)
    settings["limit_frames"] = args.limit_frames
    asked = [(name, d) for name in args.scenes for d in args.densities or PLAN[name]]
    planned = [(name, d) for name, densities in PLAN.items() for d in densities]
    records = []
    for name, density in [*planned, *(one for one in asked if one not in planned)]:
        path = args.keep / f"{name}-{density:g}.json"
        record = None if args.overwrite and (name, density) in asked else kept(path, settings)
        if (name, density) in asked and not (record and complete(record, args.picasso, peers)):
            record = {"scene": name, "density": density, "settings": settings}
            record |= measure(name, density, model, args, peers)
            keep(path, record)
            print(said(record), file=sys.stderr, flush=True)
        if record and ((name, density) in asked or not args.json):
            records.append(record)
    if args.json:
        text = json.dumps(records, indent=1) + "\n"
        if args.json == "-":
            print(text, end="")
        else:
            Path(args.json).write_text(text, encoding="utf-8")
        return 0
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / "benchmark.json").write_text(json.dumps(records, indent=1), encoding="utf-8")
    picture(records, args.output / "benchmark.png")
    text = report(records, len(planned))
    (args.output / "benchmark.md").write_text(text, encoding="utf-8")
    print(text, end="")
    return 0


def arguments() -> argparse.Namespace:
    parser = Parser(prog="truevar benchmark", description=__doc__)
    parser.add_argument("--model", default="default")
    parser.add_argument("--scenes", nargs="+", default=list(PLAN), choices=sorted(SCENES))
    parser.add_argument("--densities", nargs="+", type=above_zero, help="default: the protocol's")
    parser.add_argument(
        "--frames", type=whole(1), default=30, help="per scene and density, all backgrounds (30)"
    )
    parser.add_argument(
        "--limit-frames", type=whole(1), default=4, help="for the limits, per background (4)"
    )
    parser.add_argument("--seed", type=whole(0), default=SCORING_SEED)
    parser.add_argument("--picasso", metavar="PYTHON", help="of an environment with Picasso")
    parser.add_argument(
        "--peer",
        metavar="'NAME=COMMAND'",
        action="append",
        default=[],
        help="another program: {movie}, {table}, {psf_sigma} and {pixel_size} are filled in",
    )
    parser.add_argument("--keep", type=Path, default=Path("benchmark-kept"), metavar="FOLDER")
    parser.add_argument(
        "--overwrite", action="store_true", help="measure anew what is kept of these scenes"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=ROOT / "docs" / "results",
        metavar="FOLDER",
        help="for benchmark.md, .png and .json (docs/results of the clone)",
    )
    parser.add_argument(
        "--json", metavar="FILE", help="only the figures of the scenes named, - for the terminal"
    )
    return parser.parse_args()


def peer(text: str) -> tuple[str, str]:
    name, _, command = text.partition("=")
    name = name.strip()
    if not (name and "{movie}" in command and "{table}" in command):
        raise UserError(f"--peer {text!r}: give 'NAME=COMMAND' with {{movie}} and {{table}} in it")
    if name in (*NOT_PEERS, "picasso"):
        raise UserError(f"--peer {text!r}: {name} has a meaning here; take another name")
    return name, command


def kept(path: Path, settings: dict[str, Any]) -> dict[str, Any] | None:
    """What an earlier run with these settings has found."""
    if not path.is_file():
        return None
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record if record["settings"] == settings else None


def complete(record: dict[str, Any], picasso: str | None, peers: dict[str, str]) -> bool:
    """Whether everybody who is asked for is in it, by the same command."""
    there = not picasso or "picasso" in record
    return there and all(record.get(n, {}).get("command") == told for n, told in peers.items())


def keep(path: Path, record: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(record, indent=1), encoding="utf-8")


def measure(
    name: str,
    density: float,
    model: TrainedModel,
    args: argparse.Namespace,
    peers: dict[str, str],
) -> dict[str, Any]:
    """Everybody on the same TIFFs."""
    with tempfile.TemporaryDirectory() as folder:
        scene = scene_score.Scene.draw(name, density, args.frames, args.seed, Path(folder))
        ours = scene_score.of_model(scene, model)
        found: dict[str, Any] = {"model": {**ours.as_dict(), "threshold": model.threshold}}
        others: dict[str, tuple[Score, dict[str, Any]]] = {}
        if args.picasso:
            others["picasso"] = scene_score.of_picasso(scene, args.picasso)
        for other, command in peers.items():
            others[other] = scene_score.of_command(scene, command), {"command": command}
        for other, (score, more) in others.items():
            ahead = scene_score.difference(ours, score)
            found[other] = {**score.as_dict(), **more, "model_ahead": ahead}
        for window in (1, 3):
            found[f"limit_{window}"] = scene_score.limits(scene, args.limit_frames, window)
    return found


def said(record: dict[str, Any]) -> str:
    parts = [
        f"{who} {what['efficiency']:.1f}"
        for who, what in record.items()
        if isinstance(what, dict) and "efficiency" in what
    ]
    return f"{record['scene']} {record['density']:g}: E " + ", ".join(parts)


if __name__ == "__main__":
    sys.exit(guarded("truevar benchmark", main))
