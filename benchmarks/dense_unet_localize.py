"""Localise a movie with the yardstick, a dense U-Net.

    python benchmarks/dense_unet_localize.py movie.tif table.csv --psf-sigma 130
    truevar benchmark -- --peer "dense U-Net=python benchmarks/dense_unet_localize.py {movie} \\
        {table} --psf-sigma {psf_sigma}"

The camera comes from the movie's tags, as for our own models.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import truevar
from truevar.calibration.imaging_setup import find_setup
from truevar.io.movies.movie import open_movie

sys.path.insert(0, str(Path(__file__).parent))
from dense_unet import load, localize

WEIGHTS = Path(__file__).parent / "weights" / "dense-unet.safetensors"
THRESHOLD = 0.6
"""With the best E on 2d-scmos at 1 to 4 per µm², of seeds that are not scored."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("movie")
    parser.add_argument("table")
    parser.add_argument("--psf-sigma", type=float, required=True, help="nm")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--min-prob", type=float, default=THRESHOLD)
    parser.add_argument("--refine", action=argparse.BooleanOptionalAction, default=False)
    args = parser.parse_args()
    with open_movie(args.movie) as movie:
        setup = find_setup(movie, psf_sigma=args.psf_sigma)
        frames_NHW = movie.read(0, len(movie))
    found = localize(
        load(args.weights),
        frames_NHW,
        setup.camera,
        args.psf_sigma,
        setup.pixel_size,
        args.min_prob,
        args.refine,
    )
    found.meta["pixel_size"] = setup.pixel_size
    truevar.write(found, args.table, overwrite=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
