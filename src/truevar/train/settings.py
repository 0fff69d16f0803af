"""How to train, in one place."""

from __future__ import annotations

from dataclasses import dataclass


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
        sampled, corrupted: shares of the crops in which decisions are handed down as draws,
            and as draws from a flattened distribution; the others get distributions.
        teacher_forcing: hand down the truth instead (for comparison).
        self_correction: whether codes are those of what is left to say after the model's own
            coarser ones, or those of the true ones (for comparison).
        learning_rate: at the cosine's top.
        warmup: steps of linear warm-up.
        weight_decay: AdamW's.
        average: horizon in steps of the running average of the weights that is kept.
        parents_per_crop: so many parents per scale and 40 × 40 px at most, on average over a
            batch; see :class:`truevar.model.choose.Children`.
        log_every: steps between lines of the log.
        save_every: seconds between checkpoints.
        validate_every: seconds between validations.
        scale_weights: of the loss, coarse to fine; of fewer scales the last ones.
        checkpointing: compute activations again in the backward pass: less memory, more time.
        seed: of the scenes; a resumed run draws new ones.
    """

    minutes: float = 30.0
    crops: int | None = None
    batch: int = 16
    micro_batch: int | None = None
    crop: int = 40
    other_crops: tuple[tuple[int, float], ...] = ((20, 0.04), (80, 0.04), (160, 0.02))
    sampled: float = 0.2
    corrupted: float = 0.1
    teacher_forcing: bool = False
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
    seed: int = 1
