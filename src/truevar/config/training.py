"""How to train, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from truevar.config.checks import (
    check_above_zero,
    check_least,
    check_share,
    check_types,
    from_plain,
    refuse,
    to_plain,
)
from truevar.errors import UserError

ENDLESS = 1e6
"""Minutes of a run that ends by its crops."""


@dataclass(frozen=True)
class TrainConfig:
    """How to train.

    Args:
        minutes: wall-clock budget of this run.
        crops: also stop after so many crops in all; for comparisons.
        batch: crops per step; a few more where processes and micro-batches do not divide it.
        micro_batch: crops per forward pass; their gradients add up to a step's. The clock is
            looked at after each. None for the whole batch at once.
        crop: width in px of most crops.
        other_crops: shares of the steps made with crops of other widths, whose cells are
            wider or narrower: so that one set of weights serves every cell size. A step has
            as many pixels whatever the width.
        sampled: share of the crops in which decisions are handed down as draws; the others get
            distributions.
        corrupted: share of those that get draws from a flattened distribution.
        told: share of the crops in which true decisions are handed down
            (:mod:`truevar.model.truth`).
        self_correction: whether codes are those of what is left to say after the model's own
            coarser ones, or those of the true ones (for comparison).
        learning_rate: at the cosine's top.
        warmup: steps of linear warm-up.
        weight_decay: AdamW's.
        average: horizon in steps of the running average of the weights that is kept.
        parents_per_crop: so many parents per scale and 40 × 40 px at most, on average over a
            batch, and in smaller ones as many as in one of four; see
            :class:`truevar.model.choose.Children`.
        log_every: steps between lines of the log.
        save_every: seconds between checkpoints.
        validate_every: seconds between validations.
        scale_weights: of the loss, coarse to fine; of fewer scales the last ones.
        checkpointing: compute activations again in the backward pass: less memory, more time.
        taught_crops: so many to teach an image side that is not that of the weights a run
            starts from, see :mod:`truevar.training.image_side_stage`; 0 for none.
        frozen_image_side: leave the layers that read the image, and what they are told of the
            PSF, as the run finds them (for comparison: what the scales make of the same features).
        seed: of the scenes; a resumed run draws new ones.
    """

    minutes: float = 30.0
    crops: int | None = None
    batch: int = 16
    micro_batch: int | None = None
    crop: int = 40
    other_crops: tuple[tuple[int, float], ...] = ((20, 0.04), (80, 0.04), (160, 0.02))
    sampled: float = 0.0
    corrupted: float = 0.0
    told: float = 0.2
    self_correction: bool = True
    learning_rate: float = 4e-3
    warmup: int = 300
    weight_decay: float = 0.01
    average: int = 1500
    parents_per_crop: int = 400
    log_every: int = 100
    save_every: float = 180.0
    validate_every: float = 900.0
    scale_weights: tuple[float, ...] = (0.5, 0.7, 0.9, 1.0)
    checkpointing: bool = False
    taught_crops: int = 4000
    frozen_image_side: bool = False
    seed: int = 1

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("minutes", "learning_rate", "save_every", "validate_every"):
            check_above_zero(self, name)
        for name in ("batch", "crop", "warmup", "average", "parents_per_crop", "log_every"):
            check_least(self, name, 1)
        for name in ("crops", "micro_batch"):
            if getattr(self, name) is not None:
                check_least(self, name, 1)
        for name in ("weight_decay", "seed", "taught_crops"):
            check_least(self, name, 0)
        for name in ("sampled", "corrupted", "told"):
            check_share(self, name)
        if self.sampled + self.corrupted > 1:
            raise UserError(
                f"sampled is {self.sampled:g} and corrupted {self.corrupted:g}; they are shares "
                "of the crops, of 1 in all at most"
            )
        if any(width < 1 or not 0 <= share <= 1 for width, share in self.other_crops):
            refuse(self, "other_crops", "pairs of a width in px and a share from 0 to 1")
        if sum(share for _, share in self.other_crops) > 1:
            refuse(self, "other_crops", "shares of the steps, of 1 in all at most")
        if not self.scale_weights or min(self.scale_weights) < 0 or max(self.scale_weights) == 0:
            refuse(self, "scale_weights", "numbers of which none is below 0 and not all are 0")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return to_plain(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainConfig:
        """The inverse of :meth:`to_dict`.

        Raises:
            UserError: a key this version does not know, a value that cannot work.
        """
        return from_plain(cls, values, "training configuration")
