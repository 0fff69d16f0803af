"""Kill ``truevar localize`` at random moments, go on with --resume, compare the tables.

A simulated movie is localised undisturbed. Then again and again: a run is killed (SIGKILL) after a
random time, resumed, killed again, until it ends. Every finished table must be the undisturbed
one, byte for byte.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHUNKED = (
    "import sys; from truevar.inference import chunks; chunks._CHUNK_PIXELS = {pixels}; "
    "from truevar.cli import main; sys.exit(main(sys.argv[1:]))"
)
"""The command with shorter chunks, so that a short movie has many."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--frames", type=int, default=320, help="of 32×32 px")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    draw = random.Random(args.seed)
    command = [sys.executable, "-c", CHUNKED.format(pixels=16 * 32 * 32)]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        movie = folder / "movie.tif"
        what = ["--scene", "2d-scmos", "--density", "1", "--frames", str(args.frames)]
        files = ["--size", "32", "-o", movie, "--truth", folder / "truth.csv", "--quiet"]
        subprocess.run([*command, "simulate", *what, *files], check=True)
        localize = [*command, "localize", movie, "--psf-sigma", "130", "--quiet"]
        whole, table = folder / "whole.csv", folder / "table.csv"
        began = time.monotonic()
        subprocess.run([*localize, "-o", whole], check=True)
        seconds = time.monotonic() - began
        kills = finished = 0
        while kills < args.kills or not table.exists():
            for old in (table, folder / "table.csv.yaml"):
                old.unlink(missing_ok=True)
            process = subprocess.Popen([*localize, "-o", table, "--resume"])
            try:
                # Longer than a run takes now and then, so that tables are finished, too.
                process.wait(draw.uniform(0, 1.1 * seconds) if kills < args.kills else None)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
            if table.exists():
                finished += 1
                left = list(folder.glob("*.unfinished"))
                if table.read_bytes() != whole.read_bytes():
                    print(f"after {kills} kills: another table")
                    return 1
                if process.returncode == 0 and left:
                    print(f"after {kills} kills: {left} is left")
                    return 1
        print(f"{kills} kills, {finished} tables finished in between, all the same as undisturbed")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
