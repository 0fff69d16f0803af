"""The tokeniser: a field of emitters to codes, coarse to fine, and back.

Stage one, trained on simulated emitter fields and then frozen, as in VAR. A field has, for
every cell of the finest grid that holds an emitter, how many there are, where they are in
the cell and how bright. The encoder looks at each cell on its own, so what it says does not
depend on where the cell lies; a coarse code, which sums a region up, can only mean "how
many, how bright", a fine one "where".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from truevar.config import ModelConfig
from truevar.model.quantizer import EmitterVectorQuantizer, ScaleCodes

FIELD_CHANNELS = 4
"""Emitters in the cell, their mean offset in x and in y, their mean log photons."""

MOST = 3
"""A cell is decoded to at most so many emitters."""

_LOG_PHOTONS, _SPREAD = 6.5, 1.5
_RARE = (1.0, 10.0, 30.0)
"""Weights of cells with 1, 2 and 3 emitters: the latter are rare, and must be told apart."""


@dataclass(frozen=True)
class DecodedField:
    """Emitters per occupied finest cell, N cells in the order of ``occupied.nonzero()``.

    Attributes:
        log_count_NM: (N, MOST) logits of 1, 2, … emitters.
        offset_N2: x and y from the cell's centre, in cells.
        log_photons_N: mean log photons.
    """

    log_count_NM: torch.Tensor
    offset_N2: torch.Tensor
    log_photons_N: torch.Tensor


def emitter_field(
    crop_N: torch.Tensor,
    x_N: torch.Tensor,
    y_N: torch.Tensor,
    log_photons_N: torch.Tensor,
    cell: float,
    shape: tuple[int, int, int],
) -> torch.Tensor:
    """Emitters onto the finest grid.

    Args:
        crop_N: (N,) frame of every emitter.
        x_N, y_N: (N,) px; the centre of pixel (0, 0) is the origin. Those outside are left out.
        log_photons_N: (N,) log of photons.
        cell: width in px of a finest cell.
        shape: B, H, W of the grid.

    Returns:
        (B, 4, H, W): number, mean offset in x and y in cells (−½ … ½), mean log photons
        (standardised); all zero where there is no emitter.
    """
    B, H, W = shape
    across_N, down_N = (x_N + 0.5) / cell, (y_N + 0.5) / cell
    col_N, row_N = across_N.floor().long(), down_N.floor().long()
    inside = (col_N >= 0) & (col_N < W) & (row_N >= 0) & (row_N < H)
    value_N4 = torch.stack(
        [
            torch.ones_like(x_N),
            across_N - col_N - 0.5,
            down_N - row_N - 0.5,
            (log_photons_N - _LOG_PHOTONS) / _SPREAD,
        ],
        1,
    )[inside]
    cell_N = ((crop_N * H + row_N) * W + col_N)[inside]
    sum_R4 = value_N4.new_zeros(B * H * W, FIELD_CHANNELS).index_add(0, cell_N, value_N4)
    count_R1 = sum_R4[:, :1]
    mean_R4 = torch.cat([count_R1, sum_R4[:, 1:] / count_R1.clamp_min(1)], 1)
    return mean_R4.view(B, H, W, FIELD_CHANNELS).permute(0, 3, 1, 2)


class EmitterTokenizer(nn.Module):
    """Encoder, quantiser and decoder of emitter fields.

    Args:
        patch_nums, vocab_size, channels, quant_resi, codes: see
            :class:`truevar.model.quantizer.EmitterVectorQuantizer`.
        hidden: width of the encoder's and the decoder's hidden layer.
    """

    def __init__(
        self,
        patch_nums: Sequence[int] = (10, 20, 40, 80),
        vocab_size: int = 8192,
        channels: int = 8,
        quant_resi: float = 0.5,
        codes: str = "scalar",
        hidden: int = 64,
    ):
        super().__init__()
        self.quantizer = EmitterVectorQuantizer(patch_nums, vocab_size, channels, quant_resi, codes)
        self.enter = nn.Linear(FIELD_CHANNELS, channels)
        self.encoder = nn.Sequential(
            nn.Linear(FIELD_CHANNELS, hidden), nn.GELU(), nn.Linear(hidden, channels)
        )
        self.decoder = nn.Sequential(
            nn.Linear(channels, hidden), nn.GELU(), nn.Linear(hidden, MOST + 3)
        )
        self.leave = nn.Linear(channels, MOST + 3)

    @classmethod
    def of(cls, config: ModelConfig) -> EmitterTokenizer:
        """The tokeniser of a model, untrained."""
        return cls(
            config.patch_nums,
            config.vocab_size,
            config.code_channels,
            0.5 if config.phi else 0.0,
            config.codes,
        )

    def features(self, field_B4HW: torch.Tensor) -> torch.Tensor:
        """Fields of :func:`emitter_field` to (B, C, H, W) features, zero where nothing is."""
        occupied_BHW = field_B4HW[:, 0] > 0
        cell_N4 = field_B4HW.permute(0, 2, 3, 1)[occupied_BHW]
        f_NC = self.enter(cell_N4) + self.encoder(cell_N4)
        f_BHWC = f_NC.new_zeros(*occupied_BHW.shape, f_NC.shape[1])
        return f_BHWC.masked_scatter(occupied_BHW[..., None], f_NC).permute(0, 3, 1, 2)

    def encode(self, field_B4HW: torch.Tensor) -> tuple[torch.Tensor, list[ScaleCodes]]:
        """Fields to f̂ and the codes of every scale."""
        return self.quantizer.encode(self.features(field_B4HW), field_B4HW[:, :1] > 0)

    def decode(self, f_hat: torch.Tensor, occupied_B1HW: torch.Tensor) -> DecodedField:
        """f̂ and the finest cells that hold something to what they hold."""
        f_NC = f_hat.permute(0, 2, 3, 1)[occupied_B1HW[:, 0]]
        out_NO = self.leave(f_NC) + self.decoder(f_NC)
        return DecodedField(
            log_count_NM=out_NO[:, :MOST],
            offset_N2=out_NO[:, MOST : MOST + 2].clamp(-0.5, 0.5),
            log_photons_N=_LOG_PHOTONS + _SPREAD * out_NO[:, MOST + 2],
        )

    def loss(
        self, field_B4HW: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, float], list[ScaleCodes]]:
        """What stage one minimises, its terms by name, and the codes.

        Squared errors of offsets (in units of a tenth of a cell) and of standardised log
        photons, cross-entropy of the number, and how much of the features is left over.
        """
        f_BCHW = self.features(field_B4HW)
        occupied_B1HW = field_B4HW[:, :1] > 0
        f_hat, scales = self.quantizer.encode(f_BCHW, occupied_B1HW)
        f_NC = f_hat.permute(0, 2, 3, 1)[occupied_B1HW[:, 0]]
        out_NO = self.leave(f_NC) + self.decoder(f_NC)
        true_N4 = field_B4HW.permute(0, 2, 3, 1)[occupied_B1HW[:, 0]]
        count_N = true_N4[:, 0].long().clamp(1, MOST) - 1
        offset = (10 * (out_NO[:, MOST : MOST + 2] - true_N4[:, 1:3])).square().sum(1).mean()
        photons = (3 * (out_NO[:, MOST + 2] - true_N4[:, 3])).square().mean()
        number = F.cross_entropy(out_NO[:, :MOST], count_N, out_NO.new_tensor(_RARE))
        rest = (f_hat - f_BCHW).permute(0, 2, 3, 1)[occupied_B1HW[:, 0]].square().sum(1).mean()
        pull = torch.stack([scale.quantised.loss for scale in scales]).sum()
        total = offset + photons + 3 * number + 0.3 * rest + pull
        terms = {"offset": offset, "photons": photons, "number": number, "rest": rest, "pull": pull}
        return total, {name: float(value.detach()) for name, value in terms.items()}, scales
