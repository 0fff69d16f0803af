"""Multi-scale residual vector quantiser with one Phi network per scale.

VAR's quantiser (Tian et al. 2024, Algorithms 1 and 2, ``quant_resi``) for emitter fields.
Features of all scales add up in f̂: the residual f − f̂ is pooled to a scale's grid, rounded to
codes, brought back to the finest grid bicubically, passed through that scale's Phi and added.

Emitters are points, most cells are empty, and that changes three things. Pooling dilutes one
emitter by the number of finest cells in a coarse one, so a scale works on g · area(f − f̂), g
that number, and divides by g on the way up. "Nothing" is an exact zero: Phi has no bias, and
what a scale adds is confined to the cells it found occupied (bicubic → mask → Phi → mask).
So cells that are skipped equal cells that are computed (:mod:`truevar.model.f_hat`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from truevar.model.codes import Codebook, Codes, Quantised, ScalarCodes

SCALAR_FACTORS = ((16, 4), (8, 8, 4), (8, 8, 4, 4), (16, 16, 16, 2))
"""Levels of the codes' numbers per scale: 64, 256, 1024 and 8192 codes."""


class Phi(nn.Module):
    """A share of the input replaced by its 3×3 convolution; linear, without bias.

    Args:
        channels: C.
        ratio: the share (VAR's ``quant_resi``, 0.5).
    """

    def __init__(self, channels: int, ratio: float = 0.5):
        super().__init__()
        self.ratio = ratio
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, h_BChw: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) to the same shape."""
        return (1 - self.ratio) * h_BChw + self.ratio * self.conv(h_BChw)


@dataclass(frozen=True)
class ScaleCodes:
    """One scale of a quantised field.

    Attributes:
        active_B1hw: cells that hold something.
        quantised: their codes, in the order of ``active_B1hw.nonzero()``.
        vector_NC: what was rounded.
    """

    active_B1hw: torch.Tensor
    quantised: Quantised
    vector_NC: torch.Tensor


class EmitterVectorQuantizer(nn.Module):
    """Turns a feature map into codes per scale, and codes into feature maps.

    Args:
        patch_nums: the grids, coarse to fine. A field of another size has grids in the same
            proportions.
        vocab_size: codes of the finest scale.
        channels: C, width of the features.
        quant_resi: share of Phi's convolution; 0 for no Phi at all.
        codes: ``scalar`` or ``codebook``, see :mod:`truevar.model.codes`.
        codes_per_scale: how many codes each scale is allotted (of a codebook; scalar codes
            have their own numbers of levels).

    Attributes:
        quant_resi: the Phi networks, one per scale.
        codes: the vocabulary.
    """

    def __init__(
        self,
        patch_nums: Sequence[int] = (10, 20, 40, 80),
        vocab_size: int = 8192,
        channels: int = 8,
        quant_resi: float = 0.5,
        codes: str = "scalar",
        codes_per_scale: Sequence[int] = (64, 256, 1024, 8192),
    ):
        super().__init__()
        self.patch_nums = tuple(patch_nums)
        self.channels = channels
        self.vocab_size = vocab_size
        n = len(self.patch_nums)
        self.quant_resi = nn.ModuleList(
            Phi(channels, quant_resi) if quant_resi else nn.Identity() for _ in range(n)
        )
        self.codes: Codes
        if codes == "scalar":
            self.codes = ScalarCodes(channels, _scalar_factors(vocab_size, n))
        elif codes == "codebook":
            sizes = (vocab_size,) * max(n - 4, 0) + tuple(codes_per_scale)[-n:]
            self.codes = Codebook(channels, vocab_size, sizes)
        else:
            raise ValueError(f"codes are 'scalar' or 'codebook', not {codes!r}")

    def phi(self, si: int) -> nn.Module:
        """Phi of scale ``si``; beyond the last scale, the last one's."""
        return self.quant_resi[min(si, len(self.quant_resi) - 1)]

    def grid(self, si: int, SN: int, finest: tuple[int, int]) -> tuple[int, int]:
        """(h, w) of scale ``si`` of ``SN`` where the finest grid is ``finest``.

        Scales beyond ``patch_nums`` double the grid each time.
        """
        sizes = [*self.patch_nums]
        while len(sizes) < SN:
            sizes.append(2 * sizes[-1])
        h, w = (round(size * sizes[si] / sizes[SN - 1]) for size in finest)
        return h, w

    def add(
        self,
        si: int,
        SN: int,
        f_hat: torch.Tensor,
        h_BChw: torch.Tensor,
        active: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """f̂ after scale ``si``; see :meth:`get_next_autoregressive_input`."""
        size = f_hat.shape[2:]
        if active is not None:
            h_BChw = h_BChw * active
        h = h_BChw
        if si < SN - 1 and h.shape[2:] != size:
            h = F.interpolate(h, size=size, mode="bicubic")
        if active is None:
            return f_hat + self.phi(si)(h)
        mask = F.interpolate(active.to(h.dtype), size=size, mode="nearest")
        return f_hat + mask * self.phi(si)(mask * h)

    def get_next_autoregressive_input(
        self,
        si: int,
        SN: int,
        f_hat: torch.Tensor,
        h_BChw: torch.Tensor,
        active: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Add what scale ``si`` said, and make the input of the next scale.

        Args:
            si: the scale, from 0.
            SN: how many scales there are.
            f_hat: (B, C, H, W) what the coarser scales said, on the finest grid.
            h_BChw: (B, C, h, w) what this scale says, on its own grid.
            active: (B, 1, h, w) cells that this scale found occupied; nothing is added
                outside of them. None for all.

        Returns:
            f̂ with this scale, and its area mean on the next scale's grid; after the last
            scale f̂ twice. Arguments are not changed.
        """
        f_hat = self.add(si, SN, f_hat, h_BChw, active)
        if si == SN - 1:
            return f_hat, f_hat
        size = self.grid(si + 1, SN, (f_hat.shape[2], f_hat.shape[3]))
        return f_hat, F.interpolate(f_hat, size=size, mode="area")

    def phi_inside(self, si: int, h_BChw: torch.Tensor) -> torch.Tensor:
        """Phi of scale ``si`` where it sees nothing but the argument: one cell less all around."""
        phi = self.phi(si)
        if not isinstance(phi, Phi):
            return h_BChw[:, :, 1:-1, 1:-1]
        # What passes by the convolution goes into its middle weights: one pass, not four.
        weight_OCkk = phi.ratio * phi.conv.weight
        weight_OCkk[:, :, 1, 1] += (1 - phi.ratio) * torch.eye(len(weight_OCkk)).to(weight_OCkk)
        return F.conv2d(h_BChw, weight_OCkk)

    def gain(self, si: int, SN: int, finest: tuple[int, int]) -> float:
        """Finest cells in a cell of scale ``si``."""
        h, w = self.grid(si, SN, finest)
        return finest[0] * finest[1] / (h * w)

    def encode(
        self, f_BChw: torch.Tensor, occupied_B1hw: torch.Tensor
    ) -> tuple[torch.Tensor, list[ScaleCodes]]:
        """A field to codes, coarse to fine.

        Args:
            f_BChw: (B, C, H, W) features on the finest grid, zero where nothing is.
            occupied_B1hw: (B, 1, H, W) whether a finest cell holds something.

        Returns:
            f̂ after all scales, and the codes of every scale.
        """
        SN = len(self.patch_nums)
        f_hat = torch.zeros_like(f_BChw)
        scales = []
        for si in range(SN):
            vector_NC, active_B1hw = self.residual(si, SN, f_BChw - f_hat, occupied_B1hw)
            quantised = self.codes.quantise(vector_NC, si)
            scales.append(ScaleCodes(active_B1hw, quantised, vector_NC))
            h_BChw = self.spread(si, SN, quantised.vector_NC, active_B1hw, f_BChw.shape)
            f_hat = self.add(si, SN, f_hat, h_BChw, active_B1hw)
        return f_hat, scales

    def residual(
        self, si: int, SN: int, rest_BChw: torch.Tensor, occupied_B1hw: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, C) vectors to round at scale ``si`` and the (B, 1, h, w) cells they are of."""
        finest = (rest_BChw.shape[2], rest_BChw.shape[3])
        size = self.grid(si, SN, finest)
        gain = self.gain(si, SN, finest)
        active_B1hw = F.adaptive_max_pool2d(occupied_B1hw.float(), size) > 0
        pooled_BhwC = F.interpolate(rest_BChw, size=size, mode="area").permute(0, 2, 3, 1)
        return gain * pooled_BhwC[active_B1hw[:, 0]], active_B1hw

    def spread(
        self,
        si: int,
        SN: int,
        vector_NC: torch.Tensor,
        active_B1hw: torch.Tensor,
        shape: Sequence[int],
    ) -> torch.Tensor:
        """(N, C) vectors of active cells back onto the grid of scale ``si``."""
        B, _, h, w = active_B1hw.shape
        h_BhwC = vector_NC.new_zeros(B, h, w, vector_NC.shape[1])
        gain = self.gain(si, SN, (shape[2], shape[3]))
        h_BhwC = h_BhwC.masked_scatter(active_B1hw[:, 0, :, :, None], vector_NC / gain)
        return h_BhwC.permute(0, 3, 1, 2)


def _scalar_factors(vocab_size: int, n_scales: int) -> list[tuple[int, ...]]:
    """Levels per scale for a vocabulary: each halving of it drops the last number's levels."""
    known = [(8, 8)] * max(n_scales - 4, 0) + [*SCALAR_FACTORS][-n_scales:]
    factors = []
    for levels in known:
        fitting = list(levels)
        while torch.tensor(fitting).prod() > vocab_size and max(fitting) > 2:
            largest = fitting.index(max(fitting))
            fitting[largest] //= 2
        factors.append(tuple(fitting))
    return factors
