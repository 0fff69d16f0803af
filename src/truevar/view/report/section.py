"""What a report is made of, and what it is made from."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from truevar.emitters import Emitters

if TYPE_CHECKING:
    from truevar.postprocess.drift import Drift
    from truevar.postprocess.resolution import FourierRing
    from truevar.view.report.frame_sample import FrameSample


@dataclass(frozen=True)
class Section:
    """One part of the page.

    Attributes:
        name: letters and dashes; ``about-NAME`` is its address within the page.
        title: plain text.
        html: markup; whatever comes from outside must have gone through :func:`escaped`.
    """

    name: str
    title: str
    html: str


@dataclass(frozen=True)
class Told:
    """What sections are made from.

    Attributes:
        emitters: the table.
        frames: a sample of the movie's frames, if the movie was given.
        drift: what was taken off the positions, if it is known.
        without_drift: why nothing was, if it was tried.
        ring: Fourier ring correlation of the localisations.
        without_ring: why there is none; empty if nobody asked.
    """

    emitters: Emitters
    frames: FrameSample | None = None
    drift: Drift | None = None
    without_drift: str = ""
    ring: FourierRing | None = None
    without_ring: str = ""

    @property
    def meta(self) -> dict[str, Any]:
        """What is known beside the rows."""
        return self.emitters.meta


def escaped(value: Any) -> str:
    """Anything as text that no browser takes for markup, also within quotes."""
    return html.escape(str(value))


def paragraphs(*texts: str) -> str:
    """Paragraphs of markup."""
    return "".join(f"<p>{text}</p>\n" for text in texts)


def listed(lines: list[str], kind: str = "") -> str:
    """A list of markup."""
    items = "".join(f"<li>{line}</li>\n" for line in lines)
    return f"<ul{f' class={kind}' if kind else ''}>\n{items}</ul>\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of markup, which on a narrow screen scrolls by itself."""
    top = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in others)}</tr>\n'
        for first, *others in rows
    )
    whole = f"<table><thead><tr>{top}</tr></thead>\n<tbody>{body}</tbody></table>"
    return f'<div class="wide">{whole}</div>\n'


def figure_of(value: float, digits: int = 4) -> str:
    """A number as it is read: 12,300 or 7.98; a dash where there is none."""
    if not math.isfinite(value):
        return "–"
    if value != 0 and abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def median_of(values: NDArray[Any]) -> float:
    """The median of what is finite, NaN if nothing is."""
    good = values[np.isfinite(values)]
    return float(np.median(good)) if len(good) else float("nan")


def words(value: Any) -> str:
    """A value of the metadata as escaped text."""
    if isinstance(value, Mapping):
        return ", ".join(f"{escaped(key)} {words(one)}" for key, one in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(words, value))
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, float):
        return f"{value:.6g}"
    return escaped(value)


def number_in(meta: Mapping[str, Any], name: str) -> float | None:
    """A finite number of the metadata, None for anything else."""
    value = meta.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def numbers_in(meta: Mapping[str, Any], name: str, count: int) -> list[float] | None:
    """So many finite numbers of the metadata, None for anything else."""
    values = meta.get(name)
    if not isinstance(values, (list, tuple)) or len(values) != count:
        return None
    found = [number_in({"": value}, "") for value in values]
    return None if None in found else [float(one) for one in found if one is not None]


def steps_of(meta: Mapping[str, Any]) -> list[Any]:
    """What was done to a table, as far as its metadata are sound."""
    steps = meta.get("steps")
    return list(steps) if isinstance(steps, (list, tuple)) else []
