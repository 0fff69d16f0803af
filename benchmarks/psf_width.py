"""What is lost where the PSF's width is not given but estimated: E of both ways on the same frames.

    python benchmarks/psf_width.py --json docs/results/psf-width.json --more 2

Three movies of 64×64 px for every 2D scene and density, one at each of the scene's backgrounds
(of ``2d-widths`` all three at its only one), written as TIFFs that say the camera and the pixel but
not the PSF. Each is localised twice as a user would, with the true width and without; the
estimate sees the whole movie, the score leaves the first and the last frames out (scene_score.py).
Of --more movies at each background the width alone is asked, so that rare failures show.
Every row is kept in --json as soon as it is there; the next run with the same settings goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import scene_score

import truevar
from truevar.emitters import Emitters
from truevar.inference.asked import Asked
from truevar.io.movies.movie import open_movie
from truevar.io.movies.write import write_tiff
from truevar.model.weights import TrainedModel, load_model
from truevar.simulation.scenes import SCENES, simulate

SEED = 2_017_000
BAR = {"width": 4.0, "efficiency": 1.0}
"""Percent of the width and points of E that the estimate may be off."""

ROWS: tuple[tuple[str, float], ...] = (
    *(("2d-scmos", density) for density in (0.2, 1.0, 2.0, 4.0)),
    *(
        (name, density)
        for name in ("2d-emccd", "2d-dim", "2d-structured", "filaments")
        for density in (0.2, 1.0, 2.0)
    ),
    *((f"2d-widths-{width}", density) for width in (80, 130, 180, 220) for density in (0.2, 1.0)),
    ("2d-scmos", 8.0),
    ("2d-emccd", 4.0),
    ("2d-emccd", 8.0),
    ("filaments", 4.0),
    *((f"2d-widths-{width}", 2.0) for width in (80, 130, 180, 220)),
)
"""In this order they get their seeds, so a new one belongs at the end."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="default")
    parser.add_argument("--scenes", nargs="+", choices=sorted({name for name, _ in ROWS}))
    parser.add_argument("--densities", nargs="+", type=float)
    parser.add_argument("--frames", type=int, default=34, help="scored in each movie")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--more", type=int, default=0, help="movies per background, width only")
    parser.add_argument(
        "--json", type=Path, required=True, help="where rows are kept; those of other settings go"
    )
    args = parser.parse_args()

    model = load_model(args.model)
    settings = scene_score.made_with(model, args.frames, args.seed)
    rows = kept(args.json, settings)
    for number, (name, density) in enumerate(ROWS):
        if args.scenes and name not in args.scenes:
            continue
        if args.densities and density not in args.densities:
            continue
        # Other movies for every row, so that no row repeats another's luck.
        seed = args.seed + 100 * number
        row = rows.setdefault((name, density), {"scene": name, "density": density, "more": []})
        with tempfile.TemporaryDirectory() as folder:
            if "given" not in row:
                row |= measure(drawn(name, density, args.frames, seed, Path(folder)), model)
                keep(args.json, settings, rows)
            for further in range(len(row["more"]) // len(SCENES[name].backgrounds), args.more):
                apart = seed + 10_000 * (further + 1)
                scene = drawn(name, density, args.frames, apart, Path(folder))
                row["more"] += [
                    100 * (width_of(path, model) / movie.psf_sigma - 1)
                    for movie, path in zip(scene.movies, scene.paths, strict=True)
                ]
                keep(args.json, settings, rows)
        print(row, file=sys.stderr, flush=True)
    print("\n".join(table(in_order(rows))))
    return 0


def kept(path: Path, settings: dict[str, Any]) -> dict[tuple[str, float], dict[str, Any]]:
    """Rows of an earlier run with these settings, by scene and density."""
    if not path.is_file():
        return {}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    rows = found["rows"] if found["settings"] == settings else []
    return {(row["scene"], row["density"]): row for row in rows}


def keep(
    path: Path, settings: dict[str, Any], rows: dict[tuple[str, float], dict[str, Any]]
) -> None:
    text = json.dumps({"settings": settings, "rows": in_order(rows)}, indent=1) + "\n"
    path.write_text(text, encoding="utf-8")


def in_order(rows: dict[tuple[str, float], dict[str, Any]]) -> list[dict[str, Any]]:
    """By scene, then by density."""
    names = list(dict.fromkeys(name for name, _ in ROWS))
    return [rows[key] for key in sorted(rows, key=lambda key: (names.index(key[0]), key[1]))]


def drawn(name: str, density: float, frames: int, seed: int, folder: Path) -> scene_score.Scene:
    """A movie at each of the three backgrounds, the same one thrice where a scene has only one."""
    movies, paths = [], []
    for number, level in enumerate(SCENES[name].backgrounds):
        length = frames + 2 * scene_score.EDGE
        movie = simulate(name, density, length, scene_score.SIZE, seed + 17 * number, level)
        paths.append(folder / f"{number}.tif")
        pages = movie.frames()
        write_tiff(paths[-1], iter(pages), pages.shape, movie.pixel_size, movie.camera.describe())
        movies.append(movie)
    return scene_score.Scene(movies, paths, frames)


def width_of(path: Path, model: TrainedModel) -> float:
    """The width in nm that localising takes, without localising."""
    with open_movie(path) as part:
        return float(Asked(model=model).setup_of(part).psf_sigma)


def measure(scene: scene_score.Scene, model: TrainedModel) -> dict[str, Any]:
    """One row: widths in px, errors in percent, E in points."""
    given: list[Emitters] = []
    left: list[Emitters] = []
    widths = []
    for movie, path in zip(scene.movies, scene.paths, strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the model's domain, and of doubtful widths
            given.append(truevar.localize(path, model=model, psf_sigma=movie.psf_sigma))
            left.append(truevar.localize(path, model=model))
        meta = left[-1].meta
        # Only the width may differ.
        assert given[-1].meta["camera"] == meta["camera"]
        assert given[-1].meta["pixel_size"] == meta["pixel_size"]
        about = [line for line in (*meta["notes"], *meta["warnings"]) if "PSF width" in line]
        widths.append(
            {
                "background": movie.emitters.meta["background"],
                "found_px": meta["psf_sigma"] / movie.pixel_size,
                "error_percent": 100 * (meta["psf_sigma"] / movie.psf_sigma - 1),
                "by": "emitters" if any("that the model finds" in x for x in about) else "spots",
                "said": about,
            }
        )
    scores = [scene.score(tables) for tables in (given, left)]
    return {
        "true_px": scene.movies[0].psf_sigma / scene.movies[0].pixel_size,
        "widths": widths,
        "given": scores[0].efficiency,
        "estimated": scores[1].efficiency,
        "difference": scene_score.difference(scores[1], scores[0]),
    }


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Markdown; what misses the bar is bold."""
    lines = [
        "| scene | density /µm² | true width px | estimated px | worst error "
        "| further movies: worst, beyond the bar | E, width given | E, width estimated "
        "| difference (95 %) |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        worst = max((one["error_percent"] for one in row["widths"]), key=abs)
        value, (low, high) = row["difference"]["value"], row["difference"]["interval"]
        cells = [
            row["scene"],
            f"{row['density']:g}",
            f"{row['true_px']:.2f}",
            ", ".join(f"{one['found_px']:.2f}" for one in row["widths"]),
            bold(f"{signed(worst)} %", abs(worst) > BAR["width"]),
            of_more(row["more"]),
            f"{row['given']:.1f}",
            f"{row['estimated']:.1f}",
            bold(signed(value), value < -BAR["efficiency"]) + f" ({signed(low)} … {signed(high)})",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def of_more(errors: list[float]) -> str:
    """Of movies whose width alone was asked."""
    if not errors:
        return "–"
    beyond = sum(abs(error) > BAR["width"] for error in errors)
    text = f"{signed(max(errors, key=abs))} %, {beyond} of {len(errors)}"
    return bold(text, beyond > 0)


def signed(value: float) -> str:
    text = f"{value:+.1f}"
    return "0.0" if text[1:] == "0.0" else text.replace("-", "−")


def bold(text: str, so: bool) -> str:
    return f"**{text}**" if so else text


if __name__ == "__main__":
    sys.exit(main())
