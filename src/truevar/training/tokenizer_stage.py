"""Stage one: the tokeniser, trained on simulated emitter fields and then frozen."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from truevar.config import ModelConfig
from truevar.errors import UserError
from truevar.model.codes import Codebook, ScalarCodes
from truevar.model.tokenizer import EmitterTokenizer, emitter_field
from truevar.training.checkpoint import save_checkpoint


@dataclass(frozen=True)
class FieldMix:
    """What fields are drawn from.

    Args:
        density: emitters per finest cell, log-uniform. 4 /µm² on at an instant is 0.015 per
            cell of 50 nm; wider cells hold more.
        photons: log-uniform.
        size: finest cells along a side.
    """

    density: tuple[float, float] = (2e-4, 8e-2)
    photons: tuple[float, float] = (100.0, 20000.0)
    size: int = 80


def sample_fields(
    n_fields: int, generator: torch.Generator, mix: FieldMix | None = None
) -> torch.Tensor:
    """(B, 4, H, W) fields of emitters placed at random; see :func:`emitter_field`."""
    mix = mix or FieldMix()

    def log_uniform(n: int, span: tuple[float, float]) -> torch.Tensor:
        low, high = math.log(span[0]), math.log(span[1])
        return low + (high - low) * torch.rand(n, generator=generator)

    density_B = log_uniform(n_fields, mix.density).exp()
    n_B = torch.poisson(density_B * mix.size**2, generator=generator).long()
    crop_N = torch.arange(n_fields).repeat_interleave(n_B)
    n = len(crop_N)
    x_N, y_N = mix.size * torch.rand(2, n, generator=generator) - 0.5
    log_N = log_uniform(n, mix.photons)
    return emitter_field(crop_N, x_N, y_N, log_N, 1.0, (n_fields, mix.size, mix.size))


@torch.no_grad()
def start_from_data(tokenizer: EmitterTokenizer, fields_B4HW: torch.Tensor) -> None:
    """Put the codes of every scale where the fields' residuals are."""
    quantizer = tokenizer.quantizer
    SN = len(quantizer.patch_nums)
    f_BCHW, occupied_B1HW = tokenizer.features(fields_B4HW), fields_B4HW[:, :1] > 0
    f_hat = torch.zeros_like(f_BCHW)
    for si in range(SN):
        vector_NC, active = quantizer.residual(si, SN, f_BCHW - f_hat, occupied_B1HW)
        if isinstance(quantizer.codes, ScalarCodes):
            quantizer.codes.fit(vector_NC, si)
            if si == SN - 1:
                count_N = fields_B4HW.permute(0, 2, 3, 1)[occupied_B1HW[:, 0]][:, 0]
                quantizer.codes.separate(vector_NC, count_N > 1, si)
        elif isinstance(quantizer.codes, Codebook) and si == SN - 1:
            quantizer.codes.revive(vector_NC, torch.zeros(quantizer.codes.size(si)), si)
        said = quantizer.codes.quantise(vector_NC, si).vector_NC
        h_BChw = quantizer.spread(si, SN, said, active, f_BCHW.shape)
        f_hat = quantizer.add(si, SN, f_hat, h_BChw, active)


