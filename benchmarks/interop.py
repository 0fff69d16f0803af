"""Do Picasso and locan read our tables as we mean them?

Needs each program in an environment of its own (neither is a dependency):

    python3.11 -m venv /tmp/env-picasso && /tmp/env-picasso/bin/pip install "picassosr==0.11.*"
    python3.11 -m venv /tmp/env-locan && /tmp/env-locan/bin/pip install "locan==0.22.*"
    python benchmarks/interop.py --picasso /tmp/env-picasso/bin/python \\
        --locan /tmp/env-locan/bin/python

Writes a table with known positions, reads it with the other program's own
reader, prints the largest differences, and exits with 1 if a position is off by
more than 0.01 px or a row is missing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from truevar.emitters import Emitters
from truevar.io.tables.table import read_emitters, write_emitters

PIXEL, WIDTH, HEIGHT, FRAMES = 107.5, 96, 64, 500

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
from locan.locan_io.locdata.thunderstorm_io import load_thunderstorm_file
data = load_thunderstorm_file(sys.argv[1]).data
pixel = float(sys.argv[2])
rows = {name: [float(v) for v in data[name]] for name in data.columns}
rows["x"] = [v / pixel - 0.5 for v in rows.pop("position_x")]  # nm as they are in the file
rows["y"] = [v / pixel - 0.5 for v in rows.pop("position_y")]
rows["frame"] = [v - 1 for v in rows["frame"]]
rows["photons"] = rows.pop("intensity")
print(json.dumps({"version": version("locan"), "rows": rows}))
"""


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


def compare(name: str, python: str, code: str, path: Path, table: Emitters) -> bool:
    """Read ``path`` elsewhere, print the differences, tell whether they are small."""
    done = subprocess.run(
        [python, "-W", "ignore", "-c", code, str(path), str(PIXEL)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(f"{name}: could not read\n{done.stderr[-1000:]}")
        return False
    said = json.loads(done.stdout.strip().splitlines()[-1])
    rows = {key: np.array(values) for key, values in said["rows"].items()}
    print(f"{name} {said['version']}: {len(rows['x'])} of {len(table)} rows")
    if len(rows["x"]) != len(table):
        return False
    good = True
    # Picasso's table holds the outer half pixel at 0 (truevar.io.tables.picasso).
    inside = {
        a: table[a] >= 0 if path.suffix == ".hdf5" else np.full(len(table), True) for a in "xy"
    }
    for axis in "xy":
        off = np.abs(rows[axis] - table[axis] / PIXEL)
        good &= bool(off[inside[axis]].max() < 0.01)
        moved = int((~inside[axis]).sum())
        print(
            f"  {axis}: off by {off[inside[axis]].max():.2g} px at most"
            + (f"; {moved} rows moved to 0 by {off[~inside[axis]].max():.2g} px" if moved else "")
        )
    frames = int(np.abs(rows["frame"] - table.frame).max())
    photons = float(np.abs(rows["photons"] - table.photons).max())
    print(f"  frames: off by {frames}; photons: off by {photons:.2g}; columns: {', '.join(rows)}")
    return good and frames == 0


def main() -> int:
    """Run the comparison; 0 if all is well."""
    parser = argparse.ArgumentParser(description="read our tables with other programs")
    parser.add_argument("--picasso", metavar="PYTHON", help="a Python that has picassosr")
    parser.add_argument("--locan", metavar="PYTHON", help="a Python that has locan")
    given = parser.parse_args()
    table = known_table()
    good = True
    with tempfile.TemporaryDirectory() as folder:
        csv, hdf5 = Path(folder, "known.csv"), Path(folder, "known.hdf5")
        for path in (csv, hdf5):
            write_emitters(table, path)
            back = read_emitters(path)
            worst = max(float(np.abs(back[axis] - table[axis]).max()) for axis in "xy")
            print(f"our own reader of {path.suffix}: off by {worst / PIXEL:.2g} px at most")
        if given.picasso:
            good &= compare("Picasso, .hdf5", given.picasso, _PICASSO, hdf5, table)
            good &= compare("Picasso, .csv", given.picasso, _PICASSO_CSV, csv, table)
            Path(folder, "known.yaml").unlink()
            good &= compare("Picasso, .hdf5 alone", given.picasso, _PICASSO, hdf5, table)
        if given.locan:
            good &= compare("locan, .csv", given.locan, _LOCAN, csv, table)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
