"""The scenes a model is trained on: crops simulated on the fly, never stored.

Breadth of simulation decides what a model is good for, so every crop draws its own
microscope: PSF width, brightness, background, camera, density, blinking. Half of the crops
draw brightness and background from where most real movies lie, the rest from everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from truevar.camera import EMCCD_EXCESS, sample_adu
from truevar.config import TrainingMix
from truevar.config.mix import WIDEST_DEFOCUS
from truevar.imaging.gaussian import render_frames
from truevar.model.targets import EmitterTargets
from truevar.simulation.background import haze
from truevar.simulation.photophysics import frames_on, sample_on_times

MARGIN = 6
"""Emitters up to so many px outside a crop shine into it."""


@dataclass(frozen=True)
class CropBatch:
    """B crops of T successive frames with their truth; the model's and the loss's arguments.

    Attributes:
        counts_BTHW: (B, T, H, W) effective counts.
        read_variance_BHW: (B, H, W) effective.
        psf_sigma_B: (B,) px, as a user would state it: not exactly the true width.
        exists_BT: (B, T) False where a neighbouring frame is missing.
        targets: the middle frame's emitters.
    """

    counts_BTHW: torch.Tensor
    read_variance_BHW: torch.Tensor
    psf_sigma_B: torch.Tensor
    exists_BT: torch.Tensor
    targets: EmitterTargets


class _Draws:
    """Random draws on one device from one generator."""

    def __init__(self, device: torch.device, generator: torch.Generator):
        self.device, self.generator = device, generator

    def uniform(self, n: int, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
        unit = torch.rand(n, device=self.device, generator=self.generator)
        return low + (high - low) * unit

    def log_uniform(self, n: int, span: tuple[float, float]) -> torch.Tensor:
        return self.uniform(n, math.log(span[0]), math.log(span[1])).exp()

    def normal(self, *shape: int) -> torch.Tensor:
        return torch.randn(shape, device=self.device, generator=self.generator)

    def happens(self, n: int, share: float) -> torch.Tensor:
        return self.uniform(n) < share


def sample_crops(
    n_crops: int,
    size: int,
    generator: torch.Generator,
    mix: TrainingMix | None = None,
    device: torch.device | str = "cpu",
    frames: int = 3,
) -> CropBatch:
    """Simulate crops of ``size`` × ``size`` px and a few frames.

    Args:
        n_crops: B.
        size: H = W in px.
        generator: source of randomness, on ``device``.
        mix: what to draw from.
        device: where to simulate.
        frames: T, an odd number; the middle one's emitters are the truth.
    """
    mix = mix or TrainingMix()
    device = torch.device(device)
    draws = _Draws(device, generator)
    usual_B = draws.happens(n_crops, mix.usual_share)
    sigma_B = torch.where(
        usual_B,
        draws.uniform(n_crops, *mix.usual_psf_sigma),
        draws.log_uniform(n_crops, mix.psf_sigma),
    )
    background_B = torch.where(
        usual_B,
        draws.log_uniform(n_crops, mix.usual_background),
        draws.log_uniform(n_crops, mix.background),
    )
    structured_B = draws.happens(n_crops, mix.haze_share)
    haze_BHW = haze(n_crops, size, size, generator, device)
    background_BHW = background_B[:, None, None] * torch.where(
        structured_B[:, None, None], haze_BHW, 1.0
    )
    emccd_B = draws.happens(n_crops, mix.emccd_share)
    excess_B = torch.where(emccd_B, EMCCD_EXCESS, 1.0)

    crop_M, frame_M, x_M, y_M, photons_M, wider_M = _emitters(
        n_crops, size, frames, draws, mix, usual_B, generator
    )
    ellipse_B = 1 + mix.ellipticity * draws.normal(n_crops).clamp(-2, 2)
    light_BTHW = render_frames(
        x_M,
        y_M,
        photons_M,
        frames * crop_M + frame_M,
        (sigma_B * ellipse_B)[crop_M] * wider_M,
        frames * n_crops,
        size,
        size,
        (sigma_B / ellipse_B)[crop_M] * wider_M,
    ).view(n_crops, frames, size, size)
    counts_BTHW, read_variance_BHW = _expose(
        light_BTHW + background_BHW[:, None], emccd_B, draws, mix, generator
    )
    counts_BTHW = counts_BTHW / excess_B[:, None, None, None]
    read_variance_BHW = read_variance_BHW / excess_B.square()[:, None, None]

    background_BHW = background_BHW / excess_B[:, None, None]
    photons_M = photons_M / excess_B[crop_M]
    # What no one could see is no target: photons below the standard error with which a
    # matched filter measures nothing at all.
    noise_B = (background_BHW + read_variance_BHW).flatten(1).median(1).values.sqrt()
    visible_M = photons_M > 2 * math.sqrt(math.pi) * (sigma_B * noise_B)[crop_M]
    inside_M = (x_M >= -0.5) & (x_M < size - 0.5) & (y_M >= -0.5) & (y_M < size - 0.5)
    kept = visible_M & inside_M & (frame_M == frames // 2)
    bound_M, bound_log_M = _bounds(photons_M, sigma_B[crop_M], noise_B.square()[crop_M])
    exists_BT = _existing(n_crops, frames, draws, mix)
    return CropBatch(
        counts_BTHW=counts_BTHW,
        read_variance_BHW=read_variance_BHW,
        psf_sigma_B=sigma_B * (1 + mix.psf_error * draws.normal(n_crops).clamp(-2, 2)),
        exists_BT=exists_BT,
        targets=EmitterTargets(
            crop_N=crop_M[kept],
            x_N=x_M[kept],
            y_N=y_M[kept],
            log_photons_N=photons_M[kept].log(),
            log_bg_BHW=background_BHW.log(),
            bound_N=bound_M[kept],
            bound_log_N=bound_log_M[kept],
        ),
    )


def _existing(n_crops: int, frames: int, draws: _Draws, mix: TrainingMix) -> torch.Tensor:
    """(B, T) which frames there are: some crops stand alone, some are at a movie's end."""
    around = frames // 2
    away_T = (torch.arange(frames, device=draws.device) - around).abs()
    alone_B = draws.happens(n_crops, mix.alone_share)
    exists_BT = torch.ones(n_crops, frames, dtype=torch.bool, device=draws.device)
    for side in (slice(0, around), slice(around + 1, frames)):
        ends_B = draws.happens(n_crops, mix.edge_share / 2)
        left_B = torch.zeros(n_crops, device=draws.device)
        if around > 1:
            left_B = draws.uniform(n_crops, 0, around).floor()
        left_B = torch.where(alone_B, 0, torch.where(ends_B, left_B, around))
        exists_BT[:, side] = away_T[side] <= left_B[:, None]
    return exists_BT


