"""Find emitters at every scale, and at resolutions beyond the camera's; see --help."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "src"))

from truevar.doors import enter  # noqa: E402

if __name__ == "__main__":
    raise SystemExit(enter("inference"))
