"""Peak memory while localising, against the length of the movie (must be flat).

    python benchmarks/memory.py --frames 1000 20000 --density 0.2

Each length runs in a process of its own on a movie written to a temporary folder.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

CODE = """
import resource, sys
from truevar.cli import main
how = ["--psf-sigma", "130", "--quiet", "--workers", "1"]
code = main(["localize", sys.argv[1], "-o", sys.argv[2], *how])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(code, f"{peak:.0f}")
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", nargs="+", type=int, default=[1000, 20000])
    parser.add_argument("--density", type=float, default=0.2)
    parser.add_argument("--size", type=int, default=64)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for frames in args.frames:
            movie, out = Path(folder) / "movie.tif", Path(folder) / "out.hdf5"
            subprocess.run(
                [sys.executable, "-m", "truevar", "simulate", "--scene", "2d-scmos"]
                + ["--density", str(args.density), "--frames", str(frames)]
                + ["--size", str(args.size), "-o", str(movie), "--quiet"]
                + ["--truth", str(Path(folder) / "truth.csv")],
                check=True,
            )
            done = subprocess.run(
                [sys.executable, "-c", CODE, str(movie), str(out)],
                check=True,
                capture_output=True,
                text=True,
            )
            print(f"{frames} frames: exit code and peak MB {done.stdout.strip()}", flush=True)
            movie.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