def _bounds(
    photons_M: torch.Tensor, sigma_M: torch.Tensor, noise_M: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Standard errors of x (px) and of log photons that one frame allows, approximately.

    Mortensen et al. 2010, eq. 5 and 6, with ``noise_M`` the variance of an empty pixel.
    """
    wide_M = sigma_M.square() + 1 / 12
    ground_M = 8 * math.pi * wide_M * noise_M / photons_M
    bound_M = (wide_M / photons_M * (16 / 9 + ground_M)).sqrt()
    bound_log_M = ((1 + ground_M / 2) / photons_M).sqrt()
    return bound_M.clamp(max=1.0), bound_log_M.clamp(max=1.0)


def _emitters(
    n_crops: int,
    size: int,
    frames: int,
    draws: _Draws,
    mix: TrainingMix,
    usual_B: torch.Tensor,
    generator: torch.Generator,
) -> tuple[torch.Tensor, ...]:
    """Crop, frame, x, y, photons and relative width of every emitter in every frame."""
    width = size + 2 * MARGIN
    density_B = torch.where(
        draws.happens(n_crops, mix.sparse_share),
        draws.log_uniform(n_crops, mix.sparse_density),
        draws.log_uniform(n_crops, mix.density),
    )
    lifetime_B = torch.where(usual_B, 2.0, draws.log_uniform(n_crops, mix.lifetime))
    crop_N, start_N, end_N = sample_on_times(density_B * width**2, frames, lifetime_B, generator)
    n = len(crop_N)
    x_N = draws.uniform(n, -MARGIN - 0.5, size + MARGIN - 0.5)
    y_N = draws.uniform(n, -MARGIN - 0.5, size + MARGIN - 0.5)
    # Elsewhere than in the usual crops, all emitters of a crop are about equally bright.
    dimmest_B = draws.log_uniform(n_crops, (mix.photons[0], mix.photons[1] / 2))
    spread_B = draws.log_uniform(n_crops, (1.2, 12.0))
    brightest_B = torch.minimum(dimmest_B * spread_B, torch.full_like(spread_B, mix.photons[1]))
    low_B = torch.where(usual_B, mix.usual_photons[0], dimmest_B).log()
    high_B = torch.where(usual_B, mix.usual_photons[1], brightest_B).log()
    rate_N = (low_B[crop_N] + draws.uniform(n) * (high_B - low_B)[crop_N]).exp()
    defocused_B = draws.happens(n_crops, mix.defocus_share)
    wider_N = 1 + mix.defocus * defocused_B[crop_N] * draws.normal(n).abs().clamp(
        max=WIDEST_DEFOCUS
    )
    moving_B = draws.happens(n_crops, mix.moving_share)
    motion_N = (draws.log_uniform(n_crops, mix.motion) * moving_B)[crop_N]
    # The walk's origin is the middle frame, and it goes both ways from there.
    middle = frames // 2
    walk_2NT = draws.normal(2, n, frames) * motion_N[:, None]
    walk_2NT[:, :, middle] = 0
    walk_2NT[:, :, middle:] = walk_2NT[:, :, middle:].cumsum(2)
    walk_2NT[:, :, : middle + 1] = walk_2NT[:, :, : middle + 1].flip(2).cumsum(2).flip(2)
    emitter_M, frame_M, part_M = frames_on(start_N, end_N, frames)
    return (
        crop_N[emitter_M],
        frame_M,
        x_N[emitter_M] + walk_2NT[0, emitter_M, frame_M],
        y_N[emitter_M] + walk_2NT[1, emitter_M, frame_M],
        rate_N[emitter_M] * part_M,
        wider_N[emitter_M],
    )


def _expose(
    expected_BTHW: torch.Tensor,
    emccd_B: torch.Tensor,
    draws: _Draws,
    mix: TrainingMix,
    generator: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Photo-electrons (B, T, H, W) as cameras of two kinds give them, and read variance."""
    B, _, H, W = expected_BTHW.shape
    read_B = draws.log_uniform(B, mix.read_sigma)
    read_BHW = read_B[:, None, None].expand(B, H, W).clone()
    mapped = draws.happens(B, mix.maps_share).nonzero().flatten()
    if len(mapped):
        n = len(mapped)
        uneven = torch.exp(0.35 * draws.normal(n, H, W))
        hot_share = mix.hot_share * draws.uniform(n)[:, None, None]
        hot = draws.uniform(n * H * W).view(n, H, W) < hot_share
        usual_hot, hottest = mix.hot_read_sigma
        hot_read = (usual_hot * torch.exp(0.8 * draws.normal(n, H, W))).clamp(max=hottest)
        read_BHW[mapped] = torch.where(hot, hot_read, read_BHW[mapped] * uneven)
    e_per_adu_B = draws.log_uniform(B, mix.e_per_adu)
    counts_BTHW = torch.empty_like(expected_BTHW)
    for is_emccd in (False, True):
        some = (emccd_B == is_emccd).nonzero().flatten()
        if not len(some):
            continue
        em_gain = mix.em_gain if is_emccd else 1.0
        if is_emccd:
            # 0.1 to 0.4 e⁻ of signal is what read noise comes to after multiplication.
            read_BHW[some] = (mix.emccd_read_share * read_B[some] * em_gain)[:, None, None].expand(
                -1, H, W
            )
            e_per_adu_B[some] = mix.emccd_e_per_adu
        e_per_adu = e_per_adu_B[some][:, None, None, None]
        adu = sample_adu(
            expected_BTHW[some],
            baseline=0.0,
            e_per_adu=e_per_adu,
            em_gain=em_gain,
            read_sigma=read_BHW[some][:, None],
            cic=0.005 if is_emccd else 0.0,
            generator=generator,
        )
        counts_BTHW[some] = adu * e_per_adu / em_gain
        read_BHW[some] = read_BHW[some] / em_gain
    return counts_BTHW, read_BHW.square()
