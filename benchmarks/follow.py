"""How late ``truevar localize --follow`` is behind the microscope.

    python benchmarks/follow.py --rate 50 --size 64 --seconds 60

A process of its own writes a simulated movie (2d-scmos) as a TIFF, or as files into a folder, a
frame every 1/rate seconds, and notes when each was written. It is followed meanwhile; a frame is
done when progress tells so. The table is then held against that of a run after the fact.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=50.0, help="frames per second")
    parser.add_argument("--size", type=int, default=64, help="px")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--density", type=float, default=1.0, help="per µm²")
    parser.add_argument("--folder", action="store_true", help="a file per frame")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--idle", type=float, default=3.0)
    parser.add_argument("--writer", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.writer:
        return write(Path(args.writer[0]), Path(args.writer[1]), float(args.writer[2]))
    import torch

    from truevar.device import keep_freed_memory
    from truevar.simulation.scenes import simulate

    torch.set_num_threads(args.threads)
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        frames = simulate(
            "2d-scmos", args.density, round(args.rate * args.seconds), args.size, seed=77
        ).frames()
        np.save(folder / "frames.npy", frames)
        movie = folder / ("movie" if args.folder else "movie.tif")
        if args.folder:
            movie.mkdir()
        command = [sys.executable, __file__, "--writer", folder / "frames.npy", movie]
        writer = subprocess.Popen([*command, str(args.rate)], stdout=subprocess.PIPE)
        done, same = follow(movie, folder, args.idle)
        assert writer.stdout is not None
        written = json.loads(writer.stdout.read())
        assert writer.wait() == 0
    first = np.searchsorted([count for count, _ in done], np.arange(len(frames)), side="right")
    late = np.array([done[k][1] for k in first]) - np.array(written)
    inner = late[: -args.size]  # the last ones wait for the end
    print(
        f"{len(frames)} frames of {args.size}x{args.size} px at {args.rate:g} per second, "
        f"{args.density:g} per µm², {args.threads} threads, "
        f"{'a folder' if args.folder else 'a TIFF'}"
    )
    print(
        f"late: median {np.median(inner):.2f} s, 99 % {np.quantile(inner, 0.99):.2f} s, "
        f"at most {inner.max():.2f} s"
    )
    print(f"the table of a run after the fact: {'the same' if same else 'ANOTHER'}")
    return 0 if same else 1


def follow(movie: Path, folder: Path, idle: float) -> tuple[list[tuple[int, float]], bool]:
    """When how many frames were done, and whether the table is that of a run after the fact."""
    from truevar.camera import SCMOS
    from truevar.inference.asked import Asked
    from truevar.inference.follow import Following, follow_to_disk
    from truevar.inference.journal import Journal
    from truevar.inference.localize import localize_to_disk

    asked = Asked(pixel_size=100.0, psf_sigma=130.0, camera=SCMOS)
    done: list[tuple[int, float]] = []
    tables = [folder / f"{name}.csv" for name in ("followed", "after")]
    with Journal(tables[0]) as journal:
        follow_to_disk(
            movie,
            journal,
            asked,
            Following(idle),
            progress=lambda count, *_: done.append((count, time.time())),
        ).write(tables[0])
        journal.remove()
    with Journal(tables[1]) as journal:
        localize_to_disk(movie, journal, asked).write(tables[1])
        journal.remove()
    return done, tables[0].read_bytes() == tables[1].read_bytes()


def write(source: Path, movie: Path, rate: float) -> int:
    """Be the microscope."""
    import tifffile

    frames = np.load(source)
    written = []
    time.sleep(8)  # until the other one is ready
    begin = time.time()
    file = None if movie.is_dir() else tifffile.TiffWriter(movie)
    for number, frame in enumerate(frames):
        time.sleep(max(begin + number / rate - time.time(), 0))
        if file is None:
            tifffile.imwrite(movie / f"img_{number:06d}.tif", frame)
        else:
            file.write(frame, contiguous=False, metadata=None, photometric="minisblack")
            file.filehandle.flush()
        written.append(time.time())
    if file is not None:
        file.close()
    print(json.dumps(written))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
