"""A report: one HTML file that opens offline in any browser.

Everything is in the file: style, script, pictures, the localisations. A content security policy
forbids the browser to fetch anything, and to run any script but this one.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import datetime
from importlib import resources
from os import PathLike
from pathlib import Path
from string import Template

import truevar
from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.inference.arguments import MovieLike
from truevar.io.atomic import check_folder, check_new, replacing
from truevar.postprocess.drift import Drift
from truevar.postprocess.resolution import FourierRing, fourier_ring
from truevar.view.report.drift import drift_section
from truevar.view.report.fit_section import fit_section
from truevar.view.report.frame_sample import sample_frames
from truevar.view.report.frames import frames_section
from truevar.view.report.histograms import distributions_section, frames_of
from truevar.view.report.judging import judging_section
from truevar.view.report.kinetics import kinetics_section
from truevar.view.report.picture import mean_error, picture_section
from truevar.view.report.provenance import (
    again_section,
    made_with_section,
    steps_section,
    warnings_section,
)
from truevar.view.report.resolution import resolution_section
from truevar.view.report.section import Section, Told, escaped, figure_of, median_of
from truevar.wording import words_of

SECTIONS: tuple[Callable[[Told], Section | None], ...] = (
    warnings_section,
    picture_section,
    frames_section,
    fit_section,
    distributions_section,
    resolution_section,
    drift_section,
    kinetics_section,
    steps_section,
    made_with_section,
    again_section,
    judging_section,
)
"""In their order on the page. One more is a function here; None leaves it out."""

_SCRIPTS = ("picture.js", "gestures.js", "frames.js", "start.js")
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_ENDINGS = (".html", ".htm")


def report(
    emitters: Emitters,
    path: str | PathLike[str],
    movie: MovieLike | None = None,
    axes: str | None = None,
    overwrite: bool = False,
    *,
    drift: Drift | None = None,
) -> None:
    """Write what is in a table, and how it was made, into one HTML file.

    Args:
        emitters: the table.
        path: a ``.html``; appears complete or not at all.
        movie: that the table was made from, as for :func:`truevar.localize`: some of its frames
            are shown with what was found in them.
        axes: the order of the movie's axes, as there.
        overwrite: replace an old file.
        drift: that was taken off the table, see :func:`truevar.correct_drift`.

    Raises:
        UserError: there is a file already, another ending, a movie that cannot be read or is not
            the table's, or no place to write.
    """
    emitters.need_one_answer()
    check_report(path, overwrite)
    frames = None if movie is None else sample_frames(emitters, movie, axes)
    ring, without = ring_of(emitters)
    write_report(Told(emitters, frames, drift, ring=ring, without_ring=without), path, overwrite)


def ring_of(emitters: Emitters) -> tuple[FourierRing | None, str]:
    """Fourier ring correlation of a table, or why there is none."""
    if "detections" in emitters:
        return None, (
            "the table holds molecules, and the resolution is told by single localisations: see "
            "truevar frc, or truevar run, whose report has both"
        )
    try:
        return fourier_ring(emitters), ""
    except UserError as error:
        return None, words_of(error)


def write_report(told: Told, path: str | PathLike[str], overwrite: bool = False) -> None:
    """Write all that is told into one HTML file.

    Args:
        told: what there is to say.
        path: a ``.html``; appears complete or not at all.
        overwrite: replace an old file.

    Raises:
        UserError: there is a file already, another ending, or no place to write.
    """
    target = Path(path)
    check_report(target, overwrite)
    made = [section for make in SECTIONS if (section := make(told)) is not None]
    with replacing(target) as temporary:
        temporary.write_text(page(told, made), encoding="utf-8", newline="\n")


def check_report(path: str | PathLike[str], overwrite: bool = False) -> None:
    """Make sure that a report could be written, before the work that makes it.

    Raises:
        UserError: another ending than .html, a file that is there already, or no place to write.
    """
    target = Path(path)
    if target.suffix.lower() not in _ENDINGS:
        raise UserError(f"cannot write {target}: a report's ending must be .html")
    check_folder(target)
    check_new(target, overwrite)


def page(told: Told, sections: list[Section]) -> str:
    """The whole of the file.

    Args:
        told: what it is about.
        sections: in their order.
    """
    assets = resources.files("truevar.view.report")
    script = "\n".join((assets / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    links = "".join(
        f'<li><a href="#about-{one.name}">{escaped(one.title)}</a></li>' for one in sections
    )
    body = "".join(
        f'<section id="about-{one.name}" aria-labelledby="{one.name}-title">\n'
        f'<h2 id="{one.name}-title">{escaped(one.title)}</h2>\n{one.html}</section>\n'
        for one in sections
    )
    name = escaped(told.meta.get("movie", "a table"))
    return Template((assets / "page.html").read_text(encoding="utf-8")).substitute(
        title=f"Emitters of {name}",
        policy=f"{_POLICY}; script-src 'sha256-{digest}'",
        style=(assets / "report.css").read_text(encoding="utf-8"),
        script=script,
        summary=_summary(told),
        links=links,
        sections=body,
        made=f"truevar {truevar.__version__}, {datetime.now():%Y-%m-%d %H:%M}",
    )


def _summary(told: Told) -> str:
    emitters = told.emitters
    first, stop = frames_of(emitters)
    linked = "detections" in emitters
    cards = [
        ("molecules" if linked else "emitters", f"{len(emitters):,}"),
        ("frames", f"{stop - first:,}"),
        ("per frame", figure_of(len(emitters) / (stop - first), 3)),
    ]
    error = mean_error(emitters)
    if error is not None:
        cards.append(("nm, median precision", figure_of(median_of(error), 3)))
    if "photons" in emitters:
        cards.append(("median photons", figure_of(median_of(emitters["photons"]))))
    return "".join(f"<div><dd>{value}</dd><dt>{said}</dt></div>" for said, value in cards)
