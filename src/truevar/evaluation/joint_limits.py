"""What light allows where emitters overlap: joint Cramér–Rao bounds, and the best efficiency.

The Fisher information of all emitters of a frame together, with that frame's
background, or of a frame and its neighbours: then x and y are shared over the
frames an emitter is on in, while each frame has photons and a background of its own.
Weak priors (information 1 per px² on x and y, 1 on the logarithm of the photons) keep
emitters on top of each other from having infinite bounds. The number of emitters and
their identity over frames are taken as known, so that nobody reaches the bound of
three frames fully, and that of one can be passed by looking at three.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from truevar.camera import Camera
from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.evaluation.matching import BORDER_NM, DIM_SHARE, RADIUS_NM, efficiency, is_scored
from truevar.imaging.fisher import FrameInformation, FrameModel, tiles, window_bounds
from truevar.imaging.psf import PSF, Floats


@dataclass(frozen=True)
class Limit:
    """The best efficiency, and what it is made of.

    Attributes:
        efficiency: E of docs/protocol.md.
        jaccard: share of the scored emitters that can be found, in %.
        rmse: lateral root-mean-square bound of those, nm; NaN without any.
        emitters: number of scored emitters.
        missed: number of those whose bound is above half the matching radius.
    """

    efficiency: float
    jaccard: float
    rmse: float
    emitters: int
    missed: int

    def as_dict(self) -> dict[str, float]:
        """Plain values for JSON."""
        return asdict(self)


def joint_bound(
    truth: Emitters,
    pixel_size: float,
    shape: tuple[int, int],
    psf_sigma: float | ArrayLike,
    camera: Camera,
    background: ArrayLike | None = None,
    window: int = 1,
    frames: Iterable[int] | None = None,
    psf: PSF | None = None,
) -> Floats:
    """Joint bounds of every emitter on its x and y.

    Frames with a side above 100 px are worked through in tiles with a halo of 12 sigmas,
    whose bound lies above the exact one by less than 1 %.

    Args:
        truth: true emitters with ``photons`` (above 0), and ``id`` if ``window`` is above 1.
        pixel_size: nm.
        shape: (H, W) px.
        psf_sigma: width of the Gaussian PSF, nm; one number or one per row of ``truth``.
        camera: the noise.
        background: photo-electrons per pixel: a number, one per frame (F,), a map (H, W) or
            a map per frame (F, H, W). A map's shape is known, its scale is estimated.
            Default: the mean of the ``bg`` column in each frame.
        window: 1 for the frame alone, 3 for the frame and its two neighbours, 5 for four of
            them (those that the table knows: a missing neighbour tells nothing).
        frames: frames to work out; default all.
        psf: of every row of ``truth``, in place of a round Gaussian of ``psf_sigma``.

    Returns:
        (len(truth), 2) standard deviations of x and y in nm, NaN in frames not worked out.

    Raises:
        UserError: columns are missing, photons are not above 0, an ``id`` occurs twice in
            a frame, ``window`` is no odd number, or the background has no valid shape.
    """
    if window < 1 or not window % 2:
        raise UserError("window must be an odd number of frames")
    if "photons" not in truth or (window > 1 and "id" not in truth):
        raise UserError("joint bounds need photons, and id if they span several frames")
    if not np.all(truth["photons"] > 0):
        raise UserError("joint bounds need photons above 0")
    if window > 1 and len({*zip(truth["frame"], truth["id"], strict=True)}) < len(truth):
        raise UserError("an id occurs twice in one frame")
    model = FrameModel(truth, pixel_size, shape, psf_sigma, camera, background, psf)
    rows_of = model.rows_of
    std_N2 = np.full((len(truth), 2), np.nan)
    wanted = sorted(rows_of if frames is None else set(frames) & set(rows_of))
    for tile in tiles(shape, model.psf.width):
        held: dict[int, FrameInformation] = {}
        for frame in wanted:
            # A neighbour without emitters tells nothing about this frame's.
            reach = range(frame - window // 2, frame + window // 2 + 1)
            near = [f for f in reach if f in rows_of]
            held = {f: held[f] if f in held else model.information(f, tile) for f in near}
            centre = held[frame]
            own_n = model.inside(centre.rows_n, tile)
            if own_n.any():
                std_n2 = window_bounds(list(held.values()), centre, model.names(window))
                std_N2[centre.rows_n[own_n]] = std_n2[own_n] * pixel_size
    return std_N2


def limit_efficiency(
    truth: Emitters,
    pixel_size: float,
    shape: tuple[int, int],
    psf_sigma: float | ArrayLike,
    camera: Camera,
    background: ArrayLike | None = None,
    window: int = 3,
    frames: Iterable[int] | None = None,
    border: float = BORDER_NM,
    dim_share: float = DIM_SHARE,
    radius: float = RADIUS_NM,
) -> Limit:
    """The efficiency that the joint bounds allow ("The joint limits" of docs/protocol.md).

    An emitter whose lateral bound √(var x + var y) exceeds half the matching radius counts
    as missed; the others are found with the error of their bound; there are no false
    alarms. The border and the dimmest emitters are left out as in scoring.

    Args:
        truth: as in :func:`joint_bound`, like the arguments up to ``frames``.
        pixel_size: nm.
        shape: (H, W) px.
        psf_sigma: nm.
        camera: the noise.
        background: photo-electrons per pixel.
        window: an odd number of frames.
        frames: frames to work out; default all. (The dimmest are always those of the
            whole table.)
        border: nm left out along the edges.
        dim_share: share of the dimmest emitters left out.
        radius: matching radius, nm.

    Raises:
        UserError: as in :func:`joint_bound`.
    """
    std_N2 = joint_bound(truth, pixel_size, shape, psf_sigma, camera, background, window, frames)
    scored_N = is_scored(truth, pixel_size, shape[1], shape[0], border, dim_share)
    lateral_N = np.hypot(std_N2[:, 0], std_N2[:, 1])[scored_N]
    return limit_of(lateral_N[np.isfinite(lateral_N)], radius)


def limit_of(lateral_N: ArrayLike, radius: float = RADIUS_NM) -> Limit:
    """The limit for (N,) lateral bounds in nm of scored emitters, all finite."""
    lateral = np.asarray(lateral_N, dtype=np.float64)
    if len(lateral) == 0:
        return Limit(float("nan"), float("nan"), float("nan"), 0, 0)
    found = lateral[lateral <= 0.5 * radius]
    jaccard = 100.0 * len(found) / len(lateral)
    rmse = float(np.sqrt(np.mean(found**2))) if len(found) else float("nan")
    best = float(efficiency(jaccard, rmse if len(found) else radius))
    return Limit(best, jaccard, rmse, len(lateral), len(lateral) - len(found))
