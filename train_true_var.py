"""Train the model that a configuration describes; see --help."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "src"))

from truevar.doors import enter  # noqa: E402

if __name__ == "__main__":
    raise SystemExit(enter("train"))
