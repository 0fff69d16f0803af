"""Three simulated frames that come with the package, with their truth.

README.md in this folder has the command that made them.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path


def sample_movie() -> Path:
    """The movie: an ImageJ TIFF, 3 frames of 160 × 160 px, with pixel size and camera."""
    return _folder() / "frames.tif"


def sample_truth() -> Path:
    """Its emitters: a ThunderSTORM table, with PSF width and camera beside it."""
    return _folder() / "truth.csv"


def _folder() -> Path:
    return Path(str(resources.files("truevar") / "samples"))
