"""The model: from camera frames to emitters, coarse to fine."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from truevar.config import ModelConfig
from truevar.model.cascade import decide_scales
from truevar.model.choose import Children
from truevar.model.frame_reader import DEFAULT_PSF_SIGMA, FrameReader
from truevar.model.glance import Glance
from truevar.model.handdown import Manner
from truevar.model.heads import Head
from truevar.model.lean_encoder import make_encoder
from truevar.model.maps import ScaleMaps
from truevar.model.pyramid import ImagePyramid
from truevar.model.quantizer import EmitterVectorQuantizer
from truevar.model.scale_output import ScaleOutput
from truevar.model.scales import NextScaleTransformer, reach_px
from truevar.model.splits import SplitTable
from truevar.model.tokenizer import EmitterTokenizer
from truevar.model.truth import Truth


class TrueVAREmitterPredictor(FrameReader):
    """Next-scale prediction of emitters.

    A scale decides, for every cell it looks at, how many emitters the cell announces, where
    they are, and which code describes them. The codes of all scales add up in f̂ through the
    Phi networks of the (frozen) tokeniser; cells that are not found empty have four children,
    which the next scale decides on, given f̂, the coarser tokens around, their parent's
    decision, and the image.

    Args:
        patch_nums: grids, coarse to fine; every scale has its own head (``heads``), condition
            embedding (``cond_embeds``) and position embedding (``pos_embeds``).
        embed_dim: width of the tokens.
        num_heads: attention heads.
        num_layers: transformer blocks.
        vocab_size: codes of the finest scale.
        config: all sizes at once, in place of the above.

    Raises:
        UserError: sizes that do not fit together.
    """

    architecture = "next-scale"
    """The name that weights carry."""

    config: ModelConfig

    def __init__(
        self,
        patch_nums: Sequence[int] = (10, 20, 40, 80),
        embed_dim: int = 768,
        num_heads: int = 12,
        num_layers: int = 24,
        vocab_size: int = 8192,
        config: ModelConfig | None = None,
    ):
        super().__init__()
        if config is None:
            config = ModelConfig.sized(
                tuple(patch_nums), embed_dim, num_heads, num_layers, vocab_size
            )
        self.config = config
        n = len(config.patch_nums)
        dim, cond_dim = config.embed_dim, config.cond_dim
        self.condition_net = nn.Sequential(
            nn.Linear(2, cond_dim), nn.SiLU(), nn.Linear(cond_dim, cond_dim)
        )
        self.encoder = make_encoder(config)
        self.pyramid = ImagePyramid(
            config.stem_channels, config.wide_channels, config.coarsest_cell
        )
        self.transformer = NextScaleTransformer(config)
        self.cond_embeds = nn.ParameterList(0.02 * torch.randn(cond_dim) for _ in range(n))
        self.pos_embeds = nn.ParameterList(0.02 * torch.randn(4, dim) for _ in range(n))
        self.tokenizer: EmitterTokenizer | None = None
        self.quantizer: EmitterVectorQuantizer | None = None
        if config.residual == "codes":
            self.tokenizer = EmitterTokenizer.of(config).requires_grad_(False)
        elif config.residual == "features":
            self.quantizer = EmitterVectorQuantizer(
                config.patch_nums, 2, config.code_channels, 0.5 if config.phi else 0.0
            )
            self.quantizer.codes.requires_grad_(False)
        if config.residual in ("features", "upsample"):
            self.to_feature = nn.ModuleList(nn.Linear(dim, config.code_channels) for _ in range(n))
        heads = []
        for k, cap in enumerate(config.max_counts):
            parts = 4 if k and config.joint_split else 1
            n_logits = self.tokenizer.quantizer.codes.n_logits(k) if self.tokenizer else 0
            informed = parts == 4 and config.next_scale
            heads.append(Head(dim, SplitTable(cap, parts), n_logits, informed))
        self.heads = nn.ModuleList(heads)
        self.quarters = SplitTable(3)
        self.glance = Glance(config.stem_channels)

    def pad_to(self, coarsest: float | None = None) -> int:
        """Frames are padded to whole groups of four coarsest cells."""
        return max(2 * int(coarsest or self.config.cells[0]), self.encoder.step, 2)

    def reach(self) -> int:
        """How many px to each side a localisation depends on, in whole pairs of coarsest cells."""
        return reach_px(self.config, self.encoder.reach)

    def condition(
        self, psf_sigma_B: torch.Tensor, scale: int | None = None, cell: float = 1.0
    ) -> torch.Tensor:
        """(B, cond_dim) condition from the PSF width in px; the encoder's if no scale is given."""
        log_sigma_B = psf_sigma_B.float().log2()
        features_B2 = torch.stack([log_sigma_B, math.log2(cell) - log_sigma_B], 1)
        cond_BD: torch.Tensor = self.condition_net(features_B2)
        if scale is None:
            return cond_BD
        return cond_BD + self.cond_embeds[min(scale, len(self.cond_embeds) - 1)]

    def decide(
        self,
        f_BChw: torch.Tensor,
        back_BHW: torch.Tensor,
        psf_sigma_B: torch.Tensor,
        cells: Sequence[float] | None = None,
        children: Children | None = None,
        manner: Manner | None = None,
        truth: Truth | None = None,
        active_Bhw: torch.Tensor | None = None,
    ) -> list[ScaleOutput]:
        """All scales' decisions, from image features.

        Args:
            f_BChw: (B, C, H', W') joint features.
            back_BHW: (B, H, W) local background.
            psf_sigma_B: (B,) or (1,) PSF width in px.
            cells: width of the cells per scale in px, each half the one before; more than
                ``patch_nums`` extend the last scale.
            children: which cells have children; those above the configuration's threshold
                by default.
            manner: how decisions are handed down; as distributions by default.
            truth: in its crops these are handed down in place of the model's own.
            active_Bhw: (B, h, w) the groups of four coarsest cells that are looked at; all by
                default.
        """
        return decide_scales(
            self,
            f_BChw,
            back_BHW,
            psf_sigma_B,
            cells or self.config.cells,
            children or Children(),
            manner or Manner.soft(f_BChw.device),
            truth,
            active_Bhw,
        )

    def predict(
        self,
        counts_BTHW: torch.Tensor,
        psf_sigma_B: torch.Tensor | float = DEFAULT_PSF_SIGMA,
        read_variance_BHW: torch.Tensor | float = 0.0,
        exists_BT: torch.Tensor | None = None,
        cells: Sequence[float] | None = None,
        children: Children | None = None,
        manner: Manner | None = None,
        truth: Truth | None = None,
    ) -> list[ScaleOutput]:
        """Emitters of the middle frame at every scale, cell by cell; see :meth:`forward`."""
        cells = cells or self.config.cells_of(*counts_BTHW.shape[2:])
        f_BChw, back_BHW, sigma_B = self.encode(
            counts_BTHW, psf_sigma_B, read_variance_BHW, exists_BT, cells[0]
        )
        return self.decide(f_BChw, back_BHW, sigma_B, cells, children, manner, truth)

    def forward(
        self,
        counts_BTHW: torch.Tensor,
        psf_sigma_B: torch.Tensor | float = DEFAULT_PSF_SIGMA,
        read_variance_BHW: torch.Tensor | float = 0.0,
        cells: Sequence[float] | None = None,
        manner: Manner | None = None,
    ) -> list[ScaleMaps]:
        """Emitters of a frame, at every scale, as dense maps.

        Args:
            counts_BTHW: (B, 1, H, W) a frame or (B, 3, H, W) a frame between its neighbours,
                in effective counts: photo-electrons over the camera's excess factor.
            psf_sigma_B: PSF width in px, one for all or one each.
            read_variance_BHW: variance of the read noise over the excess factor squared.
            cells: cell widths in px, coarse to fine; those of ``patch_nums`` by default.
            manner: how scales hand down their decisions; as distributions by default.

        Returns:
            per scale a :class:`truevar.model.maps.ScaleMaps`: named maps of shape
            (B, 1, h, w).

        Raises:
            ValueError: neither one frame nor three.
        """
        B, _, H, W = counts_BTHW.shape
        cells = cells or self.config.cells_of(H, W)
        outputs = self.predict(
            counts_BTHW, psf_sigma_B, read_variance_BHW, cells=cells, manner=manner
        )
        return [
            ScaleMaps.of(output, B, (-int(-H // output.cell), -int(-W // output.cell)))
            for output in outputs
        ]

    @torch.inference_mode()
    def autoregressive_inference(
        self,
        counts_BTHW: torch.Tensor,
        target_resolution: int = 80,
        psf_sigma_B: torch.Tensor | float = DEFAULT_PSF_SIGMA,
        read_variance_BHW: torch.Tensor | float = 0.0,
        manner: Manner | None = None,
    ) -> ScaleMaps:
        """Decide scale after scale up to a grid, finer than trained for if asked.

        Beyond the last of ``patch_nums`` the last head works on, with its cells' own size
        against the PSF as condition; f̂ stays as the trained scales have left it. Cells below
        half a px only divide what that has said (:mod:`truevar.model.beyond`).

        Args:
            counts_BTHW: (B, 1 or 3, H, H), see :meth:`forward`.
            target_resolution: cells along a side of the grid that is wanted; the first of
                ``patch_nums`` doubled some number of times.
            psf_sigma_B, read_variance_BHW, manner: see :meth:`forward`. ``Manner.drawn()``
                samples, with its temperature and ``top_k``.

        Returns:
            the maps of the target grid, each (B, 1, target, target).

        Raises:
            ValueError: frames that are not square, a target that the grids do not reach.
        """
        cells = self.config.cells_up_to(target_resolution, *counts_BTHW.shape[2:])
        return self(counts_BTHW, psf_sigma_B, read_variance_BHW, cells, manner)[-1]
