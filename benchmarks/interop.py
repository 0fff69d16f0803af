"""Do Picasso, locan and napari-storm read our tables as we mean them?

Needs each program in an environment of its own (none is a dependency):

    python3.11 -m venv /tmp/env-picasso && /tmp/env-picasso/bin/pip install "picassosr==0.11.*"
    python3.11 -m venv /tmp/env-locan && /tmp/env-locan/bin/pip install "locan==0.22.*" h5py
    python3.11 -m venv /tmp/env-storm && /tmp/env-storm/bin/pip install "napari-storm==3.1.*" pyqt6
    python benchmarks/interop.py --picasso /tmp/env-picasso/bin/python \\
        --locan /tmp/env-locan/bin/python --napari-storm /tmp/env-storm/bin/python

Writes a table with known positions in every format that a program reads, reads it with the
program's own reader, prints a row of a Markdown table for each, and exits with 1 if a position is
off by more than 0.01 px or a row is missing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truevar.emitters import Emitters
from truevar.io.tables.table import read_emitters, write_emitters

PIXEL, WIDTH, HEIGHT, FRAMES = 107.5, 96, 64, 500
MOST_OFF = 0.01
"""px."""

# Every reader prints {"version": ..., "rows": {column: [values]}} with positions
# in camera pixels whose centres are whole numbers, and frames from 0.
_PICASSO = """
import json, sys
from importlib.metadata import version
from picasso import io, lib, postprocess
locs, info = io.load_locs(sys.argv[1])
postprocess.link(locs.copy(), info, 1.0, 1)
rows = {name: [float(v) for v in locs[name]] for name in locs.columns}
rows["pixelsize"] = [float(lib.get_from_metadata(info, "Pixelsize"))]
print(json.dumps({"version": version("picassosr"), "rows": rows}))
"""
_PICASSO_CSV = """
import json, sys
from importlib.metadata import version
from picasso import io
locs, info = io.import_ts(sys.argv[1], float(sys.argv[2]))
rows = {name: [float(v) for v in locs[name]] for name in locs.columns}
rows["x"] = [v - 0.5 for v in rows["x"]]  # it takes nm over pixel size, corner origin and all
rows["y"] = [v - 0.5 for v in rows["y"]]
print(json.dumps({"version": version("picassosr"), "rows": rows}))
"""
_LOCAN = """
import json, logging, sys
logging.disable(logging.CRITICAL)
from importlib.metadata import version
import locan
data = getattr(locan, "{load}")(sys.argv[1]).data
pixel = float(sys.argv[2])
rows = {{name: [float(v) for v in data[name]] for name in data.columns}}
rows["x"] = [v / {unit} - {origin} for v in rows.pop("{x}")]
rows["y"] = [v / {unit} - {origin} for v in rows.pop("{y}")]
rows["frame"] = [v - {first} for v in rows["frame"]]
rows["photons"] = rows.pop("intensity")
print(json.dumps({{"version": version("locan"), "rows": rows}}))
"""
_NAPARI_STORM = """
import json, os, sys
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
from importlib.metadata import version
from types import SimpleNamespace
from napari_storm.core import PIXEL_SIZE_NM, StaticMetadataProvider
from napari_storm.FileToLocalizationDataInterface import FileToLocalizationDataInterface
answers = {{PIXEL_SIZE_NM: sys.argv[2]}} if {asks} else {{}}  # a question without one is an error
opened = FileToLocalizationDataInterface(
    SimpleNamespace(localization_datasets=[]), metadata_provider=StaticMetadataProvider(answers)
)
(data,) = opened.open_known_filetype_and_import_dataset(sys.argv[1])
pixel = float(sys.argv[2])
rows = {{name: [float(v) for v in data.locs_all[name]] for name in data.locs_all.dtype.names}}
for axis in "xy":
    nm = [v * data.pixelsize_nm for v in rows.pop(axis + "_pos_pixels")]
    rows[axis] = [v / pixel - {origin} for v in nm]
rows["frame"] = [v - {first} for v in rows.pop("frame_number")]
photons = rows.pop("photon_count")
if data.photon_count_present:
    rows["photons"] = photons
print(json.dumps({{"version": version("napari-storm"), "rows": rows}}))
"""


@dataclass(frozen=True)
class Reader:
    """A program's way to read one format.

    Attributes:
        program: as it is called.
        option: that names its Python.
        file: name of the table.
        code: prints what it has read.
        without: a file beside the table that is taken away first.
    """

    program: str
    option: str
    file: str
    code: str
    without: str = ""


def _storm(origin: float, first: int, asks: bool = False) -> str:
    return _NAPARI_STORM.format(origin=origin, first=first, asks=asks)


def _locan(load: str, x: str = "position_x", y: str = "position_y", **how: Any) -> str:
    return _LOCAN.format(load=load, x=x, y=y, **how)


CORNER: dict[str, Any] = {"origin": 0.5, "first": 1}
"""Positions count from the first pixel's corner, frames from 1."""

CENTRE: dict[str, Any] = {"origin": 0.0, "first": 0}

