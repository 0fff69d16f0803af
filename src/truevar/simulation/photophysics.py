"""Blinking: when an emitter is on, and how much of every frame.

Emitters switch on at uniformly distributed instants and stay on for an
exponentially distributed time. The process is stationary: the emitters on at the
first instant have, by the exponential's lack of memory, the same remaining time
as fresh ones.
"""

from __future__ import annotations

import torch


def sample_on_times(
    on_at_once_B: torch.Tensor,
    n_frames: int,
    lifetime_B: torch.Tensor,
    generator: torch.Generator | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Emitters that are on at some time within ``n_frames`` frames, for B scenes at once.

    Args:
        on_at_once_B: (B,) mean number of emitters on at one instant.
        n_frames: frames in the movie.
        lifetime_B: (B,) mean time on, in frames.
        generator: source of randomness.

    Returns:
        scene_N (int64), start_N and end_N in frames; start is 0 for those already on.
    """
    births_B = n_frames / lifetime_B
    number_B = torch.poisson(on_at_once_B * (1 + births_B), generator=generator).long()
    scene_N = torch.repeat_interleave(torch.arange(len(number_B), device=number_B.device), number_B)
    unit_3N = torch.rand(3, len(scene_N), device=scene_N.device, generator=generator)
    already_N = unit_3N[0] < (1 / (1 + births_B))[scene_N]
    start_N = torch.where(already_N, 0.0, n_frames * unit_3N[1])
    stay_N = -torch.log1p(-unit_3N[2]) * lifetime_B[scene_N]
    return scene_N, start_N, start_N + stay_N


def frames_on(
    start_N: torch.Tensor, end_N: torch.Tensor, n_frames: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Every frame an emitter is on in, and the part of the frame it is on.

    Args:
        start_N, end_N: (N,) times in frames.
        n_frames: frames of the movie; what is on beyond is left out.

    Returns:
        emitter_M and frame_M (int64) and part_M in (0, 1]: one entry per emitter and frame.
    """
    first_N = start_N.floor().long()
    last_N = end_N.clamp(max=n_frames).ceil().long()
    span_N = (last_N - first_N).clamp_min(0)
    emitter_M = torch.repeat_interleave(torch.arange(len(start_N), device=start_N.device), span_N)
    begin_N = span_N.cumsum(0) - span_N
    step_M = torch.arange(len(emitter_M), device=start_N.device) - begin_N[emitter_M]
    frame_M = first_N[emitter_M] + step_M
    part_M = torch.minimum(end_N[emitter_M], frame_M + 1.0) - torch.maximum(
        start_N[emitter_M], frame_M.to(start_N.dtype)
    )
    kept = part_M > 0
    return emitter_M[kept], frame_M[kept], part_M[kept]
