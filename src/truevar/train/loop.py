"""The training loop: any device, any time budget, resumable.

The learning rate follows the clock, not a number of steps: a warm-up, then half a cosine
that ends when the minutes are over, on a fast machine as on a slow one. A resumed run
continues on the cosine that the minutes of all runs together make.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from truevar.config import ModelConfig
from truevar.model.loss import VAREmitterLoss
from truevar.model.predictor import TrueVAREmitterPredictor
from truevar.model.weights import save_weights
from truevar.train.average import Average
from truevar.train.checkpoint import load_checkpoint, save_checkpoint
from truevar.train.prefetch import batches
from truevar.train.scenes import CropBatch, TrainingMix


@dataclass(frozen=True)
class TrainConfig:
    """How to train.

    Args:
        minutes: wall-clock budget of this run.
        steps: also stop after so many steps in all; for comparisons at equal crops.
        batch: crops per step.
        crop: width of a crop in px, a multiple of the coarsest cell.
        learning_rate: at the cosine's top.
        warmup: steps of linear warm-up.
        weight_decay: AdamW's.
        average: horizon in steps of the running average of the weights that is kept.
        children_threshold: cells above this probability may have children. It reaches below
            what is used later: a finer scale that never met the children of unlikely parents
            fills them with emitters.
        parents_per_crop: at most so many parents per scale and crop: bounds the cost of
            false alarms early on.
        log_every: steps between lines of the log.
        save_every: seconds between checkpoints.
        validate_every: seconds between validations.
        seed: of the scenes; a resumed run draws new ones.
    """

    minutes: float = 30.0
    steps: int | None = None
    batch: int = 32
    crop: int = 40
    learning_rate: float = 1.5e-3
    warmup: int = 300
    weight_decay: float = 0.01
    average: int = 1500
    children_threshold: float = 0.01
    parents_per_crop: int = 64
    log_every: int = 100
    save_every: float = 180.0
    validate_every: float = 900.0
    seed: int = 1


def train(
    model_config: ModelConfig,
    config: TrainConfig,
    folder: Path,
    device: str | torch.device = "cpu",
    resume: Path | None = None,
    mix: TrainingMix | None = None,
    validate: Callable[[TrueVAREmitterPredictor], dict[str, Any]] | None = None,
    report: Callable[[dict[str, Any]], None] | None = None,
) -> Path:
    """Train a model and write checkpoint, weights and log into a folder.

    Args:
        model_config: shape of the model; a resumed run must have the checkpoint's.
        config: how to train.
        folder: made if absent; gets ``checkpoint.pt``, ``weights.safetensors``,
            ``log.jsonl``.
        device: where to train and simulate.
        resume: a checkpoint to go on from.
        mix: what to simulate.
        validate: called now and then with the averaged model; what it returns is logged. If
            that holds ``threshold``, the weights keep it.
        report: called with every line of the log.

    Returns:
        the path of the weights.

    Raises:
        UserError: a resumed checkpoint is missing or foreign.
    """
    device = torch.device(device)
    mix = mix or TrainingMix()
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(config.seed)
    state = load_checkpoint(resume) if resume else None
    if state:
        model_config = ModelConfig.from_dict(state["config"])
    network = TrueVAREmitterPredictor(model_config).to(device)
    average = Average(network, config.average)
    shadow = TrueVAREmitterPredictor(model_config).to(device).eval()
    optimizer = torch.optim.AdamW(
        network.parameters(), config.learning_rate, (0.9, 0.98), weight_decay=config.weight_decay
    )
    step, seconds_before, threshold = 0, 0.0, 0.5
    if state:
        network.load_state_dict(state["network"])
        average.values = {k: v.to(device) for k, v in state["average"].items()}
        optimizer.load_state_dict(state["optimizer"])
        step, seconds_before = state["step"], state["seconds"]
        threshold = state.get("threshold", 0.5)
    loss_of = VAREmitterLoss()
    source = batches(config.batch, config.crop, mix, device, config.seed + 7919 * step)
    seconds_all = seconds_before + 60 * config.minutes
    log = (folder / "log.jsonl").open("a", encoding="utf-8")
    recent: list[dict[str, float]] = []
    began = last_save = last_validation = last_line = time.monotonic()
    last_step, skipped = step, 0

    def seconds() -> float:
        return seconds_before + time.monotonic() - began

    def write(line: dict[str, Any]) -> None:
        log.write(json.dumps(line) + "\n")
        log.flush()
        if report:
            report(line)

    def save() -> None:
        save_checkpoint(
            folder / "checkpoint.pt",
            {
                "config": model_config.to_dict(),
                "network": network.state_dict(),
                "average": average.values,
                "optimizer": optimizer.state_dict(),
                "step": step,
                "seconds": seconds(),
                "threshold": threshold,
            },
        )
        average.copy_to(shadow)
        save_weights(
            folder / "weights.safetensors",
            shadow,
            threshold,
            mix.domain(),
            {
                "steps": step,
                "crops": step * config.batch,
                "minutes": round(seconds() / 60, 1),
                "device": str(device),
                "torch": torch.__version__,
                **{k: v for k, v in asdict(config).items() if k in ("batch", "crop", "seed")},
            },
        )

    def run_validation() -> None:
        nonlocal threshold
        if validate:
            average.copy_to(shadow)
            found = validate(shadow)
            threshold = found.get("threshold", threshold)
            write({"step": step, "minutes": round(seconds() / 60, 2), "validation": found})

    try:
        while True:
            done = seconds() / seconds_all
            if config.steps:
                done = max(done, step / config.steps)
            if done >= 1 and step > 0:
                break
            rate = config.learning_rate * min(1.0, (step + 1) / config.warmup)
            rate *= 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss, terms = _forward(network, loss_of, next(source), config, device)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
            if torch.isfinite(norm):
                optimizer.step()
            else:
                skipped += 1
            step += 1
            average.update(network, step)
            recent.append({"loss": float(loss.detach()), "norm": float(norm), **terms})
            now = time.monotonic()
            if len(recent) >= config.log_every:
                means = {k: sum(r[k] for r in recent) / len(recent) for k in recent[0]}
                speed = (step - last_step) * config.batch / (now - last_line)
                write(
                    {
                        "step": step,
                        "minutes": round(seconds() / 60, 2),
                        "rate": rate,
                        "crops_per_s": round(speed, 1),
                        "skipped": skipped,
                        **{k: round(v, 4) for k, v in means.items()},
                    }
                )
                recent.clear()
                last_line, last_step = now, step
            if now - last_validation > config.validate_every:
                run_validation()
                last_validation = time.monotonic()
            if now - last_save > config.save_every:
                save()
                last_save = time.monotonic()
        run_validation()
        save()
    finally:
        source.close()
        log.close()
    return folder / "weights.safetensors"


def _forward(
    network: TrueVAREmitterPredictor,
    loss_of: VAREmitterLoss,
    batch: CropBatch,
    config: TrainConfig,
    device: torch.device,
) -> tuple[torch.Tensor, dict[str, float]]:
    """Loss of one batch, in bfloat16 where that is faster."""
    keep = [
        batch.targets.occupancy(cell, (int(config.crop / cell),) * 2)
        for cell in network.config.cells
    ]
    with torch.autocast(device.type, dtype=torch.bfloat16):
        outputs = network(
            batch.counts_BTHW,
            batch.psf_sigma_B,
            batch.read_variance_BHW,
            batch.exists_BT,
            keep=keep,
            threshold=config.children_threshold,
            most_parents=config.parents_per_crop * config.batch,
        )
    return loss_of(outputs, batch.targets)
