"""A new image side taught by a trained model, before it learns from scenes with the rest.

The scales of a trained model read combinations of its features
(:mod:`truevar.training.reading_basis`). A leaner image side that gives nearly the same lets all
that follows stay as it is: it is taught to do so (distillation: Hinton et al. 2015, on features
as Romero et al. 2015), which needs no decisions and no targets, and takes minutes. What it cannot
imitate is then learnt from scenes, all parts together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F

from truevar.config import ModelConfig, TrainConfig, TrainingMix
from truevar.errors import UserError
from truevar.model.predictor import TrueVAREmitterPredictor
from truevar.training.optimizer import make_optimizers
from truevar.training.precision import mixed_precision
from truevar.training.prefetch import batches
from truevar.training.ranks import first_process
from truevar.training.reading_basis import ReadingBasis, read_through, reading_basis
from truevar.training.schedule import begin_step, end_step, rate_of
from truevar.training.start import Start

_WARMUP = 50

_IMAGE_SIDE = (
    "image_side",
    "stem_channels",
    "lean_width",
    "lean_step",
    "lean_mixing",
    "frame_channels",
    "joint_blocks",
    "window",
)
"""The sizes that may differ."""


def differs_in_image_side(one: ModelConfig, other: ModelConfig) -> bool:
    """Whether two models have different image sides and are alike in everything else."""
    return one != other and _with_image_side_of(one, other) == other


def _with_image_side_of(config: ModelConfig, other: ModelConfig) -> ModelConfig:
    return replace(config, **{name: getattr(other, name) for name in _IMAGE_SIDE})


def taught(
    start: Start,
    config: ModelConfig,
    training: TrainConfig,
    mix: TrainingMix,
    device: torch.device,
    report: Callable[[dict[str, Any]], None] | None = None,
) -> Start:
    """Weights to start a model of another image side from.

    Args:
        start: weights of the teacher.
        config: the model, whose other sizes are the teacher's.
        training: how; ``taught_crops`` of its crops.
        mix: what to simulate.
        device: where to train.
        report: called with a line when it is done.

    Returns:
        ``config``'s weights. Of several processes only the first one's are taught: it hands
        them to the others when they meet.
    """
    teacher = TrueVAREmitterPredictor(config=start.config).to(device)
    teacher.load_state_dict(dict(start.tensors))
    teacher.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    basis = reading_basis(teacher, config.stem_channels, training, mix, device)
    student = with_image_side(teacher, config, basis).to(device)
    student.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if first_process() and training.taught_crops:
        lines: list[dict[str, Any]] = []
        how = replace(training, crops=training.taught_crops)
        teach_image_side(student, teacher, basis, how, mix, device, lines.append)
        if report:
            error = f"; {100 * lines[-1]['error']:.1f} % of what is read is missed" if lines else ""
            note = f"image side taught by that of {start.name} on {how.crops} crops{error}"
            report({"step": 0, "minutes": 0.0, "note": note})
    return replace(start, config=config, tensors=student.state_dict())


def with_image_side(
    teacher: TrueVAREmitterPredictor, config: ModelConfig, basis: ReadingBasis
) -> TrueVAREmitterPredictor:
    """A model with another, untrained, image side and everything else the teacher's.

    Args:
        teacher: a trained model.
        config: the same sizes, but for the image side's.
        basis: of the teacher, with as many combinations as ``config`` has features; what
            they will be is read as the teacher reads its own.

    Raises:
        UserError: more than the image side differs.
    """
    if _with_image_side_of(config, teacher.config) != teacher.config:
        raise UserError("the teacher differs in more than the image side; choose its other sizes")
    student = TrueVAREmitterPredictor(config=config)
    rest = {
        key: value
        for key, value in {**teacher.state_dict(), **read_through(teacher, basis)}.items()
        # What every pixel says by itself, in training only, is learnt within minutes.
        if not key.startswith(("encoder.", "glance."))
    }
    student.load_state_dict(rest, strict=False)
    return student


def teach_image_side(
    student: TrueVAREmitterPredictor,
    teacher: TrueVAREmitterPredictor,
    basis: ReadingBasis,
    config: TrainConfig,
    mix: TrainingMix | None = None,
    device: torch.device | str = "cpu",
    report: Callable[[dict[str, Any]], None] | None = None,
) -> TrueVAREmitterPredictor:
    """Bring a student's features to what is read of its teacher's, on simulated crops.

    Args:
        student: of :func:`with_image_side`; its encoder is changed in place.
        teacher: a trained model.
        basis: of the teacher, as many combinations as the student has features.
        config: ``crops`` in all, ``batch``, ``learning_rate``, ``seed``; widths as in training.
        mix: what to simulate.
        device: where both are.
        report: called every ``log_every`` steps with ``crops``, ``rate`` and ``error``: the
            share of what the teacher's scales read that the student's features miss.
    """
    if config.crops is None:
        raise ValueError("teaching ends after a number of crops; set config.crops")
    device = torch.device(device)
    encoder = student.encoder.train()
    optimizers = make_optimizers(encoder, config.learning_rate, config.weight_decay)
    source = batches(
        config.batch,
        config.crop,
        config.other_crops,
        mix or TrainingMix(),
        device,
        config.seed,
        max(encoder.window, teacher.encoder.window),
    )
    crops, step, recent = 0, 0, 0.0
    try:
        while crops < config.crops:
            rate = rate_of(config.learning_rate, step, _WARMUP, crops / config.crops, last=0.02)
            batch = next(source)
            cell = teacher.config.cells_of(*batch.counts_BTHW.shape[2:])[0]
            seen = (batch.counts_BTHW, batch.psf_sigma_B, batch.read_variance_BHW, batch.exists_BT)
            with mixed_precision(device):
                with torch.no_grad():
                    wanted_BCHW, _, _ = teacher.encode(*seen, cell)
                f_BCHW, _, _ = student.encode(*seen, cell)
            wanted_BHWR = wanted_BCHW.float().permute(0, 2, 3, 1) @ basis.into_CR
            # Crops differ in brightness by orders of magnitude: what is far off counts by its
            # distance, not by the square.
            apart_BHWR = F.huber_loss(
                f_BCHW.float().permute(0, 2, 3, 1), wanted_BHWR, reduction="none"
            )
            error = 2 * (apart_BHWR.mean((0, 1, 2)) * basis.weight_R).sum()
            begin_step(optimizers, rate)
            error.backward()
            end_step(optimizers, encoder)
            step += 1
            crops += len(batch.counts_BTHW)
            recent += float(error.detach())
            if report and step % config.log_every == 0:
                report({"crops": crops, "rate": rate, "error": recent / config.log_every})
                recent = 0.0
    finally:
        source.close()
    return student
