"""Which of an image's axes are frames: one run of them, or a line on what there is besides."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from truevar.errors import UserError

_NAMES = {"T": "time", "Z": "slices", "C": "channels", "S": "samples", "R": "positions"}
_NAMES |= {"P": "positions", "V": "views", "B": "blocks", "H": "phases", "I": "illuminations"}
_NO_TIME = frozenset(_NAMES) - {"T"}
"""Of an axis that has another name nobody knows: it may be what a program calls its frames."""
MOST_CHANNELS = 4
"""Up to so many "channels" are colours; more are frames that someone mislabelled."""

FIJI = (
    "save one channel or slice as a movie of its own (in Fiji: Image > Duplicate), or, if these "
    "are all frames, say so there (Image > Properties)"
)
"""What to do about a TIFF."""
EXPORT = "export one channel, slice and position as a movie of its own"
"""What to do about a microscope maker's file, which Fiji opens as well."""


def run_of_frames(
    axes: Iterable[tuple[str, int]], path: Path, remedy: str, mislabelled: bool = False
) -> tuple[str | None, int]:
    """The axis that is time, and its length.

    Args:
        axes: letter and length of every axis but y and x.
        path: the file, for the message.
        remedy: what the user can do about more axes.
        mislabelled: slices or many channels may be frames too, for programs write so.
            Otherwise they, and positions, are what they say.

    Returns:
        (letter, frames), or (None, 1) where no axis is longer than one.

    Raises:
        UserError: other axes are longer than one.
    """
    long = [(axis, int(length)) for axis, length in axes if length != 1]
    if not long:
        return None, 1
    axis, length = long[0]
    colours = axis == "C" and length <= MOST_CHANNELS
    usable = not colours if mislabelled else axis not in _NO_TIME
    if len(long) > 1 or not usable:
        said = ", ".join(f"{_NAMES.get(one, one)}: {count}" for one, count in long)
        raise UserError(
            f"{path} has axes beside y and x that are not one run of frames ({said}); {remedy}"
        )
    return axis, length
