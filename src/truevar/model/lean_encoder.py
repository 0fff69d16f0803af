"""A leaner image side: the frame's pixels rearranged, not dropped.

Squares of step × step px become one place with step² times the channels (space-to-depth): every
number of the frame is still there, so nothing is lost before the first prediction, but a layer
of the same width has a fourth (or a sixteenth) of the places to work on. The way back at the end
(pixel shuffle, Shi et al. 2016) gives every camera pixel features of its own again, so that the
scales read them as they read those of :class:`truevar.model.encoder.FrameEncoder`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from truevar.config import ModelConfig
from truevar.model.encoder import FrameEncoder, ResidualBlock, modulated
from truevar.model.normalise import CHANNELS
from truevar.model.strips import Strips


class DepthwiseBlock(nn.Module):
    """A 5×5 convolution of every channel by itself, then two layers at every place.

    The order of ConvNeXt (Liu et al. 2022), without its normalisation; the second layer is
    scaled and shifted by the condition (FiLM).
    """

    def __init__(self, channels: int, cond_dim: int, ratio: int = 2):
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 5, padding=2, groups=channels)
        self.up = nn.Conv2d(channels, ratio * channels, 1)
        self.film = nn.Linear(cond_dim, 2 * ratio * channels)
        self.down = nn.Conv2d(ratio * channels, channels, 1)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)
        with torch.no_grad():
            self.down.weight.mul_(0.3)

    def forward(self, f_BChw: torch.Tensor, cond_BD: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) features and (B, D) condition to (B, C, h, w) features."""
        h_BChw = modulated(self.up, self.mix(f_BChw), self.film(cond_BD))
        return f_BChw + self.down(F.silu(h_BChw, inplace=not torch.is_grad_enabled()))


class LeanEncoder(nn.Module):
    """Frames to features per camera pixel, by layers at a step-th of the resolution.

    Args:
        channels: features per pixel that the scales read.
        frame_channels: features per place of a frame on its own (kept between frames).
        width: features per place of the layers that see several frames.
        blocks: of those layers.
        mixing: ``conv`` for blocks of two 3×3 convolutions, or ``depthwise``.
        step: width in px of the squares that become one place.
        cond_dim: width of the condition.
        window: how many successive frames are seen together.
    """

    def __init__(
        self,
        channels: int,
        frame_channels: int,
        width: int,
        blocks: int,
        mixing: str,
        step: int,
        cond_dim: int,
        window: int = 3,
    ):
        super().__init__()
        self.channels = channels
        self.window = window
        self.step = step
        self.gated = mixing == "conv"
        self.enter = nn.Conv2d(CHANNELS * step**2, frame_channels, 3, padding=1)
        self.film = nn.Linear(cond_dim, 2 * width)
        self.fuse = nn.Conv2d(window * frame_channels, width, 3, padding=1)
        block = DepthwiseBlock if mixing == "depthwise" else ResidualBlock
        self.joint = nn.ModuleList(block(width, cond_dim) for _ in range(blocks))
        self.leave = nn.Conv2d(width, channels * step**2, 1)

    @property
    def reach(self) -> int:
        """How many pixels to each side a feature depends on."""
        # Two layers, and two places per block of either kind; a place is step px wide.
        return self.step * (2 + 2 * len(self.joint)) + self.step - 1

    def encode_alone(self, input_N4HW: torch.Tensor) -> torch.Tensor:
        """Single frames' channels (N, 4, H, W) to features (N, C', H / step, W / step)."""
        f_NChw = self.enter(F.pixel_unshuffle(input_N4HW, self.step))
        return F.silu(f_NChw, inplace=not torch.is_grad_enabled())

    def encode_joint(
        self,
        around_BChw: Sequence[torch.Tensor],
        cond_BD: torch.Tensor,
        active_Bhw: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Single features of ``window`` successive frames to (B, C, H, W) of the middle one.

        Args:
            around_BChw: of :meth:`encode_alone`, in order.
            cond_BD: (1, D) or (B, D) condition.
            active_Bhw: only these blocks of the frame matter, the others' features are zero; a
                block is some whole number of places wide. For one condition only.
        """
        all_BChw = torch.cat(list(around_BChw), 1)
        if active_Bhw is not None and self.gated and not active_Bhw.all():
            return self._encode_active(all_BChw, cond_BD, active_Bhw)
        f_BChw = modulated(self.fuse, all_BChw, self.film(cond_BD))
        for block in self.joint:
            f_BChw = block(f_BChw, cond_BD)
        # What is read of them is linear, and so are they: nothing is cut off at zero.
        return F.pixel_shuffle(self.leave(F.silu(f_BChw)), self.step)

    def _encode_active(
        self, all_BChw: torch.Tensor, cond_BD: torch.Tensor, active_Bhw: torch.Tensor
    ) -> torch.Tensor:
        B, _, h, w = all_BChw.shape
        if not active_Bhw.any():
            return all_BChw.new_zeros(B, self.channels, h * self.step, w * self.step)
        strips = Strips(active_Bhw, h // active_Bhw.shape[1])
        f_1CsW = modulated(self.fuse, strips.cut(all_BChw), self.film(cond_BD), within=True)
        for block in self.joint:
            f_1CsW = block(f_1CsW, cond_BD, strips)
        laid_BChw = strips.laid_out(self.leave(F.silu(f_1CsW)))
        return F.pixel_shuffle(laid_BChw, self.step)


def make_encoder(config: ModelConfig) -> FrameEncoder | LeanEncoder:
    """The image side that a configuration describes, untrained."""
    if config.image_side == "lean":
        return LeanEncoder(
            config.stem_channels,
            config.frame_channels,
            config.lean_width,
            config.joint_blocks,
            config.lean_mixing,
            config.lean_step,
            config.cond_dim,
            config.window,
        )
    return FrameEncoder(
        config.stem_channels,
        config.frame_channels,
        config.joint_blocks,
        config.cond_dim,
        config.encoder_stride,
        config.window,
    )
