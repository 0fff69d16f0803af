"""One molecule's localisations in successive frames become one row.

A localisation is joined to the latest one of a molecule if both may be of one place: within a
radius, or, without one, within :data:`SIGMAS` standard errors of their difference. Of several
that may be joined the likeliest pairs come first, each localisation and each molecule once.
Positions are averaged with the weights of their variances, which is the maximum-likelihood
estimate for a molecule that rests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.numbers import above_zero, whole
from truevar.postprocess.steps import with_step
from truevar.refinement.evidence import p_value
from truevar.wording import argument

SIGMAS = 4.0
"""Standard errors of their difference within which two localisations may be of one molecule:
3 in 10,000 true pairs are farther apart."""

_NEIGHBOURS = 4
"""Localisations looked at for every molecule; more have no place within a radius."""

_SUMMED, _WEIGHTED = ("photons", "llr"), ("x", "y", "z")
_MEANS = ("bg", "psf_sigma")


@dataclass(frozen=True)
class Linked:
    """Molecules, and which localisation is of which.

    Attributes:
        emitters: a row per molecule, in the order of their first frames, with ``detections``
            (localisations joined) and ``last_frame``.
        molecule_N: (N,) row of ``emitters`` of each localisation of the table before.
        radius: nm; None where the table's errors decided.
        gap: frames that a molecule may be missing.
    """

    emitters: Emitters
    molecule_N: NDArray[np.int64]
    radius: float | None
    gap: int

    @property
    def on_time(self) -> float:
        """Mean time that a molecule is on, in frames.

        A molecule that is on for t frames, beginning anywhere in a frame, is seen in t + 1 of
        them in the mean. Molecules that the movie's ends cut off are counted as they are.
        """
        if not len(self.emitters):
            return float("nan")
        span = self.emitters["last_frame"] - self.emitters.frame
        return float(np.mean(span))

    def text(self) -> str:
        """A few lines on what was joined."""
        n, molecules = len(self.molecule_N), len(self.emitters)
        lines = [f"linked:    {n:,} localisations to {molecules:,} molecules"]
        if molecules:
            detections = self.emitters["detections"]
            lines[0] += f", {np.mean(detections):.3g} each (at most {np.max(detections):,})"
            lines.append(f"on:        {self.on_time:.3g} frames in the mean")
            if "sigma_x" in self.emitters and "sigma_y" in self.emitters:
                sigma = np.sqrt((self.emitters.sigma_x**2 + self.emitters.sigma_y**2) / 2)
                lines.append(f"precision: {np.median(sigma):.3g} nm (median)")
        return "\n".join(lines)


def link(emitters: Emitters, radius: float | None = None, gap: int = 0) -> Linked:
    """Join the localisations of one molecule.

    Args:
        emitters: localisations.
        radius: nm within which two localisations are of one molecule. Default: what
            ``sigma_x`` and ``sigma_y`` of the two allow.
        gap: frames in which a molecule may be missing and go on afterwards.

    Raises:
        UserError: neither a radius nor errors.
    """
    emitters.need_one_answer()
    if radius is not None:
        radius = above_zero("radius", radius)
    gap = whole("gap", gap, 0)
    if radius is None and not ("sigma_x" in emitters and "sigma_y" in emitters):
        raise UserError(
            f"the table has no errors to link by; give {argument('radius', 'NM')}, three times "
            "the precision, say"
        )
    # By place within a frame, so that the order of the table's rows changes nothing.
    order_N = np.lexsort((emitters.y, emitters.x, emitters.frame))
    track_N = np.empty(len(emitters), np.int64)
    track_N[order_N] = _tracks(emitters.select(order_N), radius, gap)
    # Numbered by their first row in the order of frames.
    first = np.full(track_N.max(initial=-1) + 1, len(emitters))
    place_N = np.empty(len(emitters), np.int64)
    place_N[order_N] = np.arange(len(emitters))
    np.minimum.at(first, track_N, place_N)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    molecule_N = rank[track_N]
    meta = with_step(emitters.meta, "link", radius=radius or f"{SIGMAS:g} sigma", gap=gap)
    return Linked(_joined(emitters, molecule_N, len(first), meta), molecule_N, radius, gap)


def _tracks(emitters: Emitters, radius: float | None, gap: int) -> NDArray[np.int64]:
    """(N,) molecule of every localisation of a table sorted by frame."""
    n = len(emitters)
    if n == 0:
        return np.empty(0, np.int64)
    place_N2 = np.stack([emitters.x, emitters.y], 1)
    variance_N2 = np.ones((n, 2))
    limit, farthest = 0.0, radius or 0.0
    if radius is None:
        variance_N2 = np.stack([emitters.sigma_x, emitters.sigma_y], 1) ** 2
        limit = SIGMAS**2
        good = variance_N2[np.isfinite(variance_N2)]
        farthest = SIGMAS * float(np.sqrt(2 * good.max(initial=0.0)))
    placed_N = np.isfinite(place_N2).all(1)
    track_N = np.full(n, -1)
    frames, starts = np.unique(emitters.frame, return_index=True)
    ends = np.append(starts[1:], n)
    tails = np.empty(0, np.int64)  # the last row of every molecule that may go on
    n_tracks = 0
    for frame, start, end in zip(frames.tolist(), starts.tolist(), ends.tolist(), strict=True):
        tails = tails[emitters.frame[tails] >= frame - 1 - gap]
        rows = np.arange(start, end)
        placed = rows[placed_N[rows]]  # what has no place is a molecule of its own
        went_on = np.empty(0, np.int64)
        if len(tails) and len(placed):
            old, new, far = _pairs(place_N2, tails, placed, farthest)
            if radius is None:
                apart_K2 = (place_N2[old] - place_N2[new]) ** 2
                far = (apart_K2 / (variance_N2[old] + variance_N2[new])).sum(1)
                kept = far <= limit
                old, new, far = old[kept], new[kept], far[kept]
            for k in np.argsort(far, kind="stable").tolist():
                if track_N[new[k]] < 0 and old[k] not in went_on:
                    track_N[new[k]] = track_N[old[k]]
                    went_on = np.append(went_on, old[k])
        fresh = rows[track_N[rows] < 0]
        track_N[fresh] = n_tracks + np.arange(len(fresh))
        n_tracks += len(fresh)
        tails = np.concatenate([tails[~np.isin(tails, went_on)], placed])
    return track_N


def _pairs(
    place_N2: NDArray[np.float64],
    tails: NDArray[np.int64],
    rows: NDArray[np.int64],
    farthest: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Rows of ``tails`` and of ``rows`` that are near each other, and their distance."""
    k = min(_NEIGHBOURS, len(rows))
    far_Tk, which_Tk = cKDTree(place_N2[rows]).query(
        place_N2[tails], k=np.arange(1, k + 1), distance_upper_bound=farthest
    )
    tail, neighbour = np.nonzero(np.isfinite(far_Tk))
    found = which_Tk[tail, neighbour]
    return tails[tail], rows[found], far_Tk[tail, neighbour]


