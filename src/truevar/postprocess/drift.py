"""Drift told by the localisations themselves, with its error, and taken off them.

A molecule, or another one at the same place, is seen again and again; how pairs of localisations
lie apart tells how the sample moved in between. Coarse to fine: stretches of the movie are laid
over each other (:mod:`truevar.postprocess.drift_coarse`), pairs of localisations say the rest
(:mod:`truevar.postprocess.drift_pairs`), and the curve is smoothed as far as they allow
(:mod:`truevar.postprocess.drift_curve`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from os import PathLike

import numpy as np
from numpy.typing import NDArray

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.io.atomic import check_folder, check_new, replacing
from truevar.postprocess.drift_curve import along, blocks, walk
from truevar.postprocess.drift_halves import Curves, halves_apart
from truevar.postprocess.drift_segments import Segments, shifts_of_segments
from truevar.postprocess.steps import with_step

_LEAST = 500
"""Localisations below which nothing is tried."""
_SURE, _SURE_FRAMES = 10_000, 1000
"""Localisations and frames; of fewer, drifts were found that there were not."""
_WIDER = 1.2
"""Factor from which on it is said that errors were widened."""
_HEADER = "frame,x [nm],y [nm],sigma_x [nm],sigma_y [nm]"
_MOST_FRAMES = 20_000_000
_UNKNOWN = 15.0
"""nm; error along one axis that is begun with where the table has none."""


@dataclass(frozen=True)
class Drift:
    """How the sample moved. The mean over all frames is 0.

    Attributes:
        frame_F: (F,) every frame from the table's first to its last.
        x_F, y_F: (F,) nm; positions seen are true ones plus these.
        sigma_x_F, sigma_y_F: (F,) nm, standard errors of the same.
        jump_J: (J,) frames at which the sample jumped.
    """

    frame_F: NDArray[np.int64]
    x_F: NDArray[np.float64]
    y_F: NDArray[np.float64]
    sigma_x_F: NDArray[np.float64]
    sigma_y_F: NDArray[np.float64]
    jump_J: NDArray[np.int64]

    def write(self, path: str | PathLike[str], overwrite: bool = False) -> None:
        """Write the curve as comma-separated text, a row per frame.

        Raises:
            UserError: there is a file already, or no place to write.
        """
        check_folder(path)
        check_new(path, overwrite)
        columns = (self.frame_F, self.x_F, self.y_F, self.sigma_x_F, self.sigma_y_F)
        with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
            np.savetxt(
                file,
                np.stack(columns, 1),
                fmt=("%d", "%.3f", "%.3f", "%.3f", "%.3f"),
                delimiter=",",
                newline="\n",
                header=_HEADER,
                comments="",
            )

    def columns(self) -> Curves:
        """Frames, the drift (F, 2) and its errors (F, 2)."""
        sigma_F2 = np.stack([self.sigma_x_F, self.sigma_y_F], 1)
        return self.frame_F, np.stack([self.x_F, self.y_F], 1), sigma_F2

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Drift:
        """A curve that :meth:`write` wrote; jumps are not in the file.

        Raises:
            UserError: there is no such file, or it holds something else.
        """
        try:
            with open(path, encoding="utf-8") as file:
                header = file.readline().strip()
                rows_F5 = np.loadtxt(file, delimiter=",", ndmin=2) if header == _HEADER else None
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror}") from error
        except ValueError:
            rows_F5 = None
        if rows_F5 is None or rows_F5.shape[1] != 5 or not np.isfinite(rows_F5).all():
            raise UserError(f"{path} is no drift curve; give one that truevar drift wrote")
        frame_F, x_F, y_F, sigma_x_F, sigma_y_F = rows_F5.T
        no_jump_J = np.zeros(0, np.int64)
        return cls(frame_F.astype(np.int64), x_F, y_F, sigma_x_F, sigma_y_F, no_jump_J)


def too_little(emitters: Emitters) -> str:
    """Why a table is too small for its drift to be trusted; empty if it is not.

    In a small one a few molecules, seen frame after frame, say nearly all, and their errors add
    up from frame to frame to what looks like a drift and is none.
    """
    frames = int(np.ptp(emitters.frame)) + 1 if len(emitters) else 0
    if len(emitters) >= _SURE and frames >= _SURE_FRAMES:
        return ""
    return (
        f"{len(emitters):,} localisations in {frames:,} frames are few to tell a drift by: with "
        f"less than {_SURE:,} localisations, or {_SURE_FRAMES:,} frames, some of tens of nm were "
        "found where there was none"
    )


@dataclass(frozen=True)
class DriftCorrected:
    """A table without drift, and the drift.

    Attributes:
        emitters: the same rows and columns, ``x`` and ``y`` corrected.
        drift: what was taken off.
        segments: stretches of time that have a shift of their own.
        related: pairs of localisations that the drift is told by (of one place, that is).
        widened: by how much the errors along x and y were multiplied, since two halves of a small
            table's field disagree by that much more than they let expect; None where halves
            were not compared.
    """

    emitters: Emitters
    drift: Drift
    segments: int
    related: float
    widened: tuple[float, float] | None = None

    def text(self) -> str:
        """A few lines on the drift and how well it is known."""
        drift = self.drift
        lines = [
            f"drift:     {round(np.ptp(drift.x_F), 2):.3g} nm along x, "
            f"{round(np.ptp(drift.y_F), 2):.3g} nm along y "
            f"(largest less smallest, {len(drift.frame_F):,} frames)",
            f"error:     ± {np.median(drift.sigma_x_F):.2g} nm along x, "
            f"± {np.median(drift.sigma_y_F):.2g} nm along y (standard error, median; at most "
            f"{max(drift.sigma_x_F.max(), drift.sigma_y_F.max()):.2g})",
            *self._of_halves(),
            f"told by:   {self.related:,.3g} pairs of one place, in {self.segments:,} segments",
        ]
        if len(drift.jump_J):
            frames = ", ".join(f"{frame:,}" for frame in drift.jump_J[:5].tolist())
            more = f" and {len(drift.jump_J) - 5} more" if len(drift.jump_J) > 5 else ""
            lines.append(f"jumps:     at frame {frames}{more}")
        return "\n".join(lines)

    def _of_halves(self) -> list[str]:
        if self.widened is None or max(self.widened) < _WIDER:
            return []
        return [
            "           (widened {:.2g} times along x and {:.2g} along y, because halves of the "
            "field disagree)".format(*self.widened)
        ]


def correct_drift(emitters: Emitters) -> DriftCorrected:
    """Estimate the drift along x and y from the localisations, and take it off.

    Args:
        emitters: localisations; with ``sigma_x`` and ``sigma_y`` if they are known. What is no
            finite position tells nothing and is moved like the rest. ``z`` stays as it is.

    Raises:
        UserError: too few localisations, or too few of places that are seen again, to tell the
            drift; or frames that cannot be numbers of a movie's.
    """
    emitters.need_one_answer()
    sound_N = np.isfinite(emitters.x) & np.isfinite(emitters.y)
    rows = np.flatnonzero(sound_N)
    rows = rows[np.argsort(emitters.frame[rows], kind="stable")]
    frame_N = emitters.frame[rows]
    if len(rows) < _LEAST or frame_N[0] == frame_N[-1]:
        raise UserError(
            f"the drift cannot be told from {len(rows):,} localisations in "
            f"{len(np.unique(frame_N)):,} frames; at least {_LEAST} in several frames are needed, "
            "so leave the table as it is"
        )
    if frame_N[-1] - frame_N[0] >= _MOST_FRAMES:
        raise UserError(
            f"the frames go from {frame_N[0]:,} to {frame_N[-1]:,}, more than {_MOST_FRAMES:,}; "
            "number them in succession"
        )
    place_N2 = np.stack([emitters.x[rows], emitters.y[rows]], 1)
    variance_N, widening = _variances(emitters, rows)
    found = shifts_of_segments(place_N2, frame_N, variance_N, widening)
    drift = _curve(place_N2, frame_N, found)
    wider_2 = None
    if too_little(emitters):

        def curves_of(some_N: NDArray[np.bool_]) -> Curves:
            if some_N.sum() < _LEAST // 2:
                raise UserError("too few")
            place_n2, frame_n = place_N2[some_N], frame_N[some_N]
            half = shifts_of_segments(place_n2, frame_n, variance_N[some_N], widening)
            return _curve(place_n2, frame_n, half).columns()

        wider_2 = halves_apart(place_N2, curves_of)
        if wider_2 is not None:
            drift = replace(
                drift,
                sigma_x_F=drift.sigma_x_F * wider_2[0],
                sigma_y_F=drift.sigma_y_F * wider_2[1],
            )
    at_N = np.clip(emitters.frame - drift.frame_F[0], 0, len(drift.frame_F) - 1)
    meta = with_step(
        emitters.meta,
        "drift",
        segments=len(found.first_S),
        range_x=round(float(np.ptp(drift.x_F)), 3),
        range_y=round(float(np.ptp(drift.y_F)), 3),
        median_sigma_x=round(float(np.median(drift.sigma_x_F)), 3),
        median_sigma_y=round(float(np.median(drift.sigma_y_F)), 3),
        jumps=drift.jump_J.tolist(),
        **({"error_widened": wider_2.round(2).tolist()} if wider_2 is not None else {}),
    )
    columns = {
        **emitters,
        "x": emitters.x - drift.x_F[at_N],
        "y": emitters.y - drift.y_F[at_N],
    }
    related = float(found.fit.related_P.sum(dtype=np.float64))
    widened = None if wider_2 is None else (float(wider_2[0]), float(wider_2[1]))
    return DriftCorrected(Emitters(columns, meta), drift, len(found.first_S), related, widened)


def _variances(
    emitters: Emitters, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """(N,) nm² along one axis, and by which factors they may be off."""
    if not ("sigma_x" in emitters and "sigma_y" in emitters):
        return np.full(len(rows), _UNKNOWN**2), (0.02, 6.0)
    variance_N = (emitters.sigma_x[rows] ** 2 + emitters.sigma_y[rows] ** 2) / 2
    good_N = np.isfinite(variance_N) & (variance_N > 0)
    usual = float(np.median(variance_N[good_N])) if good_N.any() else _UNKNOWN**2
    # An error of next to nothing would make its localisation the only one that counts.
    return np.where(good_N, np.clip(variance_N, usual / 25, usual * 25), usual), (0.5, 6.0)


def _curve(place_N2: NDArray[np.float64], frame_N: NDArray[np.int64], found: Segments) -> Drift:
    """The curve of every frame with its errors."""
    count_S = np.diff(np.append(found.first_S, len(frame_N)))
    time_S = np.add.reduceat(frame_N.astype(np.float64), found.first_S) / count_S
    edge_E = frame_N[found.first_S[1:]]
    frame_F = np.arange(frame_N[0], frame_N[-1] + 1)
    # Weights of the segments in the mean over all frames: how long each stands for the curve.
    borders = np.concatenate([frame_F[:1], edge_E, frame_F[-1:] + 1])
    share_S = np.diff(borders) / len(frame_F)
    block_N = blocks(place_N2)
    columns: dict[str, NDArray[np.float64]] = {}
    for axis, name in enumerate("xy"):
        walked = walk(found, axis, time_S, share_S, block_N)
        value_F, sigma_F = along(frame_F, time_S, edge_E, found.jump_E, walked)
        columns |= {f"{name}_F": value_F - value_F.mean(), f"sigma_{name}_F": sigma_F}
    return Drift(frame_F, **columns, jump_J=edge_E[found.jump_E])