READERS = (
    Reader("Picasso", "picasso", "known.hdf5", _PICASSO),
    Reader("Picasso", "picasso", "known.csv", _PICASSO_CSV),
    Reader("Picasso", "picasso", "alone.hdf5", _PICASSO, without="alone.yaml"),
    Reader("locan", "locan", "known.csv", _locan("load_thunderstorm_file", unit="pixel", **CORNER)),
    Reader(
        "locan",
        "locan",
        "known.h5",
        _locan("load_decode_file", x="position_y", y="position_x", unit="1", **CENTRE),
    ),
    Reader("locan", "locan", "known.smlm", _locan("load_SMLM_file", unit="pixel", **CENTRE)),
    Reader("napari-storm", "napari_storm", "known.hdf5", _storm(**CENTRE)),
    Reader("napari-storm", "napari_storm", "known.csv", _storm(**CORNER)),
    Reader("napari-storm", "napari_storm", "known.smlm", _storm(**CENTRE, asks=True)),
    Reader(
        "napari-storm",
        "napari_storm",
        "alone.hdf5",
        _storm(**CENTRE),
        without="alone.yaml",
    ),
)


def known_table(rows: int = 2000) -> Emitters:
    """Emitters all over the field, its outer half pixels included."""
    random = np.random.default_rng(1)
    edge = 0.499
    return Emitters(
        {
            "frame": np.sort(np.r_[0, random.integers(0, FRAMES, rows - 2), FRAMES - 1]),
            "x": random.uniform(-edge, WIDTH - 1 + edge, rows) * PIXEL,
            "y": random.uniform(-edge, HEIGHT - 1 + edge, rows) * PIXEL,
            "photons": random.uniform(200, 5000, rows),
            "bg": random.uniform(5, 80, rows),
            "sigma_x": random.uniform(3, 30, rows),
            "sigma_y": random.uniform(3, 30, rows),
            "psf_sigma": np.full(rows, 130.0),
            "prob": random.uniform(0.5, 1, rows),
        },
        {"pixel_size": PIXEL, "width": WIDTH, "height": HEIGHT, "frames": FRAMES},
    )


def compare(reader: Reader, python: str, folder: Path, table: Emitters) -> tuple[bool, list[str]]:
    """Whether the differences are small; the row that tells them."""
    path = folder / reader.file
    done = subprocess.run(
        [python, "-W", "ignore", "-c", reader.code, str(path), str(PIXEL)],
        capture_output=True,
        text=True,
        check=False,
    )
    named = f"`{path.suffix}`" + (
        f" without `{Path(reader.without).suffix}`" * bool(reader.without)
    )
    if done.returncode:
        print(f"{reader.program}, {named}: could not read\n{done.stderr[-1000:]}", file=sys.stderr)
        return False, [reader.program, named, "not read", "", "", "", ""]
    said = json.loads(done.stdout.strip().splitlines()[-1])
    rows = {key: np.array(values) for key, values in said["rows"].items()}
    print(f"{reader.program}, {named}: columns {', '.join(rows)}", file=sys.stderr)
    cells = [f"{reader.program} {said['version']}", named, f"{len(rows['x'])} of {len(table)}"]
    if len(rows["x"]) != len(table):
        return False, [*cells, "", "", "", ""]
    inside = known_places(path, table)
    off = max(np.abs(rows[a] - table[a] / PIXEL)[inside[a]].max() for a in "xy")
    moved = int((~inside["x"] | ~inside["y"]).sum())
    frames = int(np.abs(rows["frame"] - table.frame).max())
    photons = "not read"
    if "photons" in rows:
        photons = f"{100 * np.abs(rows['photons'] / table.photons - 1).max():.1g} %"
    cells += [f"{off:.1g} px", f"{moved}", f"{frames}", photons]
    return bool(off < MOST_OFF and frames == 0), cells


def known_places(path: Path, table: Emitters) -> dict[str, NDArray[np.bool_]]:
    """Which positions the file holds as they are: Picasso's has the outer half pixel at 0.

    (:mod:`truevar.io.tables.picasso` says why.)
    """
    everywhere = np.full(len(table), True)
    return {a: table[a] >= 0 if path.suffix == ".hdf5" else everywhere for a in "xy"}


def main() -> int:
    """Run the comparison; 0 if all is well."""
    parser = argparse.ArgumentParser(description="read our tables with other programs")
    parser.add_argument("--picasso", metavar="PYTHON", help="a Python that has picassosr")
    parser.add_argument("--locan", metavar="PYTHON", help="a Python that has locan")
    parser.add_argument("--napari-storm", metavar="PYTHON", help="a Python that has napari-storm")
    given = parser.parse_args()
    table = known_table()
    good = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in sorted({reader.file for reader in READERS}):
            write_emitters(table, folder / file)
            back = read_emitters(folder / file)
            worst = max(float(np.abs(back[axis] - table[axis]).max()) for axis in "xy")
            print(f"our own reader, {file}: {worst / PIXEL:.2g} px at most", file=sys.stderr)
        print("| read by | table | rows | positions | moved to 0 | frames | photons |")
        print("|---|---|---|---|---|---|---|")
        for reader in READERS:
            python = getattr(given, reader.option)
            if python is None:
                continue
            if reader.without:
                (folder / reader.without).unlink(missing_ok=True)
            well, cells = compare(reader, python, folder, table)
            good &= well
            print("| " + " | ".join(cells) + " |", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
