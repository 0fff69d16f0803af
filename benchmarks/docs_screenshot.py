"""docs/site.png: pages of the documentation's site side by side, as a browser shows them.

    make docs
    python benchmarks/docs_screenshot.py docs/site.png

It needs Chromium (or Chrome), which opens the pages of site/ from the disk.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

PAGES = ("index.html", "howto/camera.html", "reference/commands.html")
SIZE = (1280, 900)
SHRUNK = (800, 562)
GAP = 12


def main() -> None:
    """Open every page, put the pictures side by side."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=Path)
    parser.add_argument("--site", type=Path, default=Path("site"), help="(default: site)")
    parser.add_argument("--pages", nargs="+", default=PAGES, help="of the site")
    args = parser.parse_args()
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        parser.error("there is no chromium or google-chrome here; install one")
    if not (args.site / "index.html").is_file():
        parser.error(f"there is no {args.site}/index.html; make docs first")
    side_by_side([shot(browser, args.site / page) for page in args.pages]).save(
        args.picture, optimize=True
    )


def shot(browser: str, page: Path) -> Image.Image:
    """What the browser shows of a page at first."""
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "page.png"
        subprocess.run(
            [
                browser,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                f"--user-data-dir={folder}/profile",
                f"--window-size={SIZE[0]},{SIZE[1]}",
                "--virtual-time-budget=5000",
                f"--screenshot={picture}",
                page.resolve().as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )
        with Image.open(picture) as image:
            return image.convert("RGB").resize(SHRUNK, Image.Resampling.LANCZOS)


def side_by_side(pictures: list[Image.Image]) -> Image.Image:
    """One picture of several, with a gap between them."""
    width = len(pictures) * (SHRUNK[0] + GAP) - GAP
    whole = Image.new("RGB", (width, SHRUNK[1]), "#888888")
    for k, picture in enumerate(pictures):
        whole.paste(picture, (k * (SHRUNK[0] + GAP), 0))
    return whole.quantize(128)


if __name__ == "__main__":
    main()
