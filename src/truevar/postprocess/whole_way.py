"""From localisations to molecules that a picture can be made of: drift, resolution, links, filter.

Drift comes first, so that a molecule's localisations lie at one place when they are joined. The
resolution is told by single localisations, for what is joined is no longer independent of time.
Where the localisations cannot tell drift or resolution, the rest goes on without, and why is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.postprocess.drift import Drift, correct_drift, too_little
from truevar.postprocess.filtering import filter_rows
from truevar.postprocess.linking import link
from truevar.postprocess.resolution import FourierRing, fourier_ring
from truevar.wording import words_of

BLURRED = 0.5
"""Molecules whose error is above so many widths of the PSF only blur the picture."""

_COLUMNS = (
    *("x", "y", "photons", "bg", "sigma_x", "sigma_y", "sigma_photons", "prob"),
    *("llr", "p_value"),
)


@dataclass(frozen=True)
class WholeWay:
    """What localisations came to.

    Attributes:
        molecules: joined, without drift, filtered.
        drift: that was taken off; None where it could not be told.
        without_drift: why, or empty.
        ring: of the localisations without drift; None where there are too few.
        without_ring: why, or empty.
    """

    molecules: Emitters
    drift: Drift | None
    without_drift: str
    ring: FourierRing | None
    without_ring: str


def usual_condition(localisations: Emitters) -> str:
    """What is kept where nobody says: molecules placed better than half the width of the PSF.

    Raises:
        UserError: the table does not tell the PSF.
    """
    sigma = localisations.meta.get("psf_sigma")
    if not isinstance(sigma, (int, float)) or not sigma > 0:
        raise UserError("the table does not tell the PSF's width; say what is to be kept")
    limit = float(f"{BLURRED * sigma:.3g}")
    return f"sigma_x < {limit:g} and sigma_y < {limit:g}"


def check_condition(where: str) -> None:
    """Make sure that a condition can be met by molecules, before the work that makes them.

    Raises:
        UserError: it is no condition, or names a column that there is not.
    """
    columns = {"frame": np.zeros(1, np.int64)} | {name: np.ones(1) for name in _COLUMNS}
    filter_rows(link(Emitters(columns, {"pixel_size": 100.0})).emitters, where)


def whole_way(
    localisations: Emitters,
    where: str | None = None,
    gap: int = 0,
    report: Callable[[str], None] | None = None,
) -> WholeWay:
    """Drift off, resolution told, molecules joined and filtered.

    Args:
        localisations: of :func:`truevar.localize`.
        where: which molecules are kept, as for :func:`truevar.filter_rows`; by default those
            of :func:`usual_condition`.
        gap: frames in which a molecule may be missing, as for :func:`truevar.link`.
        report: called with a few lines after each step.

    Raises:
        UserError: a table without errors, a condition that cannot be used.
    """
    where = usual_condition(localisations) if where is None else where
    say = report or (lambda lines: None)
    drift, without_drift, settled = None, "", localisations
    try:
        if doubt := too_little(localisations):
            raise UserError(doubt)
        corrected = correct_drift(localisations)
        drift, settled = corrected.drift, corrected.emitters
        say(corrected.text())
    except UserError as error:
        without_drift = words_of(error)
        say(f"drift:     not taken off: {without_drift}")
    ring, without_ring = None, ""
    try:
        ring = fourier_ring(settled)
        say(ring.text())
    except UserError as error:
        without_ring = words_of(error)
        say(f"resolution: not told: {without_ring}")
    linked = link(settled, gap=gap)
    say(linked.text())
    kept = filter_rows(linked.emitters, where)
    say(kept.text())
    return WholeWay(kept.emitters, drift, without_drift, ring, without_ring)
