"""The training loop: any device, any time budget, resumable.

The learning rate follows the clock, not a number of steps: a warm-up, then half a cosine
that ends when the minutes are over, on a fast machine as on a slow one. A resumed run
continues on the cosine that the minutes of all runs together make.
"""

from __future__ import annotations

import copy
import json
import math
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import truevar
from truevar.config import ModelConfig, RunConfig, TrainConfig, TrainingMix
from truevar.errors import UserError
from truevar.io.atomic import replacing
from truevar.model.loss import VAREmitterLoss
from truevar.model.predictor import TrueVAREmitterPredictor
from truevar.model.tokenizer import EmitterTokenizer
from truevar.model.weights import save_weights
from truevar.training.average import Average
from truevar.training.checkpoint import load_checkpoint, save_checkpoint
from truevar.training.optimizer import make_optimizers
from truevar.training.prefetch import batches, too_wide
from truevar.training.ranks import Ranks, own_device
from truevar.training.schedule import begin_step, end_step, rate_of
from truevar.training.start import Start, take_weights
from truevar.training.step import batch_loss


def train_model(
    model_config: ModelConfig,
    config: TrainConfig,
    folder: Path,
    device: str | torch.device = "cpu",
    resume: Path | None = None,
    mix: TrainingMix | None = None,
    validate: Callable[[TrueVAREmitterPredictor], dict[str, Any]] | None = None,
    report: Callable[[dict[str, Any]], None] | None = None,
    tokenizer: EmitterTokenizer | None = None,
    start: Start | None = None,
) -> Path:
    """Train a model and write checkpoint, weights and log into a folder.

    Args:
        model_config: shape of the model; a resumed run must have the checkpoint's.
        config: how to train.
        folder: made if absent; gets ``config.json``, ``checkpoint.pt``,
            ``weights.safetensors``, ``log.jsonl``.
        device: where to train and simulate.
        resume: a checkpoint to go on from.
        mix: what to simulate.
        validate: called now and then with the averaged model; what it returns is logged. If
            that holds ``threshold``, the weights keep it.
        report: called with every line of the log: one has ``loss``, ``validation`` or ``note``.
        tokenizer: a trained one, for a model that has one; see
            :mod:`truevar.training.tokenizer_stage`. Of several processes only the first needs it.
        start: weights to start from, of a run that is not resumed.

    Started by ``torchrun``, it shares the work with the other processes
    (:mod:`truevar.training.ranks`).

    Returns:
        the path of the weights.

    Raises:
        UserError: a resumed checkpoint is missing or foreign, or model, training and what the
            run starts from do not fit together.
    """
    device = own_device(torch.device(device))
    mix = mix or TrainingMix()
    state = load_checkpoint(resume) if resume else None
    if state:
        model_config = ModelConfig.from_dict(state["config"])
    recipe = RunConfig(model_config, config, mix)
    if start and (state or (tokenizer is not None and start.has_tokenizer)):
        other = f"the checkpoint {resume}" if state else "another tokeniser than its own"
        raise UserError(f"cannot start from {start.name} and from {other}; give one of the two")
    ranks = Ranks.join(device)
    folder.mkdir(parents=True, exist_ok=True)
    if ranks.first:
        with replacing(folder / "config.json") as path:
            path.write_text(recipe.text(), encoding="utf-8")
    torch.manual_seed(config.seed)
    network = TrueVAREmitterPredictor(config=model_config).to(device)
    # Convolutions run several times as fast so.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if network.tokenizer is not None and tokenizer is not None:
        network.tokenizer.load_state_dict(tokenizer.state_dict())
    notes = take_weights(network, start) if start else []
    ranks.share(network)
    if config.frozen_image_side:
        network.encoder.requires_grad_(False)
        network.condition_net.requires_grad_(False)
    network.transformer.checkpointing = config.checkpointing
    average = Average(network, config.average)
    shadow = copy.deepcopy(network).eval()
    optimizers = make_optimizers(network, config.learning_rate, config.weight_decay)
    step, crops, seconds_before = 0, 0, 0.0
    threshold = start.threshold if start else 0.5
    started_from = start.name if start else None
    if state:
        network.load_state_dict(state["network"])
        shadow.load_state_dict(state["network"])
        average.values = {k: v.to(device) for k, v in state["average"].items()}
        for optimizer, kept in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        step, crops, seconds_before = (state[name] for name in ("step", "crops", "seconds"))
        threshold = state.get("threshold", 0.5)
        started_from = state.get("started_from")
    loss_of = VAREmitterLoss(
        config.scale_weights[-len(model_config.patch_nums) :],
        self_correction=config.self_correction,
    )
    own = -(-config.batch // ranks.count)
    parts = -(-own // (config.micro_batch or own))
    lot = -(-own // parts)
    notes += [
        f"no crops of {width} px: one has more pixels than a batch of {lot} of {config.crop} px"
        for width in too_wide(lot, config.crop, config.other_crops)
    ]
    seed = ranks.seed(config.seed, step)
    source = batches(
        lot, config.crop, config.other_crops, mix, device, seed, network.encoder.window
    )
    torch.manual_seed(seed)
    # One budget for all: the first process may have spent some of its minutes before.
    seconds_all = ranks.agree(seconds_before + 60 * config.minutes, device)
    log = (folder / "log.jsonl" if ranks.first else Path(os.devnull)).open("a", encoding="utf-8")
    recent: list[dict[str, float]] = []
    began = last_save = last_validation = last_line = time.monotonic()
    last_crops, skipped, agreed = crops, 0, seconds_before

    def seconds() -> float:
        return seconds_before + time.monotonic() - began

    def write(line: dict[str, Any]) -> None:
        log.write(json.dumps(line) + "\n")
        log.flush()
        if report and ranks.first:
            report(line)

    def save() -> None:
        if not ranks.first:
            return
        save_checkpoint(
            folder / "checkpoint.pt",
            {
                "config": model_config.to_dict(),
                "network": network.state_dict(),
                "average": average.values,
                "optimizers": [optimizer.state_dict() for optimizer in optimizers],
                "step": step,
                "crops": crops,
                "seconds": seconds(),
                "threshold": threshold,
                "settings": config.to_dict(),
                "mix": mix.to_dict(),
                "started_from": started_from,
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
                "crops": crops,
                "minutes": round(seconds() / 60, 1),
                "device": str(device),
                "torch": str(torch.__version__),
                "truevar": truevar.__version__,
                **({"started_from": started_from} if started_from else {}),
                "settings": config.to_dict(),
                "mix": mix.to_dict(),
            },
        )

    def run_validation() -> None:
        nonlocal threshold
        if validate and ranks.first:
            average.copy_to(shadow)
            found = validate(shadow)
            threshold = found.get("threshold", threshold)
            write({"step": step, "minutes": round(seconds() / 60, 2), "validation": found})

    for note in notes:
        write({"step": step, "minutes": round(seconds() / 60, 2), "note": note})
    try:
        while True:
            done = agreed / seconds_all
            if config.crops:
                done = max(done, crops / config.crops)
            if done >= 1 and step > 0:
                break
            rate = rate_of(config.learning_rate, step, config.warmup, done)
            begin_step(optimizers, rate)
            made = 0
            sums: Counter[str] = Counter()
            while made < parts and (made == 0 or seconds() < seconds_all):
                loss, terms = batch_loss(network, loss_of, next(source), config, device)
                (loss / parts).backward()
                sums.update({"loss": float(loss.detach()), **terms})
                made += 1
            agreed = ranks.average(network, seconds(), device)
            norm = end_step(optimizers, network)
            skipped += not math.isfinite(norm)
            step += 1
            crops += made * lot * ranks.count
            average.update(network, step)
            recent.append({"norm": norm, **{k: v / made for k, v in sums.items()}})
            now = time.monotonic()
            if len(recent) >= config.log_every:
                means = {k: sum(r[k] for r in recent) / len(recent) for k in recent[0]}
                speed = (crops - last_crops) / (now - last_line)
                write(
                    {
                        "step": step,
                        "crops": crops,
                        "minutes": round(seconds() / 60, 2),
                        "rate": rate,
                        "crops_per_s": round(speed, 1),
                        "skipped": skipped,
                        **{k: round(v, 4) for k, v in means.items()},
                    }
                )
                recent.clear()
                last_line, last_crops = now, crops
            if now - last_validation > config.validate_every:
                run_validation()
                last_validation = time.monotonic()
            if now - last_save > config.save_every:
                save()
                last_save = time.monotonic()
        run_validation()
        save()
        ranks.leave()
    finally:
        source.close()
        log.close()
    return folder / "weights.safetensors"
