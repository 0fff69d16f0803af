"""Size of a report, and the time it takes to write and to open.

    python benchmarks/report.py --emitters 100000 1000000

Per number of emitters: one process runs ``truevar report`` on a Picasso table and a movie of 512 px
(its processor time and that on the clock are told). Where there is a Chromium, it opens the file,
and the page says when its first paint was and when the picture was drawn from the localisations.
"""

from __future__ import annotations

import argparse
import queue
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np

from truevar.emitters import Emitters

PROBE = """<script>
const picture = document.getElementById("picture");
const seen = setInterval(() => {
  if (!picture.dataset.drawn) return;
  clearInterval(seen);
  const paints = performance.getEntriesByType("paint").map((one) => one.startTime);
  fetch(`/told?paint=${Math.min(...paints)}&drawn=${performance.now()}`);
}, 10);
</script>"""


def filaments(n: int, size: int = 512, frames: int = 60) -> Emitters:
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
    body = text.replace("</body>", f"{PROBE}</body>").encode()
    told: queue.Queue[dict[str, list[str]]] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/told"):
                told.put(parse_qs(urlsplit(self.path).query))
            here = body if self.path == "/" else b""
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(here)))
            self.end_headers()
            self.wfile.write(here)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu"]
        command += ["--window-size=1280,900", f"--user-data-dir={page.parent / 'profile'}"]
        command += ["--remote-debugging-port=0"]  # keeps it open
        address = f"http://127.0.0.1:{server.server_port}/"
        with subprocess.Popen([*command, address], stderr=subprocess.DEVNULL) as running:
            try:
                said = told.get(timeout=60)
            except queue.Empty:
                return "the page was not ready within a minute"
            finally:
                running.terminate()
                server.shutdown()
    paint, drawn = float(said["paint"][0]), float(said["drawn"][0])
    return f"first paint {paint:.0f} ms, picture drawn {drawn:.0f} ms"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--emitters", nargs="+", type=int, default=[100_000, 1_000_000])
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    for n in args.emitters:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            filaments(n).write(folder / "t.hdf5")
            np.save(folder / "m.npy", rng.poisson(400, (60, 512, 512)).astype(np.uint16))
            command = [sys.executable, "-m", "truevar", "report", str(folder / "t.hdf5")]
            command += ["--movie", str(folder / "m.npy")]
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
