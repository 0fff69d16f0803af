"""What the training scenes are drawn from, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from truevar.config.checks import (
    check_above_zero,
    check_least,
    check_share,
    check_types,
    from_plain,
    refuse,
    to_plain,
)

_SPREAD = 2.0
"""Normal draws of the mix are cut at so many standard deviations."""

WIDEST_DEFOCUS = 2.5
"""And those of :attr:`TrainingMix.defocus` at so many."""


@dataclass(frozen=True)
class TrainingMix:
    """Ranges that a crop's microscope and sample are drawn from.

    Lengths in px, photons and background in photo-electrons, densities in emitters on at
    one instant per px² (0.01 is 1 /µm² at 100 nm px), times in frames. ``psf_error`` is how
    far the stated width is off, ``defocus`` how much wider single emitters are, both relative
    standard deviations: real spots are not all of one width. ``motion`` is the step of a
    diffusing emitter from frame to frame along an axis: neighbouring frames must not be
    trusted blindly.

    Cameras: ``read_sigma`` in electrons and ``e_per_adu`` are those of sCMOS cameras;
    ``hot_share`` is the largest share of hot pixels on a per-pixel map, ``hot_read_sigma`` their
    typical and largest read noise. An EMCCD multiplies by ``em_gain`` and has
    ``emccd_e_per_adu``; before multiplication its read noise comes to ``emccd_read_share`` of an
    sCMOS's.

    Raises:
        UserError: a range that is reversed, a share above 1, …
    """

    psf_sigma: tuple[float, float] = (0.75, 2.2)
    usual_psf_sigma: tuple[float, float] = (0.95, 1.45)
    photons: tuple[float, float] = (100.0, 20000.0)
    usual_photons: tuple[float, float] = (400.0, 5000.0)
    background: tuple[float, float] = (2.0, 200.0)
    usual_background: tuple[float, float] = (8.0, 60.0)
    density: tuple[float, float] = (0.0015, 0.06)
    sparse_density: tuple[float, float] = (0.0001, 0.0015)
    lifetime: tuple[float, float] = (0.7, 10.0)
    usual_share: float = 0.5
    sparse_share: float = 0.12
    haze_share: float = 0.2
    maps_share: float = 0.15
    emccd_share: float = 0.12
    alone_share: float = 0.06
    edge_share: float = 0.1
    psf_error: float = 0.04
    ellipticity: float = 0.04
    defocus_share: float = 0.5
    defocus: float = 0.12
    moving_share: float = 0.15
    motion: tuple[float, float] = (0.1, 1.5)
    read_sigma: tuple[float, float] = (0.6, 3.0)
    e_per_adu: tuple[float, float] = (0.1, 2.2)
    hot_share: float = 0.02
    hot_read_sigma: tuple[float, float] = (4.0, 40.0)
    em_gain: float = 300.0
    emccd_e_per_adu: float = 45.0
    emccd_read_share: float = 0.17

    def __post_init__(self) -> None:
        check_types(self)
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, tuple):
                if len(value) != 2 or not 0 < value[0] <= value[1]:
                    refuse(self, item.name, "a range: two numbers above 0, the smaller one first")
            elif item.name.endswith("_share"):
                check_share(self, item.name)
        if self.photons[1] < 2 * self.photons[0]:
            refuse(self, "photons", "a range of a factor 2 or more")
        for name in ("psf_error", "ellipticity", "defocus"):
            check_least(self, name, 0)
            if _SPREAD * getattr(self, name) >= 1:
                refuse(self, name, "a relative standard deviation below 0.5")
        check_least(self, "em_gain", 1)
        check_above_zero(self, "emccd_e_per_adu")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return to_plain(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainingMix:
        """The inverse of :meth:`to_dict`.

        Raises:
            UserError: a key this version does not know, a value that cannot work.
        """
        return from_plain(cls, values, "training mix")

    def domain(self) -> dict[str, Any]:
        """What a model trained on this mix knows; goes into the weights' header.

        Ranges of lengths in px, of light in photo-electrons, of densities in emitters on at one
        instant per px², of times in frames. Read noise is that before an EM gain multiplies.
        Ellipticity is the widths' relative deviation from their mean, focus an emitter's width
        over the PSF's, PSF error that of the stated width.
        """
        low_read, high_read = self.read_sigma
        if self.emccd_share:
            low_read *= self.emccd_read_share
        if self.maps_share and self.hot_share:
            high_read = max(high_read, self.hot_read_sigma[1])
        defocus = self.defocus if self.defocus_share else 0.0
        return {
            "psf_sigma": _both(self.psf_sigma, self.usual_psf_sigma, self.usual_share),
            "psf_error": [-_SPREAD * self.psf_error, _SPREAD * self.psf_error],
            "ellipticity": [0.0, _SPREAD * self.ellipticity],
            "focus": [1.0, 1 + WIDEST_DEFOCUS * defocus],
            "photons": _both(self.photons, self.usual_photons, self.usual_share),
            "background": _both(self.background, self.usual_background, self.usual_share),
            "density_per_px": [0.0, max(self.density[1], self.sparse_density[1])],
            "lifetime": _both(self.lifetime, (2.0, 2.0), self.usual_share),
            "motion": [0.0, self.motion[1] if self.moving_share else 0.0],
            "read_sigma": [round(low_read, 4), high_read],
            "e_per_adu": list(self.e_per_adu),
            "em_gain": [1.0, self.em_gain if self.emccd_share else 1.0],
            "dimensions": 2,
            "psf": "Gaussian",
            "cameras": ["sCMOS", "EMCCD"] if self.emccd_share else ["sCMOS"],
        }


def _both(wide: tuple[float, float], usual: tuple[float, float], usual_share: float) -> list[float]:
    """The range that two together cover, as far as crops are drawn from each."""
    parts = [wide] * (usual_share < 1) + [usual] * (usual_share > 0)
    return [min(low for low, _ in parts), max(high for _, high in parts)]