def train_tokenizer(
    config: ModelConfig,
    minutes: float = 2.0,
    steps: int = 1200,
    batch: int = 16,
    rate: float = 2e-3,
    seed: int = 1,
    report: Callable[[dict[str, Any]], None] | None = None,
) -> EmitterTokenizer:
    """Train the tokeniser of a model.

    Args:
        config: of the model.
        minutes: wall-clock budget; at least one step is made.
        steps: stop after so many.
        batch: fields per step.
        rate: learning rate at the start; it falls linearly.
        seed: of the fields.
        report: called with a line of figures every hundred steps.
    """
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    tokenizer = EmitterTokenizer.of(config)
    start_from_data(tokenizer, sample_fields(4 * batch, generator))
    if isinstance(tokenizer.quantizer.codes, ScalarCodes):
        # What the numbers mean is settled by the data's axes; trained on, the rare "several
        # emitters in this cell" is lost to the ever-present offsets.
        for part in (tokenizer.enter, tokenizer.encoder, tokenizer.quantizer.codes.to_numbers):
            part.requires_grad_(False)
    learnt = [p for p in tokenizer.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(learnt, rate, (0.9, 0.98))
    n_scales = len(config.patch_nums)
    used = [torch.zeros(tokenizer.quantizer.codes.size(si)) for si in range(n_scales)]
    began = time.monotonic()
    for step in range(steps):
        done = max(step / steps, (time.monotonic() - began) / (60 * minutes))
        if done >= 1 and step > 0:
            break
        if step in (steps // 8, steps // 4, steps // 2):
            # Phi has changed what is left for the finer scales to say.
            start_from_data(tokenizer, sample_fields(4 * batch, generator))
        for group in optimizer.param_groups:
            group["lr"] = rate * (1 - min(done, 0.999))
        loss, terms, scales = tokenizer.loss(sample_fields(batch, generator))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(tokenizer.parameters(), 1.0)
        optimizer.step()
        codes = tokenizer.quantizer.codes
        if isinstance(codes, Codebook):
            for si, scale in enumerate(scales):
                index_N = codes.flat_index(scale.quantised.index_NF, si)
                used[si] += torch.bincount(index_N, minlength=len(used[si]))
            if step % 50 == 49 and done < 0.7:
                codes.revive(scales[-1].vector_NC.detach(), sum_used(used), n_scales - 1)
                used = [torch.zeros_like(u) for u in used]
        if report and (step % 100 == 0 or step == steps - 1):
            minutes_gone = (time.monotonic() - began) / 60
            report({"step": step, "minutes": round(minutes_gone, 2), "loss": loss.item(), **terms})
    return tokenizer.eval().requires_grad_(False)


def sum_used(used: list[torch.Tensor]) -> torch.Tensor:
    """How often every code was used by any scale; coarse scales use the first ones."""
    total = torch.zeros_like(used[-1])
    for counts in used:
        total[: len(counts)] += counts
    return total


@torch.no_grad()
def measure_tokenizer(
    tokenizer: EmitterTokenizer, fields: int = 400, density: float = 0.015, seed: int = 2
) -> dict[str, Any]:
    """How well truth → codes → truth works, and how many codes are in use.

    Args:
        tokenizer: a trained one.
        fields: how many; accuracy on fields of ``density``, use on those of the training mix.
        density: emitters per finest cell.
        seed: of the fields.

    Returns:
        ``error``: root mean square position error in finest cells over occupied cells, of the
        codes alone; ``wrong_counts``: share of cells whose number is wrong; ``in_use``: share
        of each scale's codes that occurred; ``cells``: occupied cells looked at.
    """
    generator = torch.Generator().manual_seed(seed)
    codes = tokenizer.quantizer.codes
    n_scales = len(tokenizer.quantizer.patch_nums)
    used = [torch.zeros(codes.size(si)) for si in range(n_scales)]
    squares, wrong, cells = 0.0, 0, 0
    even = FieldMix(density=(density, density * 1.0001))
    for start in range(0, fields, 16):
        n = min(16, fields - start)
        field_B4HW = sample_fields(n, generator, even)
        f_hat, _ = tokenizer.encode(field_B4HW)
        occupied = field_B4HW[:, :1] > 0
        decoded = tokenizer.decode(f_hat, occupied)
        true_N4 = field_B4HW.permute(0, 2, 3, 1)[occupied[:, 0]]
        squares += float((decoded.offset_N2 - true_N4[:, 1:3]).square().sum())
        wrong += int((decoded.log_count_NM.argmax(1) + 1 != true_N4[:, 0]).sum())
        cells += len(true_N4)
        _, scales = tokenizer.encode(sample_fields(n, generator))
        for si, scale in enumerate(scales):
            index_N = codes.flat_index(scale.quantised.index_NF, si)
            used[si] += torch.bincount(index_N, minlength=len(used[si]))
    return {
        "error": (squares / max(cells, 1)) ** 0.5,
        "wrong_counts": wrong / max(cells, 1),
        "in_use": [round(float((u > 0).float().mean()), 4) for u in used],
        "cells": cells,
    }


def save_tokenizer(path: Path, tokenizer: EmitterTokenizer, config: ModelConfig) -> None:
    """Write a tokeniser for :func:`load_tokenizer`."""
    save_checkpoint(path, {"config": config.to_dict(), "tokenizer": tokenizer.state_dict()})


def load_tokenizer(path: Path, config: ModelConfig) -> EmitterTokenizer:
    """Read a tokeniser of :func:`save_tokenizer`.

    Raises:
        UserError: no such file, not a tokeniser, or one of another shape than ``config``'s.
    """
    if not path.is_file():
        raise UserError(f"no tokeniser {path}; make one with `truevar train --stage tokenizer`")
    tokenizer = EmitterTokenizer.of(config)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        tokenizer.load_state_dict(state["tokenizer"])
    except Exception as error:  # torch.load fails in many ways on a foreign file
        raise UserError(
            f"{path} is not a tokeniser of this model; make one with "
            "`truevar train --stage tokenizer`"
        ) from error
    return tokenizer.eval().requires_grad_(False)
