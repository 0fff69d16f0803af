"""What fixes the shape of the first model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from truevar.config.checks import check_types, from_plain, to_plain
from truevar.errors import UserError


@dataclass(frozen=True)
class CoarseToFineConfig:
    """What fixes the shape of the first model, :mod:`truevar.model.coarse_to_fine`.

    Args:
        cells: cell sizes of the scales in camera pixels, coarse to fine, each half of
            the one before. The finest grid may be finer than the camera's pixels.
        max_counts: per scale, the largest number of emitters that one decision can
            announce: in one cell at the first scale, in one parent later on.
        stem_channels: width of the full-resolution image encoder.
        frame_channels: width of the part that sees one frame alone (kept between frames).
        joint_blocks: residual blocks that see the frame with its neighbours.
        embed_dim: width of the tokens.
        num_heads: attention heads among the four siblings.
        coarse_blocks: blocks of the first scale (they mix neighbouring cells).
        sibling_blocks: blocks of every later scale.
        active_threshold: a cell whose probability of holding an emitter is below this
            has no children; set for recall, not for precision.
    """

    cells: tuple[float, ...] = (4.0, 2.0, 1.0, 0.5)
    max_counts: tuple[int, ...] = (7, 6, 4, 3)
    stem_channels: int = 48
    frame_channels: int = 24
    joint_blocks: int = 3
    embed_dim: int = 96
    num_heads: int = 4
    coarse_blocks: int = 3
    sibling_blocks: int = 1
    active_threshold: float = 0.03

    def __post_init__(self) -> None:
        check_types(self)
        if len(self.cells) != len(self.max_counts) or len(self.cells) < 2:
            raise UserError("cells and max_counts must name the same number of scales, at least 2")
        if any(a != 2 * b for a, b in zip(self.cells, self.cells[1:], strict=False)):
            raise UserError("every scale's cells must be half as wide as those of the scale before")
        if not float(self.cells[0]).is_integer() or self.cells[0] < 2:
            raise UserError(f"the first scale's cells are {self.cells[0]} px; give 2, 4, 8, …")
        if self.embed_dim % self.num_heads:
            raise UserError("embed_dim must be a multiple of num_heads")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return to_plain(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CoarseToFineConfig:
        """The inverse of :meth:`to_dict`.

        Raises:
            UserError: a key this version does not know, a value that cannot work.
        """
        return from_plain(cls, values, "model configuration")
