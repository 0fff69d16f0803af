"""A new image side taught by a trained model, before it learns from scenes with the rest.

The scales of a trained model read 64 numbers per camera pixel. A leaner image side that gives
nearly the same numbers lets all that follows stay as it is: it is taught to do so (distillation:
Hinton et al. 2015, on features as Romero et al. 2015), which needs no decisions and no
targets, and takes minutes. What it cannot imitate is then learnt from scenes, all parts together.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F

from truevar.config import ModelConfig, TrainConfig, TrainingMix
from truevar.errors import UserError
from truevar.model.predictor import TrueVAREmitterPredictor
from truevar.training.optimizer import make_optimizers
from truevar.training.prefetch import batches

_WARMUP = 50


def with_image_side(
    teacher: TrueVAREmitterPredictor, config: ModelConfig
) -> TrueVAREmitterPredictor:
    """A model with another, untrained, image side and everything else the teacher's.

    Args:
        teacher: a trained model.
        config: the same sizes, but for the image side's.

    Raises:
        UserError: more than the image side differs.
    """
    own = {
        name: getattr(teacher.config, name)
        for name in (
            "image_side",
            "lean_width",
            "lean_step",
            "lean_mixing",
            "frame_channels",
            "joint_blocks",
        )
    }
    if replace(config, **own) != teacher.config:
        raise UserError("the teacher differs in more than the image side; choose its other sizes")
    student = TrueVAREmitterPredictor(config=config)
    rest = {k: v for k, v in teacher.state_dict().items() if not k.startswith("encoder.")}
    student.load_state_dict(rest, strict=False)
    return student


def teach_image_side(
    student: TrueVAREmitterPredictor,
    teacher: TrueVAREmitterPredictor,
    config: TrainConfig,
    mix: TrainingMix | None = None,
    device: torch.device | str = "cpu",
    report: Callable[[dict[str, Any]], None] | None = None,
) -> TrueVAREmitterPredictor:
    """Bring a student's features to those of its teacher, on simulated crops.

    Args:
        student: of :func:`with_image_side`; its encoder is changed in place.
        teacher: a trained model.
        config: ``crops`` in all, ``batch``, ``learning_rate``, ``seed``; widths as in training.
        mix: what to simulate.
        device: where both are.
        report: called every ``log_every`` steps with ``crops``, ``rate`` and ``error``: the
            mean difference (Huber's) in standard deviations of the teacher's features.
    """
    if config.crops is None:
        raise ValueError("teaching ends after a number of crops; set config.crops")
    device = torch.device(device)
    encoder = student.encoder.train()
    optimizers = make_optimizers(encoder, config.learning_rate, config.weight_decay)
    source = batches(
        config.batch, config.crop, config.other_crops, mix or TrainingMix(), device, config.seed
    )
    crops, step, recent = 0, 0, 0.0
    typical_C = torch.zeros(())
    try:
        while crops < config.crops:
            rate = config.learning_rate * min(1.0, (step + 1) / _WARMUP)
            rate *= 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * crops / config.crops))
            batch = next(source)
            cell = teacher.config.cells_of(*batch.counts_BTHW.shape[2:])[0]
            seen = (batch.counts_BTHW, batch.psf_sigma_B, batch.read_variance_BHW, batch.exists_BT)
            with torch.autocast(device.type, dtype=torch.bfloat16):
                with torch.no_grad():
                    wanted_BCHW, _, _ = teacher.encode(*seen, cell)
                f_BCHW, _, _ = student.encode(*seen, cell)
            wanted_BCHW = wanted_BCHW.float()
            # Crops differ in brightness by orders of magnitude: the scale is that of many
            # batches, and what is far off counts by its distance, not by the square.
            spread_C = wanted_BCHW.std((0, 2, 3))
            typical_C = spread_C if step == 0 else typical_C.lerp(spread_C, 1 / min(step + 1, 200))
            scale_C11 = typical_C.clamp_min(1e-3)[:, None, None]
            error = F.smooth_l1_loss(f_BCHW.float() / scale_C11, wanted_BCHW / scale_C11)
            for optimizer in optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = rate
                optimizer.zero_grad(set_to_none=True)
            error.backward()
            torch.nn.utils.clip_grad_norm_(encoder.parameters(), 2.0)
            for optimizer in optimizers:
                optimizer.step()
            step += 1
            crops += len(batch.counts_BTHW)
            recent += float(error.detach())
            if report and step % config.log_every == 0:
                report({"crops": crops, "rate": rate, "error": recent / config.log_every})
                recent = 0.0
    finally:
        source.close()
    return student
