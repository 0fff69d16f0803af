"""Size of a report, and the time it takes to write and to open.

    python benchmarks/report.py --emitters 100000 1000000

Per number of emitters: one process runs ``truevar report`` on a Picasso table (its processor time
and that on the clock are told). Where there is a Chromium, it opens the file, and the page says
when its first paint was and when the picture was drawn from the localisations.
"""

from __future__ import annotations

import argparse
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from truevar.emitters import Emitters

PROBE = """<script>
const picture = document.getElementById("picture");
const seen = setInterval(() => {
  if (!picture.dataset.drawn) return;
  clearInterval(seen);
  const paints = performance.getEntriesByType("paint").map((one) => one.startTime);
  const told = document.createElement("pre");
  told.textContent = `paint ${Math.min(...paints)} drawn ${performance.now()} told`;
  document.body.append(told);
}, 10);
</script>"""


def filaments(n: int, size: int = 512, frames: int = 50_000) -> Emitters:
    """Emitters along lines in a field of ``size`` px of 100 nm."""
    rng = np.random.default_rng(n)
    width = size * 100.0
    line = rng.integers(0, 200, n)
    turn, place = rng.uniform(0, np.pi, 200)[line], rng.uniform(0, width, (200, 2))[line]
    along = rng.uniform(-0.3, 0.3, n) * width
    sigma = rng.lognormal(2.3, 0.4, (2, n))
    columns = {
        "frame": np.sort(rng.integers(0, frames, n)),
        "x": np.clip(place[:, 0] + along * np.cos(turn) + rng.normal(0, sigma[0]), 0, width - 100),
        "y": np.clip(place[:, 1] + along * np.sin(turn) + rng.normal(0, sigma[1]), 0, width - 100),
        "photons": rng.lognormal(7, 0.5, n),
        "bg": rng.normal(20, 2, n),
        "sigma_x": sigma[0],
        "sigma_y": sigma[1],
        "prob": rng.uniform(0.7, 1, n),
    }
    meta = {"pixel_size": 100.0, "width": size, "height": size, "frames": frames}
    return Emitters(columns, meta)


def opened(page: Path) -> str:
    """First paint and first drawing in a browser, ms from the start of loading."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        return "no browser here"
    text = page.read_text(encoding="utf-8")
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text, count=1)
    probed = page.with_name("probed.html")
    probed.write_text(text.replace("</body>", f"{PROBE}</body>"), encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1280,900"]
    command += [f"--user-data-dir={page.parent / 'profile'}", "--timeout=15000", "--dump-dom"]
    done = subprocess.run([*command, probed.as_uri()], capture_output=True, text=True, check=True)
    told = re.search(r"paint ([\d.]+) drawn ([\d.]+) told", done.stdout)
    if told is None:
        return "the page was not ready in time"
    return f"first paint {float(told[1]):.0f} ms, picture drawn {float(told[2]):.0f} ms"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--emitters", nargs="+", type=int, default=[100_000, 1_000_000])
    args = parser.parse_args()
    for n in args.emitters:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            filaments(n).write(folder / "t.hdf5")
            command = [sys.executable, "-m", "truevar", "report", str(folder / "t.hdf5")]
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            began = time.perf_counter()
            subprocess.run(
                [*command, "-o", str(folder / "r.html")], check=True, stdout=subprocess.DEVNULL
            )
            clock = time.perf_counter() - began
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            size = (folder / "r.html").stat().st_size / 1e6
            print(
                f"{n:,} emitters: {size:.1f} MB, {spent:.1f} s of processor, {clock:.1f} s of clock"
            )
            print(f"  opened: {opened(folder / 'r.html')}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
