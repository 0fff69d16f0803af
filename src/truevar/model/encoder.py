"""Image encoder without down-sampling: the camera frame at full resolution.

Two parts. The first sees one frame alone, so that a movie's every frame is
encoded once and kept for its neighbours; the second sees the frame together
with the one before and the one after, and is conditioned on the PSF width by a scale
and a shift of its layers (FiLM, Perez et al. 2018).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from truevar.model.normalise import CHANNELS


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with a conditioned scale and shift between them."""

    def __init__(self, channels: int, cond_dim: int):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.film = nn.Linear(cond_dim, 2 * channels)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)
        with torch.no_grad():
            self.second.weight.mul_(0.3)

    def forward(self, f_BChw: torch.Tensor, cond_BD: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) features and (B, D) condition to (B, C, h, w) features."""
        scale_BC11, shift_BC11 = self.film(cond_BD)[:, :, None, None].chunk(2, dim=1)
        h_BChw = self.first(F.silu(f_BChw))
        h_BChw = h_BChw * (1 + scale_BC11) + shift_BC11
        return f_BChw + self.second(F.silu(h_BChw))


class FrameEncoder(nn.Module):
    """Frames to features at the camera's own resolution.

    Args:
        channels: features per pixel that the scales read.
        frame_channels: features per pixel of a frame on its own; fewer, for in training
            three frames are encoded for every one that is decided on.
        joint_blocks: blocks that see the frame with its neighbours.
        cond_dim: width of the condition.
    """

    def __init__(self, channels: int, frame_channels: int, joint_blocks: int, cond_dim: int):
        super().__init__()
        self.channels = channels
        self.enter = nn.Conv2d(CHANNELS, frame_channels, 3, padding=1)
        self.alone = nn.Conv2d(frame_channels, frame_channels, 3, padding=1)
        self.film = nn.Linear(cond_dim, 2 * channels)
        self.fuse = nn.Conv2d(3 * frame_channels, channels, 3, padding=1)
        self.joint = nn.ModuleList(ResidualBlock(channels, cond_dim) for _ in range(joint_blocks))

    @property
    def reach(self) -> int:
        """How many pixels to each side a feature depends on."""
        return 3 + 2 * len(self.joint)

    def encode_alone(self, input_N4HW: torch.Tensor) -> torch.Tensor:
        """Single frames' channels (N, 4, H, W) to features (N, C', H, W)."""
        return F.silu(self.alone(F.silu(self.enter(input_N4HW))))

    def encode_joint(
        self,
        before_BCHW: torch.Tensor,
        centre_BCHW: torch.Tensor,
        after_BCHW: torch.Tensor,
        cond_BD: torch.Tensor,
    ) -> torch.Tensor:
        """Single features (B, C', H, W) of three successive frames to those (B, C, H, W).

        What comes out describes the middle frame.
        """
        f_BCHW = self.fuse(torch.cat([before_BCHW, centre_BCHW, after_BCHW], 1))
        scale_BC11, shift_BC11 = self.film(cond_BD)[:, :, None, None].chunk(2, dim=1)
        f_BCHW = f_BCHW * (1 + scale_BC11) + shift_BC11
        for block in self.joint:
            f_BCHW = block(f_BCHW, cond_BD)
        return F.silu(f_BCHW)
