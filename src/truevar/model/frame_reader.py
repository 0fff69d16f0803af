"""The part of the model that reads frames: brought to one scale, padded, encoded, joined."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import nn

from truevar.model.encoder import FrameEncoder
from truevar.model.lean_encoder import LeanEncoder
from truevar.model.normalise import normalise

DEFAULT_PSF_SIGMA = 1.3
"""PSF width in px assumed where none is given."""

_LARGEST_COUNT = 1e7


class FrameReader(nn.Module, ABC):
    """From successive frames to joint features of the middle one.

    Attributes:
        encoder: the image side.
    """

    encoder: FrameEncoder | LeanEncoder

    @property
    def around(self) -> int:
        """How many frames to each side are looked at with the one that is decided on."""
        return self.encoder.window // 2

    @abstractmethod
    def pad_to(self, coarsest: float | None = None) -> int:
        """Frames are padded to a multiple of so many px; ``coarsest`` as in :meth:`encode`."""

    @abstractmethod
    def condition(
        self, psf_sigma_B: torch.Tensor, scale: int | None = None, cell: float = 1.0
    ) -> torch.Tensor:
        """(B, cond_dim) condition from the PSF width in px; the encoder's if no scale is given."""

    def encode_frames(
        self, input_N4HW: torch.Tensor, coarsest: float | None = None
    ) -> torch.Tensor:
        """Encode single frames, each on its own.

        Args:
            input_N4HW: (N, 4, H, W) channels of :func:`truevar.model.normalise.normalise`;
                all zero stands for a frame that does not exist.
            coarsest: px of the first scale's cells; those for localising by default.

        Returns:
            (N, C', H' / step, W' / step) features, H' and W' the next multiples of
            :meth:`pad_to`, ``step`` the encoder's.
        """
        multiple = self.pad_to(coarsest)
        H, W = input_N4HW.shape[2:]
        # The outermost pixels go on beyond the frame. Zeros there, which no frame in training had,
        # look like an edge of light to the network: it found emitters all along it.
        pads = (0, -W % multiple, 0, -H % multiple)
        input_N4HW = F.pad(input_N4HW, pads, mode="replicate")
        return self.encoder.encode_alone(input_N4HW)

    def encode(
        self,
        counts_BTHW: torch.Tensor,
        psf_sigma_B: torch.Tensor | float = DEFAULT_PSF_SIGMA,
        read_variance_BHW: torch.Tensor | float = 0.0,
        exists_BT: torch.Tensor | None = None,
        coarsest: float | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Features of the middle frame among its neighbours; see the model's ``forward``.

        Frames further away than the model looks are passed over; where there are fewer, those that
        lack do not exist.

        Args:
            counts_BTHW: (B, T, H, W) effective counts of T successive frames, an odd number.
            psf_sigma_B: PSF width in px, one for all or one each.
            read_variance_BHW: variance of the read noise, effective.
            exists_BT: (B, T) False where a neighbour does not exist.
            coarsest: px of the first scale's cells; those for localising by default.

        Returns:
            (B, C, H', W') joint features, (B, H, W) local background, (B,) PSF widths: what
            the scales decide from.

        Raises:
            ValueError: an even number of frames: none is the middle one.
        """
        B, T, H, W = counts_BTHW.shape
        if T % 2 == 0:
            raise ValueError(
                f"the model takes 1 frame or an odd number of successive ones, not {T}"
            )
        if (beyond := T // 2 - self.around) > 0:
            counts_BTHW = counts_BTHW[:, beyond : T - beyond]
            exists_BT = None if exists_BT is None else exists_BT[:, beyond : T - beyond]
            T = counts_BTHW.shape[1]
        device = counts_BTHW.device
        counts_BTHW = counts_BTHW.float().clamp(-_LARGEST_COUNT, _LARGEST_COUNT)
        sigma_B = torch.as_tensor(psf_sigma_B, dtype=torch.float32, device=device)
        sigma_B = sigma_B.reshape(-1).expand(B)
        read_BHW = torch.as_tensor(read_variance_BHW, dtype=torch.float32, device=device)
        read_BHW = read_BHW.expand(B, H, W) if read_BHW.dim() < 3 else read_BHW
        read_NHW = read_BHW.repeat_interleave(T, 0) if len(read_BHW) == B else read_BHW
        input_N4HW, back_NHW = normalise(counts_BTHW.flatten(0, 1), read_NHW)
        if exists_BT is not None:
            input_N4HW = input_N4HW * exists_BT.reshape(-1, 1, 1, 1)
        back_BHW = back_NHW.view(B, T, H, W)[:, T // 2]
        f_NCHW = self.encode_frames(input_N4HW, coarsest)
        frames = list(f_NCHW.unflatten(0, (B, T)).unbind(1))
        if lacking := self.around - T // 2:
            nothing = input_N4HW.new_zeros(1, *input_N4HW.shape[1:])
            missing = self.encode_frames(nothing, coarsest).expand_as(frames[0])
            frames = lacking * [missing] + frames + lacking * [missing]
        f_BChw = self.encoder.encode_joint(frames, self.condition(sigma_B))
        return f_BChw, back_BHW, sigma_B