def _joined(
    emitters: Emitters, molecule_N: NDArray[np.int64], n: int, meta: dict[str, object]
) -> Emitters:
    """A row per molecule."""
    count = np.bincount(molecule_N, minlength=n)

    def total(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(molecule_N, values, minlength=n), dtype=np.float64)

    columns: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {}
    first, last = np.full(n, np.iinfo(np.int64).max), np.full(n, -1)
    np.minimum.at(first, molecule_N, emitters.frame)
    np.maximum.at(last, molecule_N, emitters.frame)
    columns["frame"] = first
    for name in _WEIGHTED:
        if name not in emitters:
            continue
        error = emitters.get(f"sigma_{name}")
        if error is None:
            columns[name] = total(emitters[name]) / count
            continue
        told = np.isfinite(error)
        weight = np.where(told, 1 / np.maximum(np.where(told, error, 1.0), 1e-6) ** 2, 0.0)
        # A place whose error nobody knows counts where there is no better one.
        unknown_n = total(weight) == 0
        weight[unknown_n[molecule_N]] = 1.0
        columns[name] = total(weight * emitters[name]) / total(weight)
        columns[f"sigma_{name}"] = np.where(unknown_n, np.nan, 1 / np.sqrt(total(weight)))
    for name in _SUMMED:
        if name in emitters:
            columns[name] = total(emitters[name])
    if "sigma_photons" in emitters:
        columns["sigma_photons"] = np.sqrt(total(emitters["sigma_photons"] ** 2))
    for name in _MEANS:
        if name in emitters:
            columns[name] = total(emitters[name]) / count
    if "prob" in emitters:
        surest = np.zeros(n)
        np.maximum.at(surest, molecule_N, emitters["prob"])
        columns["prob"] = surest
    if "llr" in emitters and "p_value" in emitters:
        columns["p_value"] = p_value(total(emitters["llr"]), count)
    columns["last_frame"] = last
    columns["detections"] = count
    return Emitters(columns, meta)
