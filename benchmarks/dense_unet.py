"""The yardstick: a dense U-Net localiser of the kind of DECODE (Speiser et al. 2021), our own code.

One U-Net looks at each frame alone (in use once per frame, kept for its neighbours), a second at
the features of three successive frames; depth 2, 48 features at full resolution. Every pixel
answers with a probability, photons, x, y, their errors, and the background. Untrained here: it
stands for what such a network costs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

FEATURES = 48
OUTPUTS = {"probability": 1, "emitter": 4, "errors": 4, "background": 1}


class Pair(nn.Sequential):
    """Two 3×3 convolutions."""

    def __init__(self, channels: int, wide: int):
        super().__init__(
            nn.Conv2d(channels, wide, 3, padding=1),
            nn.ELU(inplace=True),
            nn.Conv2d(wide, wide, 3, padding=1),
            nn.ELU(inplace=True),
        )


class UNet(nn.Module):
    """Two levels down and up again."""

    def __init__(self, channels: int, wide: int = FEATURES):
        super().__init__()
        self.first, self.second = Pair(channels, wide), Pair(wide, 2 * wide)
        self.lowest = Pair(2 * wide, 4 * wide)
        self.up_second = nn.ConvTranspose2d(4 * wide, 2 * wide, 2, stride=2)
        self.back_second = Pair(4 * wide, 2 * wide)
        self.up_first = nn.ConvTranspose2d(2 * wide, wide, 2, stride=2)
        self.back_first = Pair(2 * wide, wide)

    def forward(self, x_NCHW: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W), sides multiples of four, to (N, FEATURES, H, W)."""
        first = self.first(x_NCHW)
        second = self.second(F.max_pool2d(first, 2))
        lowest = self.lowest(F.max_pool2d(second, 2))
        second = self.back_second(torch.cat([self.up_second(lowest), second], 1))
        back: torch.Tensor = self.back_first(torch.cat([self.up_first(second), first], 1))
        return back


class DenseUNet(nn.Module):
    """Frames to ten maps per frame."""

    def __init__(self) -> None:
        super().__init__()
        self.alone, self.joint = UNet(1), UNet(3 * FEATURES)
        self.heads = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(FEATURES, FEATURES, 3, padding=1),
                nn.ELU(inplace=True),
                nn.Conv2d(FEATURES, n, 1),
            )
            for n in OUTPUTS.values()
        )

    @torch.inference_mode()
    def stream(self, frames_NHW: torch.Tensor, batch: int) -> int:
        """Run over successive frames as in use: every frame alone once, then with its neighbours.

        Returns:
            the number of frames decided on: all but the first and the last.
        """
        kept: torch.Tensor | None = None
        done = 0
        for start in range(0, len(frames_NHW), batch):
            block = frames_NHW[start : start + batch, None]
            f_NCHW = self.alone(block.contiguous(memory_format=torch.channels_last))
            f_NCHW = f_NCHW if kept is None else torch.cat([kept, f_NCHW])
            if len(f_NCHW) > 2:
                joint = self.joint(torch.cat([f_NCHW[:-2], f_NCHW[1:-1], f_NCHW[2:]], 1))
                for head in self.heads:
                    head(joint)
                done += len(joint)
            kept = f_NCHW[-2:]
        return done
