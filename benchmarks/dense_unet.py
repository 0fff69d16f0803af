"""The yardstick: a dense U-Net localiser of the kind of DECODE (Speiser et al. 2021), our own code.

One U-Net looks at each frame alone (in use once per frame, kept for its neighbours), a second at
the features of three successive frames; depth 2, 48 features at full resolution. Every pixel
answers with a probability, x, y, photons, their errors, and the background. What it sees is what
our own models see: frames of unit noise, the noise's level, and the PSF's width.
train_dense_unet.py trains it, with the paper's loss; dense_unet_localize.py makes a table with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from truevar.camera import Camera
from truevar.emitters import Emitters
from truevar.inference.decode import Candidates, merged
from truevar.inference.growing_table import GrowingTable
from truevar.inference.refined import Refined
from truevar.model.normalise import CHANNELS, normalise
from truevar.model.targets import EmitterTargets
from truevar.refinement.refine import refine
from truevar.refinement.stack import Answers

FEATURES = 48
SEEN = CHANNELS + 1
"""Channels of a frame: those of our own models, and the PSF's width."""
REFINED = ("x", "y", "sigma_x", "sigma_y", "photons", "sigma_photons", "llr", "of_pair")
OUTPUTS = {"probability": 1, "emitter": 3, "errors": 3, "background": 1}
REACH = 2
"""An emitter is answered for by pixels up to so many px away along an axis."""


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


@dataclass(frozen=True)
class Maps:
    """What every pixel says; px and effective counts.

    Attributes:
        logit_BHW: of the probability that an emitter is the pixel's.
        mean_BHW3, sigma_BHW3: x and y from the pixel's centre, log photons; their errors.
        log_bg_BHW: log of the background.
    """

    logit_BHW: torch.Tensor
    mean_BHW3: torch.Tensor
    sigma_BHW3: torch.Tensor
    log_bg_BHW: torch.Tensor


class DenseUNet(nn.Module):
    """Frames to ten maps per frame."""

    def __init__(self) -> None:
        super().__init__()
        self.alone, self.joint = UNet(SEEN), UNet(3 * FEATURES)
        self.heads = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(FEATURES, FEATURES, 3, padding=1),
                nn.ELU(inplace=True),
                nn.Conv2d(FEATURES, n, 1),
            )
            for n in OUTPUTS.values()
        )
        with torch.no_grad():
            self.heads[0][-1].bias.fill_(-5.0)  # most pixels hold nothing

    def forward(self, seen_BTCHW: torch.Tensor) -> Maps:
        """(B, 3, SEEN, H, W), sides multiples of four, to what the middle frames hold."""
        B, T = seen_BTCHW.shape[:2]
        f_NCHW = self.alone(seen_BTCHW.flatten(0, 1).contiguous(memory_format=torch.channels_last))
        joint = self.joint(f_NCHW.unflatten(0, (B, T)).flatten(1, 2))
        return self._maps(joint)

    def _maps(self, joint_BCHW: torch.Tensor) -> Maps:
        logit, mean, sigma, back = (head(joint_BCHW).float() for head in self.heads)
        mean, sigma = mean.permute(0, 2, 3, 1), sigma.permute(0, 2, 3, 1)
        place = 1.5 * torch.tanh(mean[..., :2])
        mean = torch.cat([place, 6.5 + mean[..., 2:]], -1)
        return Maps(logit[:, 0], mean, 0.01 + F.softplus(sigma - 1), 3 + back[:, 0])

    @torch.inference_mode()
    def stream(self, seen_NCHW: torch.Tensor, batch: int) -> int:
        """Run over successive frames as in use: every frame alone once, then with its neighbours.

        Returns:
            the number of frames decided on: all but the first and the last.
        """
        kept: torch.Tensor | None = None
        done = 0
        for start in range(0, len(seen_NCHW), batch):
            block = seen_NCHW[start : start + batch]
            f_NCHW = self.alone(block.contiguous(memory_format=torch.channels_last))
            f_NCHW = f_NCHW if kept is None else torch.cat([kept, f_NCHW])
            if len(f_NCHW) > 2:
                joint = self.joint(torch.cat([f_NCHW[:-2], f_NCHW[1:-1], f_NCHW[2:]], 1))
                for head in self.heads:
                    head(joint)
                done += len(joint)
            kept = f_NCHW[-2:]
        return done


def seen_of(
    counts_BTHW: torch.Tensor,
    read_variance_BHW: torch.Tensor,
    psf_sigma_B: torch.Tensor,
    exists_BT: torch.Tensor,
) -> torch.Tensor:
    """(B, T, SEEN, H, W) of frames in effective counts; nothing of those that do not exist."""
    B, T, H, W = counts_BTHW.shape
    read_NHW = read_variance_BHW[:, None].expand(B, T, H, W).flatten(0, 1)
    input_N4HW, _ = normalise(counts_BTHW.flatten(0, 1), read_NHW)
    width_BTHW = psf_sigma_B.log()[:, None, None, None].expand(B, T, H, W)
    seen = torch.cat([input_N4HW.unflatten(0, (B, T)), width_BTHW[:, :, None]], 2)
    return seen * exists_BT[:, :, None, None, None]


