"""Image encoder without down-sampling: the camera frame at full resolution.

Two parts. The first sees one frame alone, so that a movie's every frame is
encoded once and kept for its neighbours; the second sees the frame together
with those before and after it, and is conditioned on the PSF width by a scale
and a shift of its layers (FiLM, Perez et al. 2018).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from truevar.model.normalise import CHANNELS
from truevar.model.strips import Strips


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

    def forward(
        self, f_BChw: torch.Tensor, cond_BD: torch.Tensor, strips: Strips | None = None
    ) -> torch.Tensor:
        """(B, C, h, w) features and (B, D) condition to (B, C, h, w) features.

        With ``strips`` features come and go as these hold them.
        """
        h_BChw = F.silu(f_BChw)
        h_BChw = strips.around(h_BChw) if strips else h_BChw
        h_BChw = modulated(self.first, h_BChw, self.film(cond_BD), within=strips is not None)
        h_BChw = F.silu(h_BChw, inplace=not torch.is_grad_enabled())
        if strips:
            around_BChw = strips.around(h_BChw)
            h_BChw = F.conv2d(around_BChw, self.second.weight, self.second.bias, 1, (0, 1))
            return h_BChw.add_(f_BChw)
        return self.second(h_BChw).add_(f_BChw)


def modulated(
    conv: nn.Conv2d, f_BChw: torch.Tensor, film_BC: torch.Tensor, within: bool = False
) -> torch.Tensor:
    """A convolution whose output is scaled and shifted (FiLM, Perez et al. 2018).

    Where all frames share one condition that is put into the convolution's weights.

    Args:
        conv: with C' output channels.
        f_BChw: (B, C, H, W) its input.
        film_BC: (B, 2 · C') or (1, 2 · C') scale less one, and shift.
        within: the rows above and below are there already, see :class:`Strips`; for one
            condition only.
    """
    scale_BC, shift_BC = (1 + film_BC[:, : conv.out_channels]), film_BC[:, conv.out_channels :]
    if len(film_BC) > 1:
        return conv(f_BChw) * scale_BC[:, :, None, None] + shift_BC[:, :, None, None]
    weight = conv.weight * scale_BC[0, :, None, None, None]
    assert conv.bias is not None
    bias_C = conv.bias * scale_BC[0] + shift_BC[0]
    padding = (0, 1) if within else conv.padding
    return F.conv2d(f_BChw, weight, bias_C, conv.stride, padding)


class FrameEncoder(nn.Module):
    """Frames to features at the camera's own resolution.

    Args:
        channels: features per pixel that the scales read.
        frame_channels: features per pixel of a frame on its own; fewer, for in training
            three frames are encoded for every one that is decided on.
        joint_blocks: blocks that see the frame with its neighbours.
        cond_dim: width of the condition.
        window: how many successive frames are seen together.
        stride: 4 for an encoder that down-samples single frames (what the mission's
            "original implementation" did, kept for comparison), 1 for none.
    """

    step = 1
    """Width in px of a place of what :meth:`encode_alone` gives."""
    gated = False
    """Whether it can do without the blocks of a frame that hold nothing."""

    def __init__(
        self,
        channels: int,
        frame_channels: int,
        joint_blocks: int,
        cond_dim: int,
        stride: int = 1,
        window: int = 3,
    ):
        super().__init__()
        self.channels = channels
        self.window = window
        self.stride = stride
        step = 2 if stride == 4 else 1
        self.enter = nn.Conv2d(CHANNELS, frame_channels, 3, padding=1, stride=step)
        self.alone = nn.Conv2d(frame_channels, frame_channels, 3, padding=1, stride=step)
        self.film = nn.Linear(cond_dim, 2 * channels)
        self.fuse = nn.Conv2d(window * frame_channels, channels, 3, padding=1)
        self.joint = nn.ModuleList(ResidualBlock(channels, cond_dim) for _ in range(joint_blocks))

    @property
    def reach(self) -> int:
        """How many pixels to each side a feature depends on."""
        return 3 + 2 * len(self.joint)

    def encode_alone(self, input_N4HW: torch.Tensor) -> torch.Tensor:
        """Single frames' channels (N, 4, H, W) to features (N, C', H, W)."""
        f_NChw = F.silu(self.alone(F.silu(self.enter(input_N4HW))))
        if self.stride > 1:
            f_NChw = F.interpolate(f_NChw, size=input_N4HW.shape[2:], mode="bilinear")
        return f_NChw

    def encode_joint(
        self,
        around_BCHW: Sequence[torch.Tensor],
        cond_BD: torch.Tensor,
        active_Bhw: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Single features (B, C', H, W) of ``window`` successive frames to those (B, C, H, W).

        What comes out describes the middle frame, all of it: ``active_Bhw`` changes nothing here.
        """
        f_BCHW = modulated(self.fuse, torch.cat(list(around_BCHW), 1), self.film(cond_BD))
        for block in self.joint:
            f_BCHW = block(f_BCHW, cond_BD)
        return F.silu(f_BCHW)
