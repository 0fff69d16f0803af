"""Resolution of a table by Fourier ring correlation (FRC).

Nieuwenhuizen, Lidke, Bates, Leyton Puig, Grünwald, Stallinga, Rieger, Nat. Methods 10, 557 (2013):
the table is split into two halves, and their images are correlated over rings of one spatial
frequency; where the correlation falls to 1/7 lies the resolution. The halves are made of blocks of
time. A random half of the localisations would do only if each were of another molecule: one
that is on for several frames would be in both halves at a distance of its precision, and the
correlation would be that of the molecule with itself.

Here the K blocks of equal numbers of localisations are transformed one by one. With c, the mean
cross spectrum of two blocks, and d, the mean power of one, halves of m = K / 2 blocks have

    FRC = m² c / (m d + m (m - 1) c) = m c / (d + (m - 1) c),

the same for every way of dealing the blocks out to the halves: no dice are thrown. Two blocks
that follow each other are left out of c. Leaving out each block in turn (the jackknife) gives the
interval.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.numbers import whole
from truevar.postprocess.nena import Nena, nena
from truevar.postprocess.ring_curve import THRESHOLD, Curve
from truevar.postprocess.ring_sums import ring_sums
from truevar.wording import Message, argument

Floats = NDArray[np.float64]

LEAST = 200
"""Localisations of which a correlation can say anything."""
LEAST_BLOCKS = 5
"""Of fewer blocks too few pairs do not follow each other."""

_FEWEST, _PIXELS, _MOST = 3.0, 4.0, 16.0
"""Pixels that a resolution must have, should have, and has no use for in a large field."""
_PIXEL = 0.75
"""The first pixel, in precisions."""
_ACROSS = 64
"""Pixels across the field, at least."""
_ROUNDS = 6
_TIMES_ON = 5.0
"""A block that is shorter than so many times on has molecules that are in blocks not adjacent."""

_SHARED = 0.7
"""NeNA's precision over the table's own, below which errors are shared, surely."""

ARTEFACTS = (
    "FRC measures how well two halves of the table agree. It does not see artefacts that both "
    "have: structure that is missing, merged or misplaced."
)


@dataclass(frozen=True)
class FourierRing:
    """Fourier ring correlation of a table.

    Attributes:
        frequency_R: 1/nm, (R,) middle of the rings.
        correlation_R: (R,) smoothed over 5 % of the frequency to either side.
        error_R: (R,) its standard error, over blocks of time.
        threshold: where the resolution is read off, 1/7.
        resolution: nm; NaN where it is not determined.
        interval: nm, 95 %: what other blocks of time of the same field would give. NaN where
            not determined. Errors that all blocks share are not in it.
        undetermined: why there is no resolution; empty where there is one.
        localisations: rows that went in.
        blocks, block_frames: blocks of time, and their median length.
        pixel: nm, of the images that were transformed.
        tiles, of_tiles: parts of the field that were looked at, and that there are.
        nena: precision from neighbours in adjacent frames, None where it cannot be told.
        sigma: nm, median of the errors that the table gives; None where it gives none.
        warnings: what may be wrong.
    """

    frequency_R: Floats
    correlation_R: Floats
    error_R: Floats
    threshold: float
    resolution: float
    interval: tuple[float, float]
    undetermined: str
    localisations: int
    blocks: int
    block_frames: float
    pixel: float
    tiles: int
    of_tiles: int
    nena: Nena | None
    sigma: float | None
    warnings: tuple[Message, ...]

    def text(self) -> str:
        """Resolution with its interval, precisions beside it, and what they do not say."""
        if self.undetermined:
            lines = [f"resolution: not determined: {self.undetermined}"]
        else:
            lines = [f"resolution: {self.resolution:.3g} nm (FRC, threshold 1/7)"]
            low, high = self.interval
            if np.isfinite(low + high):
                lines.append(
                    f"interval:   {low:.3g} to {high:.3g} nm (95 %, other blocks of time "
                    "of this field)"
                )
            else:
                lines.append("interval:   not determined, the blocks of time differ too much")
        lines.append(
            f"from:       {self.localisations:,} localisations, {self.blocks} blocks of about "
            f"{self.block_frames:,.0f} frames, pixels of {self.pixel:.3g} nm"
        )
        if self.tiles < self.of_tiles:
            lines.append(f"            {self.tiles} of the field's {self.of_tiles} tiles")
        if self.nena is None:
            lines.append("NeNA:       none, too few molecules are seen in two frames running")
        else:
            lines.append(
                f"NeNA:       {self.nena.sigma:.3g} ± {self.nena.error:.2g} nm precision "
                f"(molecules on for {self.nena.on_time:.3g} frames in the mean)"
            )
        if self.sigma is not None:
            lines.append(f"precision:  {self.sigma:.3g} nm (median of the table's own errors)")
            if self.nena is not None and self.nena.sigma < _SHARED * self.sigma:
                lines.append(
                    "            NeNA is less, as it is where successive frames were looked at "
                    "together: they share errors"
                )
        return "\n".join([*lines, f"note:       {ARTEFACTS}"])


def fourier_ring(emitters: Emitters, blocks: int = 20) -> FourierRing:
    """Resolution of a table by Fourier ring correlation.

    Args:
        emitters: localisations, of a movie whose frames are in the order of time.
        blocks: of time. More of them make a better interval; each must be long against the
            time that a molecule is on.

    Raises:
        UserError: too few localisations or frames.
    """
    emitters.need_one_answer()
    blocks = whole("blocks", blocks, LEAST_BLOCKS)
    good = emitters.select(np.isfinite(emitters.x) & np.isfinite(emitters.y))
    if len(good) < LEAST:
        raise UserError(
            f"{len(good):,} localisations are too few for a resolution; {LEAST} are the least"
        )
    extent = max(float(np.ptp(good.x)), float(np.ptp(good.y)))
    if extent == 0:
        raise UserError("all localisations are at one place; a resolution needs structure")
    block_N, blocks_there = _blocks_of_time(good.frame, blocks)
    if blocks_there < blocks:
        raise UserError(
            f"the table's frames make {blocks_there} blocks of time, not {blocks}; a resolution "
            f"needs a table of more frames, or fewer {argument('blocks', '')} (from {LEAST_BLOCKS})"
        )
    spans = [np.ptp(good.frame[block_N == k]) + 1 for k in range(blocks)]
    precision, own = nena(emitters), _own_precision(good)
    # Fine enough for most tables; the first round tells.
    pixel = min(_PIXEL * (precision.sigma if precision else own or 10.0), extent / _ACROSS)
    for _ in range(_ROUNDS):
        sums = ring_sums(good.x, good.y, block_N, blocks, pixel)
        curve = Curve(sums)
        found, interval = curve.resolution()
        if curve.from_the_start:
            if sums.of_tiles == 1:
                break
            pixel *= 4  # there may be structure that is larger than a tile shows
        elif not np.isfinite(found):
            pixel /= 2
        elif found < _FEWEST * pixel or (found > _MOST * pixel and sums.of_tiles > 1):
            pixel = found / _PIXELS
        else:
            break
    return FourierRing(
        curve.frequency_R,
        curve.all_R,
        curve.error_R,
        THRESHOLD,
        found,
        interval,
        "" if np.isfinite(found) else _why(curve),
        len(good),
        blocks,
        float(np.median(spans)),
        sums.pixel,
        sums.tiles,
        sums.of_tiles,
        precision,
        own,
        _warnings(precision, float(np.median(spans)), curve),
    )


def _why(curve: Curve) -> str:
    """Why there is no resolution."""
    if curve.from_the_start:
        return (
            "the correlation is not surely over 1/7 even for the coarsest structure; there are "
            "too few localisations, or no structure"
        )
    finest = 1 / curve.frequency_R[-1]
    return (
        f"the correlation stays over 1/7 down to {finest:.3g} nm, the finest that was looked at; "
        "positions may be rounded, or rows be there twice"
    )


def _blocks_of_time(frame_N: NDArray[np.int64], blocks: int) -> tuple[NDArray[np.int64], int]:
    """(N,) block of every localisation, of about equal numbers and whole frames; how many."""
    _, which_N, count_F = np.unique(frame_N, return_inverse=True, return_counts=True)
    middle_F = np.cumsum(count_F) - count_F / 2
    block_F = np.floor(middle_F / len(frame_N) * blocks).astype(np.int64)
    there, block_F = np.unique(block_F, return_inverse=True)
    return block_F[which_N], len(there)


def _own_precision(emitters: Emitters) -> float | None:
    """nm, median over rows."""
    if "sigma_x" not in emitters or "sigma_y" not in emitters:
        return None
    sigma_N = np.sqrt((emitters.sigma_x**2 + emitters.sigma_y**2) / 2)
    sigma_N = sigma_N[np.isfinite(sigma_N) & (sigma_N > 0)]
    return float(np.median(sigma_N)) if len(sigma_N) else None


def _warnings(precision: Nena | None, frames: float, curve: Curve) -> tuple[Message, ...]:
    said: list[Message] = []
    if precision is not None and frames < _TIMES_ON * precision.on_time:
        text = (
            f"molecules are on for {precision.on_time:.3g} frames in the mean and the blocks of "
            f"time are {frames:.0f} frames long: a molecule in several blocks correlates with "
            "itself, and the resolution looks better than it is; give fewer "
            f"{argument('blocks', '')} or a longer table"
        )
        said.append(Message(text))
    again = curve.rises_again()
    if np.isfinite(again):
        text = (
            f"the correlation rises over 1/7 again, up to {again:.3g} nm, as with a regular "
            "structure; look at the curve"
        )
        said.append(Message(text))
    return tuple(said)
