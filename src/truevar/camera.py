"""Cameras: from photo-electrons to ADU and back, and the noise between.

    photo-electrons = (ADU - baseline) * e_per_adu / em_gain

"Photons" everywhere in the project are detected photo-electrons, so the quantum
efficiency is recorded and never divided by. Two kinds of camera are modelled:

* sCMOS (and CCD): Poisson photo-electrons plus Gaussian read noise; baseline,
  conversion and read noise may differ from pixel to pixel;
* EMCCD (``em_gain`` > 1): photo-electrons and clock-induced charge are Poisson,
  multiplied in a register whose output for n electrons is Gamma(n, gain)
  distributed (Hirsch et al., PLoS ONE 2013, eq. 5), then read noise. The
  multiplication doubles the variance of the photon noise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from truevar.errors import UserError

EMCCD_EXCESS = 2.0
"""Variance of an EMCCD's photon noise over that of a Poisson count (high-gain limit)."""

_MAPS = ("baseline", "e_per_adu", "read_sigma")
"""What may differ from pixel to pixel."""


@dataclass(frozen=True, eq=False)
class Camera:
    """What turns photo-electrons into a movie's numbers.

    Args:
        baseline: ADU at no light; a number or a (H, W) map.
        e_per_adu: electrons (after multiplication) per ADU; a number or a (H, W) map.
        em_gain: mean multiplication of an EMCCD; 1 for every other camera.
        read_sigma: read noise in electrons at the read-out, that is, after
            multiplication; a number or a (H, W) map.
        cic: clock-induced charge, electrons per pixel and frame before multiplication.
        qe: quantum efficiency, recorded only.
        source: where the numbers came from, for the output's metadata.

    Raises:
        UserError: a number that no camera can have, or maps of different shapes.
    """

    baseline: float | NDArray[np.float32] = 0.0
    e_per_adu: float | NDArray[np.float32] = 1.0
    em_gain: float = 1.0
    read_sigma: float | NDArray[np.float32] = 0.0
    cic: float = 0.0
    qe: float | None = None
    source: str = "given"

    def __post_init__(self) -> None:
        for name in ("baseline", "e_per_adu", "em_gain", "read_sigma", "cic"):
            values = np.asarray(getattr(self, name))
            if values.dtype.kind not in "iuf" or not np.all(np.isfinite(values)):
                raise UserError(f"the camera's {name} is not a finite number")
            if values.ndim != 0 and (values.ndim != 2 or name not in _MAPS):
                raise UserError(f"the camera's {name} has the shape {values.shape}")
        shapes = {np.shape(getattr(self, name)) for name in _MAPS} - {()}
        if len(shapes) > 1:
            raise UserError(f"the camera's maps have different shapes: {sorted(shapes)}")
        if not np.all(np.asarray(self.e_per_adu) > 0):
            raise UserError("the camera's e_per_adu must be above 0")
        if self.em_gain < 1:
            raise UserError("the camera's em_gain must be at least 1 (1 for an sCMOS)")
        if not (np.all(np.asarray(self.read_sigma) >= 0) and self.cic >= 0):
            raise UserError("the camera's noise (read_sigma, cic) must not be negative")

    @classmethod
    def from_maps(cls, maps: ArrayLike, source: str = "maps") -> Camera:
        """An sCMOS from per-pixel calibration maps.

        Args:
            maps: (3, H, W): offset in ADU, variance in ADU², gain in ADU per electron.
            source: recorded.

        Raises:
            UserError: wrong shape, a gain that is not positive, a negative variance.
        """
        try:
            values = np.asarray(maps, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise UserError("camera maps must be an array of numbers (3, H, W)") from error
        if values.ndim != 3 or values.shape[0] != 3:
            raise UserError(f"camera maps must have the shape (3, H, W), not {values.shape}")
        offset, variance, gain = values
        if not (np.all(gain > 0) and np.all(variance >= 0)):
            raise UserError("camera maps need gains above 0 and variances of at least 0")
        return cls(offset, 1.0 / gain, 1.0, np.sqrt(variance) / gain, source=source)

    @property
    def excess(self) -> float:
        """Factor on the variance of photon noise: 2 for an EMCCD, else 1."""
        return EMCCD_EXCESS if self.em_gain > 1 else 1.0

    @property
    def read_variance(self) -> float | NDArray[np.float32]:
        """Variance of read noise in photo-electrons² (before multiplication)."""
        return (self.read_sigma / self.em_gain) ** 2

    @property
    def shape(self) -> tuple[int, int] | None:
        """(H, W) of the per-pixel maps, None if there are none."""
        for name in _MAPS:
            if np.ndim(getattr(self, name)) == 2:
                height, width = np.shape(getattr(self, name))
                return height, width
        return None

    def crop(self, rows: slice, cols: slice) -> Camera:
        """The camera of a region of interest (numbers stay as they are)."""
        cut: dict[str, Any] = {
            name: getattr(self, name)[rows, cols]
            for name in _MAPS
            if np.ndim(getattr(self, name)) == 2
        }
        return replace(self, **cut)

    def to_photons(self, adu: ArrayLike) -> NDArray[np.float32]:
        """Movie numbers (…, H, W) in ADU to photo-electrons, float32."""
        electrons = (np.asarray(adu, dtype=np.float32) - self.baseline) * self.e_per_adu
        return np.asarray(electrons / self.em_gain, dtype=np.float32)

    def expose(
        self, expected: torch.Tensor, generator: torch.Generator | None = None
    ) -> torch.Tensor:
        """One noisy exposure.

        Args:
            expected: (…, H, W) expected photo-electrons per pixel.
            generator: source of randomness on the tensor's device.

        Returns:
            (…, H, W) whole ADU as floats, not clipped to any integer type.
        """

        def tensor(value: float | NDArray[np.float32]) -> torch.Tensor:
            return torch.as_tensor(value, dtype=expected.dtype, device=expected.device)

        return sample_adu(
            expected,
            baseline=tensor(self.baseline),
            e_per_adu=tensor(self.e_per_adu),
            em_gain=self.em_gain,
            read_sigma=tensor(self.read_sigma),
            cic=self.cic,
            generator=generator,
        )

    def describe(self) -> dict[str, Any]:
        """Plain values for metadata; of a map, its median."""
        plain: dict[str, Any] = {
            "baseline": float(np.median(self.baseline)),
            "e_per_adu": float(np.median(self.e_per_adu)),
            "em_gain": float(self.em_gain),
            "read_sigma": float(np.median(self.read_sigma)),
            "cic": float(self.cic),
            "per_pixel_maps": self.shape is not None,
            "source": self.source,
        }
        if self.qe is not None:
            plain["qe"] = float(self.qe)
        return plain


def sample_adu(
    expected: torch.Tensor,
    *,
    baseline: torch.Tensor | float,
    e_per_adu: torch.Tensor | float,
    em_gain: float,
    read_sigma: torch.Tensor | float,
    cic: float = 0.0,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Noisy ADU for expected photo-electrons; arguments broadcast against ``expected``.

    Same units as :class:`Camera`; this form takes a different camera for every
    item of a batch (``em_gain`` is one number per call, for the two noise
    models differ in kind).
    """
    electrons = torch.poisson(expected.clamp_min(0) + cic, generator=generator)
    if em_gain > 1:
        electrons = _standard_gamma(electrons, generator) * em_gain
    noise = torch.empty_like(electrons).normal_(generator=generator)
    return torch.round((electrons + read_sigma * noise) / e_per_adu + baseline)


def _standard_gamma(shape: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
    """Gamma(shape, 1) samples; exactly 0 where the shape is 0."""
    safe = shape.clamp_min(1.0)
    if generator is None:
        sample = torch._standard_gamma(safe)
    else:
        sample = torch._standard_gamma(safe, generator=generator)
    return torch.where(shape > 0, sample, torch.zeros_like(sample))


SCMOS = Camera(baseline=100.0, e_per_adu=0.46, read_sigma=1.5, source="2d-scmos of the protocol")
"""The sCMOS of the protocol's scenes."""

EMCCD = Camera(
    baseline=100.0,
    e_per_adu=45.0,
    em_gain=300.0,
    read_sigma=74.4,
    cic=0.002,
    source="2d-emccd of the protocol",
)
"""The EMCCD of the protocol's scenes."""
