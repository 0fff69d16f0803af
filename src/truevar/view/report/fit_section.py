"""How well model and movie fit, in words."""

from __future__ import annotations

import math

from truevar.inference.posterior_check import BAD
from truevar.view.report.fit import Fit
from truevar.view.report.section import Section, Told, figure_of, listed, paragraphs

_LITTLE, _WELL, _MUCH = 0.75, 1.3, 2.0
_MISSED = 0.1
_OVERLAP = 0.2
"""More near all emitters than near those that are alone, from which on it is for overlaps."""


def fit_section(told: Told) -> Section | None:
    """What is left of the frames when what was found is taken off; nothing without a movie."""
    if told.frames is None or told.frames.fit is None:
        return None
    fit = told.frames.fit
    text = paragraphs(
        "The light that the table says was taken off these frames, and what is left compared with "
        "the noise that camera and light have. Near the emitters it is so many times as much "
        "(reduced χ²; 1 if everything fits):"
    )
    lines = [
        f"<strong>{figure_of(fit.alone, 3)}</strong> near emitters that are alone. "
        f"{_of_those_alone(fit)}",
        f"<strong>{figure_of(fit.all, 3)}</strong> near all of them. {_of_all(fit)}",
    ]
    if fit.frames:
        lines += [_of_frames(fit), _of_missed(fit)]
    return Section("fit", "Model and movie", text + listed(lines))


def _of_those_alone(fit: Fit) -> str:
    if math.isnan(fit.alone):
        return "In these frames too few are alone to tell whether PSF and camera are right."
    if fit.alone < _LITTLE:
        return (
            "There is less noise than the camera's numbers say: the conversion is too low, or "
            "the EM gain or the read noise too high, and errors are stated too large."
        )
    if fit.alone < _WELL:
        return "PSF and camera are what the model takes them for."
    if fit.alone < _MUCH:
        return (
            "PSF or camera are a little different: spots out of focus, a PSF width off by a tenth, "
            "or neighbours that were not found. Look at the frames."
        )
    return (
        "PSF or camera are not what the model takes them for: check the PSF's width, that spots "
        "are round, and the camera's conversion and baseline. Do not trust photons and errors."
    )


def _of_frames(fit: Fit) -> str:
    count, n = fit.bad_frames, len(fit.frames)
    if not count:
        return f"<strong>None</strong> of the {n} frames stands out."
    do = "does" if count == 1 else "do"
    return (
        f"<strong>{count}</strong> of the {n} frames {do} not fit (more than {BAD:g} near the "
        "emitters): look at what they leave, below."
    )


def _of_missed(fit: Fit) -> str:
    missed = sum(len(one.peak_P2) for one in fit.frames.values())
    text = (
        f"<strong>{missed}</strong> more emitters would explain what is left of these frames, "
        f"{fit.missed:.1%} of all."
    )
    if fit.missed > _MISSED:
        text += " A lower least probability may find them, unless PSF or camera are wrong."
    return text


def _of_all(fit: Fit) -> str:
    if math.isnan(fit.all):
        return "In these frames too few were found to tell."
    if fit.all > _WELL and not fit.all < fit.alone + _OVERLAP:
        return (
            "More is left where emitters overlap: some were missed, or two taken for one. That is "
            "the rule in dense movies; structure may look thinner there than it is."
        )
    return "Where emitters overlap it is no worse." if fit.all < _WELL else ""
