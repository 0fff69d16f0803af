"""Picasso (0.11, its identification and maximum-likelihood fit) on TIFFs, at its best settings.

It runs in an environment of its own, whose Python is named. Every local maximum is fitted once
per box; the threshold on the net gradient is swept afterwards, which is the same, for Picasso
looks at one maximum at a time.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from truevar.camera import Camera
from truevar.emitters import Emitters
from truevar.errors import UserError

BOXES = (3, 5, 7)
STEPS = 16
"""Thresholds that are tried: so many quantiles of the net gradients found."""

_CODE = """
import json, sys
from importlib.metadata import version
import numpy as np
from picasso import io, localize
what = json.load(open(sys.argv[1]))
for number, path in enumerate(what["movies"]):
    movie, _ = io.load_movie(path)
    for box in what["boxes"]:
        spots = localize.identify(movie, 0, box, threaded=False)
        spots = spots[0] if isinstance(spots, tuple) else spots
        names = ("frame", "x", "y", "photons", "bg", "lpx", "lpy", "net_gradient")
        found = {name: np.empty(0) for name in names}
        if len(spots):
            table = localize.fit(movie, camera_info=what["camera"], identifications=spots, box=box,
                                 fitting_method="gaussmle-spherical")
            table = table[0] if isinstance(table, tuple) else table
            found = {name: np.asarray(table[name], dtype=float) for name in names}
        np.savez(f"{sys.argv[2]}/{number}-{box}.npz", **found)
print(version("picassosr"))
"""

Tables = list[Emitters]
"""Of every movie, in order."""


@dataclass(frozen=True)
class Best:
    """Picasso's answers at the settings that serve it best.

    Attributes:
        tables: of every movie.
        box: px.
        gradient: least net gradient.
        version: of Picasso.
    """

    tables: Tables
    box: int
    gradient: float
    version: str

    @property
    def settings(self) -> dict[str, Any]:
        """What is worth telling, for JSON."""
        return {"box": self.box, "gradient": round(self.gradient), "version": self.version}


def at_its_best(
    python: str,
    movies: Sequence[Path],
    camera: Camera,
    pixel_size: float,
    worth: Callable[[Tables], Any],
    boxes: Sequence[int] = BOXES,
    gradients: Sequence[float] | None = None,
) -> Best:
    """Localise movies of one camera with whatever box and threshold are worth most.

    Args:
        python: of an environment with Picasso.
        movies: TIFFs.
        camera: what they were taken with.
        pixel_size: nm.
        worth: tells how good the tables of all movies are, by what can be compared; the settings
            are common to them.
        boxes: to try, px.
        gradients: thresholds to try; :data:`STEPS` quantiles of those found if None.

    Raises:
        UserError: Picasso fails; with the last lines of what it said.
    """
    with tempfile.TemporaryDirectory() as folder:
        version = _run(python, movies, camera, boxes, Path(folder))
        best: tuple[Any, Best] | None = None
        for box in boxes:
            tables = [
                _table(Path(folder, f"{number}-{box}.npz"), pixel_size)
                for number in range(len(movies))
            ]
            found = np.concatenate([table["net_gradient"] for table in tables])
            if len(found) == 0:
                continue
            if gradients is None:
                tried = np.unique(np.quantile(found, np.linspace(0, 0.98, STEPS))).tolist()
            else:
                tried = list(gradients)
            for gradient in tried:
                kept = [table.select(table["net_gradient"] >= gradient) for table in tables]
                value = worth(kept)
                if best is None or value > best[0]:
                    best = value, Best(kept, box, gradient, version)
    if best is None:
        raise UserError("Picasso finds nothing at all; is it the right movie?")
    return best[1]


def _run(
    python: str, movies: Sequence[Path], camera: Camera, boxes: Sequence[int], folder: Path
) -> str:
    """Let Picasso fit everything into files of the folder; its version."""
    told = camera.describe()
    names = {"Baseline": "baseline", "Sensitivity": "e_per_adu", "Gain": "em_gain"}
    what = {
        "movies": [str(path) for path in movies],
        "boxes": list(boxes),
        "camera": {**{theirs: told[ours] for theirs, ours in names.items()}, "Qe": 1.0},
    }
    asked = folder / "asked.json"
    asked.write_text(json.dumps(what), encoding="utf-8")
    command = [python, "-W", "ignore", "-c", _CODE, str(asked), str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise UserError(f"cannot run {python}: {error.strerror}") from error
    if done.returncode:
        last = " ".join(done.stderr.strip().splitlines()[-2:])
        raise UserError(f"{python} cannot run Picasso: {last}")
    return done.stdout.split()[-1]


def _table(path: Path, pixel_size: float) -> Emitters:
    """Picasso's rows: lengths in px, pixels centred on whole numbers as here."""
    with np.load(path) as given:
        columns = {name: given[name] for name in given.files}
    kept = np.all([np.isfinite(columns[name]) for name in ("x", "y")], axis=0)
    columns = {name: values[kept] for name, values in columns.items()}
    lengths = {"x": "x", "y": "y", "sigma_x": "lpx", "sigma_y": "lpy"}
    rest = {name: columns[name] for name in ("frame", "photons", "bg", "net_gradient")}
    return Emitters({**{a: pixel_size * columns[b] for a, b in lengths.items()}, **rest})
