"""What the training scenes are drawn from, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TrainingMix:
    """Ranges that a crop's microscope and sample are drawn from.

    Lengths in px, photons and background in photo-electrons, densities in emitters on at
    one instant per px² (0.01 is 1 /µm² at 100 nm px), times in frames. ``psf_error`` is how
    far the stated width is off, ``defocus`` how much wider single emitters are, both relative
    standard deviations: real spots are not all of one width. ``motion`` is the step of a
    diffusing emitter from frame to frame along an axis: neighbouring frames must not be
    trusted blindly.
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

    def domain(self) -> dict[str, Any]:
        """What a model trained on this mix knows; goes into the weights' header."""
        return {
            "psf_sigma": list(self.psf_sigma),
            "photons": list(self.photons),
            "background": list(self.background),
            "density_per_px": [0.0, self.density[1]],
            "dimensions": 2,
            "psf": "Gaussian",
            "cameras": ["sCMOS", "EMCCD"],
        }
