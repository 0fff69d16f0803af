"""What fixes the shape of a model, one instance per preset."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from truevar.config.checks import (
    check_above_zero,
    check_least,
    check_types,
    from_plain,
    refuse,
    to_plain,
)
from truevar.errors import UserError

RESIDUALS = ("codes", "features", "upsample", "none")
IMAGE_SIDES = ("full", "lean")
LEAN_MIXINGS = ("conv", "depthwise")
CODES = ("scalar", "codebook")

_AXES = 4
"""Numbers that the longest scalar code consists of, :mod:`truevar.model.codes`."""

_LEAST = {
    "embed_dim": 1,
    "num_heads": 1,
    "num_layers": 0,
    "vocab_size": 2,
    "code_channels": 1,
    "kv_heads": 1,
    "head_dim": 1,
    "cond_dim": 1,
    "stem_channels": 1,
    "frame_channels": 1,
    "joint_blocks": 0,
    "wide_channels": 1,
    "coarsest_cell": 1,
}


@dataclass(frozen=True)
class ModelConfig:
    """What fixes the shape of a :class:`truevar.model.TrueVAREmitterPredictor`.

    Args:
        patch_nums: grids of the mission's scales, coarse to fine, each twice the one before.
            Heads, Phi networks and embeddings belong to them one by one.
        embed_dim: width of the tokens.
        num_heads: attention heads.
        num_layers: transformer blocks that a scale passes through.
        shared_blocks: whether all scales pass through the same blocks, as in VAR, or each
            through its own.
        vocab_size: codes of the finest scale.
        codes: ``scalar`` or ``codebook``, see :mod:`truevar.model.codes`.
        code_channels: width of f̂.
        kv_heads: heads of keys and values; fewer than ``num_heads`` are shared.
        head_dim: width of a head.
        mlp_ratio: width of the feed-forward layers over ``embed_dim``.
        cond_dim: width of the condition.
        max_counts: per scale, the largest number of emitters that one decision can
            announce: in one cell at the first scale, in one parent later on.
        stem_channels: width of the full-resolution image encoder.
        frame_channels: width of the part that sees one frame alone (kept between frames).
        joint_blocks: residual blocks that see the frame with its neighbours.
        window: successive frames that are seen together, the middle one decided on: 3, 5, 7 ….
        wide_channels: width of the image pyramid's levels for cells above one px.
        coarsest_cell: px of the widest cells that can be read.
        active_threshold: a cell whose probability of holding an emitter is below this
            has no children; set for recall, not for precision.
        residual: what accumulates in f̂: ``codes`` (VAR), continuous ``features``, the last
            scale's features plainly up-sampled (``upsample``), or nothing (``none``).
        phi: whether Phi networks work on what is added to f̂.
        next_scale: whether a scale is given the coarser ones' decisions and tokens at all.
        joint_split: whether four children decide together how their parent's emitters split.
        encoder_stride: 4 for an encoder that down-samples (for comparison), 1 for one that
            does not.
        image_side: ``full`` for layers at the camera's resolution
            (:mod:`truevar.model.encoder`), ``lean`` for :mod:`truevar.model.lean_encoder`, whose
            ``joint_blocks`` work at a lower one.
        lean_width: features per place of its layers.
        lean_step: width in px of a place.
        lean_mixing: kind of its blocks.
    """

    patch_nums: tuple[int, ...] = (10, 20, 40, 80)
    embed_dim: int = 96
    num_heads: int = 4
    num_layers: int = 1
    shared_blocks: bool = False
    vocab_size: int = 8192
    codes: str = "scalar"
    code_channels: int = 8
    kv_heads: int = 1
    head_dim: int = 32
    mlp_ratio: float = 2.0
    cond_dim: int = 32
    max_counts: tuple[int, ...] = (7, 6, 4, 3)
    stem_channels: int = 64
    frame_channels: int = 32
    joint_blocks: int = 7
    window: int = 3
    wide_channels: int = 32
    coarsest_cell: int = 16
    active_threshold: float = 0.03
    residual: str = "codes"
    phi: bool = True
    next_scale: bool = True
    joint_split: bool = True
    encoder_stride: int = 1
    image_side: str = "full"
    lean_width: int = 48
    lean_step: int = 2
    lean_mixing: str = "conv"

    def __post_init__(self) -> None:
        check_types(self)
        nums = self.patch_nums
        if not nums or any(b != 2 * a for a, b in zip(nums, nums[1:], strict=False)):
            refuse(
                self, "patch_nums", "grids of which each is twice the one before: [10, 20, 40, 80]"
            )
        if nums[0] < 2 or nums[0] % 2:
            # Cells come in groups of four siblings.
            raise UserError(
                f"patch_nums begins with {nums[0]}; the coarsest grid must be even, as in 10"
            )
        if len(self.max_counts) != len(nums):
            refuse(self, "max_counts", f"one number for each of the {len(nums)} patch_nums")
        if min(self.max_counts) < 1:
            refuse(self, "max_counts", "numbers of at least 1")
        for name, least in _LEAST.items():
            check_least(self, name, least)
        check_above_zero(self, "mlp_ratio")
        if self.num_heads % self.kv_heads:
            raise UserError(
                f"num_heads is {self.num_heads} and kv_heads {self.kv_heads}; num_heads must be a "
                "multiple of kv_heads"
            )
        if self.coarsest_cell & (self.coarsest_cell - 1):
            refuse(self, "coarsest_cell", "a power of two: 4, 8, 16")
        if self.cells[0] > self.coarsest_cell:
            raise UserError(
                f"patch_nums has {len(nums)} grids, from cells of {self.cells[0]:g} px to ½ px; "
                f"coarsest_cell must be at least as wide, and is {self.coarsest_cell}"
            )
        if not 0 < self.active_threshold < 1:
            refuse(self, "active_threshold", "a probability above 0 and below 1")
        for name, choice in (
            ("residual", RESIDUALS),
            ("codes", CODES),
            ("image_side", IMAGE_SIDES),
            ("lean_mixing", LEAN_MIXINGS),
        ):
            if getattr(self, name) not in choice:
                raise UserError(
                    f"{name} is {getattr(self, name)!r}; choose from {', '.join(choice)}"
                )
        if self.residual == "codes" and self.codes == "scalar" and self.code_channels < _AXES:
            refuse(self, "code_channels", f"at least {_AXES} for scalar codes")
        if self.encoder_stride not in (1, 4):
            refuse(self, "encoder_stride", "1 or 4")
        if self.lean_step not in (2, 4):
            refuse(self, "lean_step", "2 or 4")
        check_least(self, "lean_width", 1)
        if self.window < 3 or not self.window % 2:
            refuse(self, "window", "an odd number of frames from 3 up")

    @property
    def cells(self) -> tuple[float, ...]:
        """Cell sizes in px when a movie is localised: the finest is half a px."""
        n = len(self.patch_nums)
        return tuple(0.5 * 2.0 ** (n - 1 - k) for k in range(n))

    def cells_of(self, height: int, width: int) -> tuple[float, ...]:
        """Cell sizes in px for a frame: by ``patch_nums`` where they divide it, else ½ px up.

        A square frame of 160 px has cells of 16 … 2 px, one of 40 px cells of 4 … ½ px.
        """
        cell = height / self.patch_nums[0]
        fits = height == width and math.log2(cell).is_integer()
        if not fits or not 0.5 <= cell <= self.coarsest_cell:
            return self.cells
        return tuple(height / num for num in self.patch_nums)

    def cells_up_to(self, target: int, height: int, width: int) -> tuple[float, ...]:
        """Cell sizes in px of a square frame, from the first of ``patch_nums`` to a grid.

        Raises:
            ValueError: a frame that is not square, a target that the grids do not reach.
        """
        first = self.patch_nums[0]
        steps = math.log2(target / first) if target > 0 else -1.0
        if height != width:
            raise ValueError(f"frames must be square, not {height}×{width} px")
        if steps < 0 or steps != round(steps):
            raise ValueError(
                f"target_resolution is {target}; it must be {first} times a power of two"
            )
        cells = tuple(height / (first * 2**k) for k in range(round(steps) + 1))
        if not math.log2(cells[0]).is_integer() or not 0.5 <= cells[0] <= self.coarsest_cell:
            raise ValueError(
                f"a frame of {height} px has no {first}×{first} cells of a power of two px up to "
                f"{self.coarsest_cell}"
            )
        return cells

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return to_plain(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelConfig:
        """The inverse of :meth:`to_dict`.

        Raises:
            UserError: a key this version does not know, a value that cannot work.
        """
        return from_plain(cls, values, "model configuration")

    @classmethod
    def sized(
        cls,
        patch_nums: tuple[int, ...] = (10, 20, 40, 80),
        embed_dim: int = 768,
        num_heads: int = 12,
        num_layers: int = 24,
        vocab_size: int = 8192,
    ) -> ModelConfig:
        """The full model by the mission's five numbers; its other widths follow from them.

        Raises:
            UserError: sizes that do not fit together.
        """
        if num_heads < 1 or embed_dim % num_heads:
            raise UserError(
                f"embed_dim is {embed_dim} and num_heads {num_heads}; "
                "embed_dim must be a multiple of num_heads"
            )
        caps = (7, 6, 4, 3)
        return cls(
            patch_nums=tuple(patch_nums),
            embed_dim=embed_dim,
            num_heads=num_heads,
            num_layers=num_layers,
            shared_blocks=True,
            vocab_size=vocab_size,
            codes="codebook",
            code_channels=32,
            kv_heads=num_heads,
            head_dim=embed_dim // num_heads,
            mlp_ratio=4.0,
            cond_dim=64,
            max_counts=tuple(caps[min(k, 3)] for k in range(len(patch_nums))),
            stem_channels=64,
            frame_channels=32,
            wide_channels=128,
            coarsest_cell=max(16, 2 ** max(len(patch_nums) - 2, 0)),
        )


PRESETS: dict[str, ModelConfig] = {
    "tiny": ModelConfig(
        stem_channels=8,
        frame_channels=4,
        joint_blocks=1,
        wide_channels=8,
        embed_dim=16,
        num_heads=2,
        head_dim=8,
        cond_dim=8,
    ),
    "small": ModelConfig(
        image_side="lean", stem_channels=24, frame_channels=24, joint_blocks=3, window=5
    ),
    "accurate": ModelConfig(),
    "full": ModelConfig.sized(),
}
"""Model sizes by name: ``small`` is that of ``true-var-small``, ``accurate`` that of the model of
this name, ``full`` the mission's; ``tiny`` takes a step in a fraction of a second, to try a
configuration with."""
