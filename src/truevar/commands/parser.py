"""Reading the command line: errors in one line, and numbers that say what they must be."""

from __future__ import annotations

import argparse
import math
import re
from typing import Any, NoReturn

from truevar.errors import UserError
from truevar.io.tables.formats import WRITTEN_NAMES

Range = tuple[int | None, int | None]


class Parser(argparse.ArgumentParser):
    """An argparse parser that raises :class:`truevar.errors.UserError` on bad input.

    Options must be written out in full, and the help keeps its line breaks.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        kwargs.setdefault("allow_abbrev", False)
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*args, **kwargs)
        # "-inf", "-1e3" and "-3:5" are values of an option, to be judged as such, and no
        # options of their own. (A private name, but without it only the message is worse.)
        self._negative_number_matcher = re.compile(r"-\.?\d|-inf|-nan", re.IGNORECASE)

    def error(self, message: str) -> NoReturn:
        """Raise the message, with a pointer to the help."""
        message = message.removeprefix("argument ")
        raise UserError(f"{message} (see {self.prog} --help)")


def add_pixel_size(parser: argparse.ArgumentParser) -> None:
    """Put the camera pixel of a table that is read onto a parser."""
    parser.add_argument(
        "--pixel-size",
        metavar="NM",
        type=above_zero,
        help="a camera pixel, nm; needed where the table does not tell",
    )


def add_format(options: argparse._ActionsContainer) -> None:
    """Put the format of the table that is written onto a parser."""
    options.add_argument(
        "--format",
        metavar="NAME",
        help=f"its format, where the ending alone would mean another: {', '.join(WRITTEN_NAMES)}",
    )


def add_gap(parser: argparse.ArgumentParser) -> None:
    """Put how long a molecule may be missing onto a parser."""
    parser.add_argument(
        "--gap",
        metavar="FRAMES",
        type=whole(0),
        default=0,
        help="frames in which a molecule may be missing (default: 0)",
    )


def add_overwrite(options: argparse._ActionsContainer) -> None:
    """Put ``--overwrite`` onto a parser, or a group of its options."""
    options.add_argument(
        "--overwrite", action="store_true", help="replace files that are there already"
    )


def above_zero(text: str) -> float:
    """A number above 0, for ``type=``."""
    return _number(text, "a number above 0", lambda number: number > 0)


def zero_or_more(text: str) -> float:
    """A number of at least 0, for ``type=``."""
    return _number(text, "0 or more", lambda number: number >= 0)


def any_number(text: str) -> float:
    """A finite number, for ``type=``."""
    return _number(text, "a number", lambda number: True)


def gain(text: str) -> float:
    """An EM gain, for ``type=``."""
    return _number(text, "at least 1 (1 switches it off)", lambda number: number >= 1)


def probability(text: str) -> float:
    """A number from 0 to 1, for ``type=``."""
    return _number(text, "a probability from 0 to 1", lambda number: 0 <= number <= 1)


def percentile(text: str) -> float:
    """A percentile above 0, for ``type=``."""
    return _number(text, "a percentile, above 0 and up to 100", lambda number: 0 < number <= 100)


def whole(least: int) -> Any:
    """A whole number of at least this, for ``type=``."""

    def convert(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number < 2**62:
            raise argparse.ArgumentTypeError(f"{text} must be a whole number of {least} or more")
        return number

    return convert


def frame_range(text: str) -> Range:
    """``A:B``, half-open, either end may be left out; for ``type=``."""
    first, last = _ends(text, "frames are given as A:B, such as 0:100, 500: or :100")
    if first is not None and last is not None and last <= first:
        raise argparse.ArgumentTypeError(
            f"{text} is an empty range; frames count from 0 and the end is not included"
        )
    return first, last


def region(text: str) -> tuple[int | None, int | None, int | None, int | None]:
    """``X0:X1,Y0:Y1`` in px, half-open; for ``type=``."""
    form = "a region is given as X0:X1,Y0:Y1 in px, such as 0:128,64:192"
    sides = text.split(",")
    if len(sides) != 2:
        raise argparse.ArgumentTypeError(f"{text} is not a region; {form}")
    return *_ends(sides[0], form), *_ends(sides[1], form)


def field(text: str) -> tuple[float, float, float, float]:
    """``X0,X1,Y0,Y1`` in µm; for ``type=``."""
    try:
        x0, x1, y0, y1 = (float(edge) for edge in text.split(","))
    except ValueError:
        x0 = x1 = y0 = y1 = math.nan
    if not all(map(math.isfinite, (x0, x1, y0, y1))):
        raise argparse.ArgumentTypeError(
            f"{text} is not a field; it is given as X0,X1,Y0,Y1 in µm, such as 2,6,1.5,4.5"
        )
    if x1 <= x0 or y1 <= y0:
        raise argparse.ArgumentTypeError(
            f"{text} is an empty field; it is given as X0,X1,Y0,Y1 in µm, each first edge below "
            "its second"
        )
    return x0, x1, y0, y1


def position(text: str) -> tuple[int, int]:
    """``X,Y`` in px, whole numbers from 0; for ``type=``."""
    match = re.fullmatch(r"\s*(\d{1,9})\s*,\s*(\d{1,9})\s*", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text} is not a position X,Y in px, such as 512,256")
    return int(match[1]), int(match[2])


def axes(text: str) -> str:
    """The letters t, y and x in any order, for ``type=``."""
    letters = text.strip().lower()
    if sorted(letters) != ["t", "x", "y"]:
        raise argparse.ArgumentTypeError(
            f"{text} cannot be used; axes are given as t (frames), y and x in the order in "
            "which they are stored, such as tyx or yxt"
        )
    return letters


def size(text: str) -> tuple[int, int]:
    """``N`` or ``WxH`` in px as (width, height); for ``type=``."""
    match = re.fullmatch(r"(\d{1,9})(?:[x×,](\d{1,9}))?", text.strip(), re.IGNORECASE)
    width, height = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not (width > 0 and height > 0):
        raise argparse.ArgumentTypeError(f"{text} is not a size in px, such as 64 or 128x64")
    return width, height


def _ends(text: str, form: str) -> Range:
    match = re.fullmatch(r"\s*(\d{0,15})\s*:\s*(\d{0,15})\s*", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text} cannot be used; {form}")
    first, last = (int(end) if end else None for end in match.groups())
    return first, last


def _number(text: str, wanted: str, fits: Any) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and fits(number)):
        raise argparse.ArgumentTypeError(f"{text} cannot be used; it must be {wanted}")
    return number
