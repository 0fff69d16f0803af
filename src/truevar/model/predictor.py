"""The model: from camera frames to emitters, coarse to fine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn

from truevar.config import ModelConfig
from truevar.model.encoder import FrameEncoder
from truevar.model.heads import ScaleOutput
from truevar.model.normalise import normalise
from truevar.model.scales import FinerScale, FirstScale

DEFAULT_PSF_SIGMA = 1.3
"""PSF width in px assumed where none is given."""

_PARENTS_STEP = 512
_LIKELY, _UNLIKELY_SHARE, _HEAVIEST = 0.1, 0.2, 25.0


class TrueVAREmitterPredictor(nn.Module):
    """Next-scale prediction of emitters.

    A scale decides, for every cell it looks at, how many emitters the cell announces and
    where they are; cells that it does not find empty have four children, which the next
    scale decides on, given their parent's token and decision. Decisions are handed down as
    the model's own distributions, in training as in use, so there is no exposure bias.

    Every scale has its own head (``scales[k].head``), its own condition embedding
    (``cond_embeds``) and its own position embedding (``pos_embeds``). The multi-scale
    quantiser and the block-causal transformer of the full VAR take the place of ``scales``
    in a later version; the image side, heads and loss stay.

    Args:
        config: sizes; see :class:`truevar.config.ModelConfig`.
    """

    def __init__(self, config: ModelConfig | None = None):
        super().__init__()
        self.config = config = config or ModelConfig()
        dim = cond_dim = config.embed_dim
        self.condition_net = nn.Sequential(
            nn.Linear(2, cond_dim), nn.SiLU(), nn.Linear(cond_dim, cond_dim)
        )
        self.encoder = FrameEncoder(
            config.stem_channels, config.frame_channels, config.joint_blocks, cond_dim
        )
        n_scales = len(config.cells)
        self.cond_embeds = nn.Parameter(0.02 * torch.randn(n_scales, cond_dim))
        self.pos_embeds = nn.ParameterList(0.02 * torch.randn(4, dim) for _ in range(n_scales))
        scales: list[nn.Module] = [
            FirstScale(
                config.cells[0],
                config.max_counts[0],
                config.stem_channels,
                dim,
                cond_dim,
                config.coarse_blocks,
            )
        ]
        for cell, cap in zip(config.cells[1:], config.max_counts[1:], strict=True):
            scales.append(
                FinerScale(
                    cell,
                    cap,
                    config.stem_channels,
                    dim,
                    cond_dim,
                    config.sibling_blocks,
                    config.num_heads,
                )
            )
        self.scales = nn.ModuleList(scales)

    def condition(self, psf_sigma_B: torch.Tensor, scale: int | None = None) -> torch.Tensor:
        """(B, D) condition from the PSF width in px; of the encoder where no scale is given."""
        cell = 1.0 if scale is None else self.config.cells[scale]
        log_sigma_B = psf_sigma_B.float().log2()
        features_B2 = torch.stack(
            [log_sigma_B, torch.full_like(log_sigma_B, cell).log2() - log_sigma_B], 1
        )
        cond_BD = self.condition_net(features_B2)
        return cond_BD if scale is None else cond_BD + self.cond_embeds[scale]

    def encode_frames(self, input_N4HW: torch.Tensor) -> torch.Tensor:
        """Encode single frames, each on its own.

        Args:
            input_N4HW: (N, 4, H, W) channels of :func:`truevar.model.normalise.normalise`;
                all zero stands for a frame that does not exist.

        Returns:
            (N, C', H', W') features, H' and W' the next multiples of the coarsest cell.
        """
        multiple = int(self.config.cells[0])
        H, W = input_N4HW.shape[2:]
        input_N4HW = F.pad(input_N4HW, (0, -W % multiple, 0, -H % multiple))
        return self.encoder.encode_alone(input_N4HW)

    def decide(
        self,
        f_BChw: torch.Tensor,
        back_BHW: torch.Tensor,
        psf_sigma_B: torch.Tensor,
        keep: Sequence[torch.Tensor] | None = None,
        threshold: float | None = None,
        most_parents: int | None = None,
    ) -> list[ScaleOutput]:
        """All scales' decisions, from image features.

        Args:
            f_BChw: (B, C, H', W') joint features.
            back_BHW: (B, H, W) local background.
            psf_sigma_B: (B,) or (1,) PSF width in px.
            keep: per scale a (B, h, w) mask of cells that have children whatever the model
                thinks (training: the true ones). Where it is given, only a share of the
                unlikely parents is taken, drawn by lot.
            threshold: probability below which a cell has no children; the configuration's
                by default.
            most_parents: at most so many parents per scale, the kept and then the likeliest;
                their number is rounded up to whole steps (training).
        """
        if threshold is None:
            threshold = self.config.active_threshold
        log_back_BHW = back_BHW.log()
        outputs: list[ScaleOutput] = []
        token_RD = torch.empty(0)
        for k, scale in enumerate(self.scales):
            cond_BD = self.condition(psf_sigma_B, k)
            if k == 0:
                token_GPD, output = scale(f_BChw, cond_BD, self.pos_embeds[0], log_back_BHW)
            else:
                parent = outputs[-1]
                chosen_G, weight_G = self._choose(parent, keep, k - 1, threshold, most_parents)
                token_GPD, output = scale(
                    f_BChw,
                    token_RD[chosen_G],
                    parent.decision()[chosen_G],
                    parent.crop_R[chosen_G],
                    parent.row_R[chosen_G],
                    parent.col_R[chosen_G],
                    cond_BD,
                    self.pos_embeds[k],
                    log_back_BHW,
                )
                output = replace(output, weight_G=weight_G)
            token_RD = token_GPD.flatten(0, 1)
            outputs.append(output)
        return outputs

    @staticmethod
    def _choose(
        parent: ScaleOutput,
        keep: Sequence[torch.Tensor] | None,
        scale: int,
        threshold: float,
        most_parents: int | None,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Cells (G,) that have children, and in training the (G,) weight of each choice."""
        prob_R = parent.prob_R.detach()
        if keep is None:
            return (prob_R >= threshold).nonzero().flatten(), None
        kept_R = keep[scale][parent.crop_R, parent.row_R, parent.col_R]
        # Of unlikely parents a few do, drawn by lot, and stand for the others: the finer
        # scale must learn that they are empty, and how often they are not.
        unlikely_R = (prob_R < _LIKELY) & ~kept_R
        drawn_R = ~unlikely_R | (torch.rand_like(prob_R) < _UNLIKELY_SHARE)
        rank_R = torch.where(drawn_R & (prob_R >= threshold), prob_R, 0.0) + 2.0 * kept_R
        weight_R = torch.where(unlikely_R, 1 / _UNLIKELY_SHARE, 1.0)
        if parent.weight_G is not None:
            inherited_R = parent.weight_G.repeat_interleave(parent.splits.parts)
            weight_R = torch.where(kept_R, 1.0, (weight_R * inherited_R).clamp(max=_HEAVIEST))
        weight_R = torch.where(rank_R > 0, weight_R, 0.0)
        chosen_G = (rank_R > 0).nonzero().flatten()
        if most_parents is not None:
            # Whole steps only, filled up with cells of no weight: few distinct shapes, whose
            # kernels are compiled once.
            wanted = -(-len(chosen_G) // _PARENTS_STEP) * _PARENTS_STEP
            wanted = min(wanted, most_parents, len(rank_R))
            chosen_G = rank_R.topk(wanted).indices.sort().values
        return chosen_G, weight_R[chosen_G]

    def forward(
        self,
        counts_BTHW: torch.Tensor,
        psf_sigma_B: torch.Tensor | float = DEFAULT_PSF_SIGMA,
        read_variance_BHW: torch.Tensor | float = 0.0,
        exists_BT: torch.Tensor | None = None,
        keep: Sequence[torch.Tensor] | None = None,
        threshold: float | None = None,
        most_parents: int | None = None,
    ) -> list[ScaleOutput]:
        """Emitters of the middle frame, at every scale.

        Args:
            counts_BTHW: (B, 1 or 3, H, W) effective counts: photo-electrons over the
                camera's excess factor. One frame, or a frame between its neighbours.
            psf_sigma_B: PSF width in px, one for all or one each.
            read_variance_BHW: variance of the read noise over the excess factor squared.
            exists_BT: (B, 3) False where a neighbour does not exist.
            keep, threshold, most_parents: see :meth:`decide`.

        Raises:
            ValueError: neither one frame nor three.
        """
        B, T, H, W = counts_BTHW.shape
        if T not in (1, 3):
            raise ValueError(f"the model takes 1 frame or 3 successive ones, not {T}")
        device = counts_BTHW.device
        sigma_B = torch.as_tensor(psf_sigma_B, dtype=torch.float32, device=device)
        sigma_B = sigma_B.reshape(-1).expand(B)
        read_BHW = torch.as_tensor(read_variance_BHW, dtype=torch.float32, device=device)
        read_BHW = read_BHW.expand(B, H, W) if read_BHW.dim() < 3 else read_BHW
        read_NHW = read_BHW.repeat_interleave(T, 0) if len(read_BHW) == B else read_BHW
        input_N4HW, back_NHW = normalise(counts_BTHW.flatten(0, 1), read_NHW)
        if exists_BT is not None:
            input_N4HW = input_N4HW * exists_BT.reshape(-1, 1, 1, 1)
        back_BHW = back_NHW.view(B, T, H, W)[:, T // 2]
        f_NCHW = self.encode_frames(input_N4HW)
        if T == 1:
            nothing = input_N4HW.new_zeros(1, *input_N4HW.shape[1:])
            before = after = self.encode_frames(nothing).expand_as(f_NCHW)
            centre = f_NCHW
        else:
            before, centre, after = f_NCHW.unflatten(0, (B, T)).unbind(1)
        f_BChw = self.encoder.encode_joint(before, centre, after, self.condition(sigma_B))
        return self.decide(f_BChw, back_BHW, sigma_B, keep, threshold, most_parents)
