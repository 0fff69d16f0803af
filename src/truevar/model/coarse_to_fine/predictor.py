"""The first model: decisions handed down as distributions, nothing accumulated."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from truevar.config import CoarseToFineConfig
from truevar.model.choose import choose_parents
from truevar.model.coarse_to_fine.scales import FinerScale, FirstScale
from truevar.model.emitter_predictor import DEFAULT_PSF_SIGMA, EmitterPredictor, MergeRule
from truevar.model.encoder import FrameEncoder
from truevar.model.scale_output import ScaleOutput


class CoarseToFinePredictor(EmitterPredictor):
    """Emitters coarse to fine, by the architecture of version 0.1.0.

    A scale decides, for every cell it looks at, how many emitters the cell announces and
    where they are; cells that it does not find empty have four children, which the next
    scale decides on, given their parent's token and decision.

    Args:
        config: sizes; see :class:`truevar.config.CoarseToFineConfig`.
    """

    architecture = "coarse-to-fine"
    merge_rule = MergeRule(alike=0.5, sure=0.0)
    trained_in_bfloat16 = False
    config: CoarseToFineConfig

    def __init__(self, config: CoarseToFineConfig | None = None):
        super().__init__()
        self.config = config = config or CoarseToFineConfig()
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
        first = FirstScale(
            config.cells[0],
            config.max_counts[0],
            config.stem_channels,
            dim,
            cond_dim,
            config.coarse_blocks,
        )
        finer = (
            FinerScale(
                cell,
                cap,
                config.stem_channels,
                dim,
                cond_dim,
                config.sibling_blocks,
                config.num_heads,
            )
            for cell, cap in zip(config.cells[1:], config.max_counts[1:], strict=True)
        )
        self.scales = nn.ModuleList([first, *finer])

    def pad_to(self, coarsest: float | None = None) -> int:
        """Frames are padded to whole coarsest cells; their size is fixed."""
        return int(self.config.cells[0])

    def reach(self) -> int:
        """How many px to each side a localisation depends on, in whole pairs of coarsest cells."""
        coarse = int(self.config.cells[0])
        # Encoder, the window of the first scale, its mixing with two cells to each side.
        reach = self.encoder.reach + coarse // 2 + 2 * coarse * self.config.coarse_blocks
        # A cell may place its emitter in the next cell.
        reach += coarse
        return -(-reach // (2 * coarse)) * 2 * coarse

    def condition(
        self, psf_sigma_B: torch.Tensor, scale: int | None = None, cell: float = 1.0
    ) -> torch.Tensor:
        """(B, D) condition from the PSF width in px; the encoder's if no scale is given."""
        log_sigma_B = psf_sigma_B.float().log2()
        log_cell_B = torch.full_like(log_sigma_B, cell).log2()
        cond_BD: torch.Tensor = self.condition_net(
            torch.stack([log_sigma_B, log_cell_B - log_sigma_B], 1)
        )
        return cond_BD if scale is None else cond_BD + self.cond_embeds[scale]

    def decide(
        self,
        f_BChw: torch.Tensor,
        back_BHW: torch.Tensor,
        psf_sigma_B: torch.Tensor,
        cells: Sequence[float] | None = None,
        threshold: float | None = None,
        active_Bhw: torch.Tensor | None = None,
    ) -> list[ScaleOutput]:
        """All scales' decisions, from image features; ``active_Bhw`` changes nothing here.

        Args:
            f_BChw, back_BHW, psf_sigma_B: see :meth:`EmitterPredictor.decide`.
            cells: those of the configuration, or the first few of them.
            threshold: probability below which a cell has no children; the configuration's
                by default.

        Raises:
            ValueError: other cells.
        """
        cells = self.config.cells if cells is None else tuple(cells)
        if not cells or cells != self.config.cells[: len(cells)]:
            raise ValueError(f"this model decides on cells of {self.config.cells} px only")
        if threshold is None:
            threshold = self.config.active_threshold
        log_back_BHW = back_BHW.log()
        outputs: list[ScaleOutput] = []
        token_RD = torch.empty(0)
        for k, (scale, cell) in enumerate(zip(self.scales, cells, strict=False)):
            cond_BD = self.condition(psf_sigma_B, k, cell)
            if k == 0:
                token_GPD, output = scale(f_BChw, cond_BD, self.pos_embeds[0], log_back_BHW)
            else:
                parent = outputs[-1]
                chosen_G = choose_parents(parent, None, threshold, None)
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
            token_RD = token_GPD.flatten(0, 1)
            outputs.append(output)
        return outputs

    def forward(
        self,
        counts_BTHW: torch.Tensor,
        psf_sigma_B: torch.Tensor | float = DEFAULT_PSF_SIGMA,
        read_variance_BHW: torch.Tensor | float = 0.0,
        exists_BT: torch.Tensor | None = None,
        threshold: float | None = None,
    ) -> list[ScaleOutput]:
        """Emitters of the middle frame, at every scale.

        Args:
            counts_BTHW, psf_sigma_B, read_variance_BHW, exists_BT: see
                :meth:`EmitterPredictor.encode`.
            threshold: see :meth:`decide`.

        Raises:
            ValueError: neither one frame nor three.
        """
        f_BChw, back_BHW, sigma_B = self.encode(
            counts_BTHW, psf_sigma_B, read_variance_BHW, exists_BT
        )
        return self.decide(f_BChw, back_BHW, sigma_B, threshold=threshold)