def loss_of(maps: Maps, targets: EmitterTargets) -> torch.Tensor:
    """How little the maps expect the truth (Speiser et al. 2021, equations 2 to 6), per crop.

    The number of emitters as the sum of independent pixels' has it, approximated by a Gaussian;
    every emitter under the mixture of all pixels' Gaussians (those near it: the others have no
    share in it); the background's error.
    """
    B, H, W = maps.logit_BHW.shape
    p_BHW = maps.logit_BHW.sigmoid()
    expected_B = p_BHW.sum((1, 2))
    spread_B = (p_BHW * (1 - p_BHW)).sum((1, 2)) + 0.01
    n_B = torch.bincount(targets.crop_N, minlength=B)
    count_B = 0.5 * (n_B - expected_B) ** 2 / spread_B + 0.5 * (2 * math.pi * spread_B).log()
    back = F.smooth_l1_loss(maps.log_bg_BHW, targets.log_bg_BHW)
    row_N, col_N = targets.cells(1.0)
    step = torch.arange(-REACH, REACH + 1)
    row_NK = (row_N[:, None, None] + step[:, None]).expand(-1, len(step), len(step)).flatten(1)
    col_NK = (col_N[:, None, None] + step).expand(-1, len(step), len(step)).flatten(1)
    known_NK = (row_NK >= 0) & (row_NK < H) & (col_NK >= 0) & (col_NK < W)
    at = (targets.crop_N[:, None], row_NK.clamp(0, H - 1), col_NK.clamp(0, W - 1))
    truth_NK3 = torch.stack(
        [
            targets.x_N[:, None] - col_NK,
            targets.y_N[:, None] - row_NK,
            targets.log_photons_N[:, None].expand_as(col_NK),
        ],
        -1,
    )
    sigma_NK3 = maps.sigma_BHW3[at]
    off_NK3 = (truth_NK3 - maps.mean_BHW3[at]) / sigma_NK3
    log_NK = -(0.5 * off_NK3**2 + sigma_NK3.log()).sum(-1) + F.logsigmoid(maps.logit_BHW[at])
    log_N = log_NK.masked_fill(~known_NK, -1e4).logsumexp(1) - expected_B.log()[targets.crop_N]
    return (count_B.sum() - log_N.sum()) / B + back


def candidates_of(maps: Maps, psf_sigma: float, min_prob: float) -> Candidates:
    """Pixels that mean the same emitter are put together as our own models' cells are."""
    p_BHW = maps.logit_BHW.sigmoid()
    image, row, col = (p_BHW > 0.02).nonzero(as_tuple=True)
    mean, sigma = maps.mean_BHW3[image, row, col], maps.sigma_BHW3[image, row, col]
    photons = mean[:, 2].exp()
    columns = (
        mean[:, 0] + col,
        mean[:, 1] + row,
        sigma[:, 0],
        sigma[:, 1],
        photons,
        photons * sigma[:, 2],
        maps.log_bg_BHW[image, row, col].exp(),
        p_BHW[image, row, col],
    )
    found = merged(Candidates(image.numpy(), *(v.double().numpy() for v in columns)), psf_sigma)
    return found.select(found.prob >= min_prob)


@torch.inference_mode()
def localize(
    network: DenseUNet,
    frames_NHW: NDArray[np.generic],
    camera: Camera,
    psf_sigma: float,
    pixel_size: float,
    min_prob: float,
    refined: bool = False,
) -> Emitters:
    """Emitters of a short movie.

    Args:
        network: a trained one.
        frames_NHW: ADU; sides are multiples of four.
        camera: of the movie.
        psf_sigma, pixel_size: nm.
        min_prob: less probable emitters are left out.
        refined: place them by the likelihood, as :func:`truevar.localize` does.
    """
    n, height, width = frames_NHW.shape
    sigma = psf_sigma / pixel_size
    counts = torch.as_tensor(camera.to_photons(frames_NHW) / camera.excess)
    read = torch.as_tensor(camera.read_variance / camera.excess**2, dtype=torch.float32)
    read_HW = read.expand(height, width)
    exists = torch.ones(1, n, dtype=torch.bool)
    seen = seen_of(counts[None], read_HW[None], torch.tensor([sigma]), exists)[0]
    seen = F.pad(seen, (0, 0, 0, 0, 0, 0, 1, 1))
    maps = [network(torch.stack([seen[k : k + 3]])) for k in range(n)]
    whole = Maps(*(torch.cat([getattr(one, name) for one in maps]) for name in vars(maps[0])))
    found = candidates_of(whole, sigma, min(min_prob, 0.15) if refined else min_prob)
    inside = (found.x >= -0.5) & (found.x < width - 0.5)
    found = found.select(inside & (found.y >= -0.5) & (found.y < height - 0.5))
    if refined:
        answers = Answers(
            found.image,
            found.x,
            found.y,
            found.sigma_x,
            found.sigma_y,
            found.photons,
            found.sigma_photons,
        )
        better = refine(answers, counts.numpy(), read_HW.numpy().copy(), sigma)
        kept = vars(found.select(better.answer_R))
        changed = {name: getattr(better, f"{name}_R") for name in REFINED}
        found = Refined(**{**kept, **changed})
        found = found.select(found.prob >= min_prob)
    for values in (found.photons, found.sigma_photons, found.bg):
        values *= camera.excess
    table = GrowingTable(0, 0, 0, pixel_size)
    table.add(found, 0)
    return table.emitters({})


def load(path: str | Path) -> DenseUNet:
    """Trained weights."""
    from safetensors.torch import load_file

    network = DenseUNet()
    network.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval()
