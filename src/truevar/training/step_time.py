"""How long a step of training will take, from its parts: known before anything is trained."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from truevar.config import ModelConfig, TrainConfig
from truevar.model.lean_encoder import make_encoder
from truevar.model.normalise import CHANNELS
from truevar.model.scales import FINER_REACH
from truevar.model.transformer import AdaLNSelfAttn, Cells, relative_places
from truevar.simulation.crops import sample_crops
from truevar.training.precision import mixed_precision

_SIDE = 32
"""The block is timed on so many cells along a side."""

_CROPS = 16
"""Crops of which the occupied cells are counted."""

_RECOMPUTED = 4 / 3
"""Work of a step whose activations are computed again, over one whose are kept."""


def step_seconds(model: ModelConfig, training: TrainConfig, device: torch.device) -> float:
    """About how many seconds a step takes.

    Times the image side and one transformer block, forwards and backwards, and counts how often
    they are needed in crops of the training mix: a cell that holds an emitter has children, and
    an untrained model gives children to as many more that hold none. What is left out (reading,
    heads, loss, simulation) is a small part of the work in a large model.

    Args:
        model: its sizes.
        training: ``batch``, ``crop``, ``checkpointing``.
        device: where to train.
    """
    side = training.crop
    with torch.random.fork_rng(devices=[]):
        image = _image_side(model, side, device)
        block = _block(model, device) / _SIDE**2
    tokens = _tokens(model, training)
    work = image + tokens * model.num_layers * block
    return training.batch * work * (_RECOMPUTED if training.checkpointing else 1.0)


def _tokens(model: ModelConfig, training: TrainConfig) -> float:
    """Cells looked at per crop, all scales together."""
    side = training.crop
    crops = sample_crops(_CROPS, side, torch.Generator().manual_seed(training.seed))
    cells = model.cells_of(side, side)
    grids = [(round(side / cell),) * 2 for cell in cells]
    tokens = float(grids[0][0] ** 2)
    for cell, grid in zip(cells[:-1], grids[:-1], strict=True):
        occupied = float((crops.targets.counts(cell, grid) > 0).float().mean())
        tokens += 4 * grid[0] ** 2 * min(1.0, 2 * occupied)
    return tokens


def _image_side(model: ModelConfig, side: int, device: torch.device) -> float:
    encoder = make_encoder(model).to(device)
    encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    step = encoder.step
    side = -(-side // step) * step
    input_N4HW = torch.randn(model.window, CHANNELS, side, side, device=device)
    cond_BD = torch.randn(1, model.cond_dim, device=device)

    def once() -> torch.Tensor:
        around = encoder.encode_alone(input_N4HW).split(1)
        f_BCHW: torch.Tensor = encoder.encode_joint(around, cond_BD)
        return f_BCHW

    return _timed(once, device)


def _block(model: ModelConfig, device: torch.device) -> float:
    block = AdaLNSelfAttn(
        model.embed_dim,
        model.cond_dim,
        model.num_heads,
        model.kv_heads,
        model.head_dim,
        model.mlp_ratio,
    ).to(device)
    cells = Cells.all_of(1, (_SIDE, _SIDE), device)
    x_G4D = torch.randn(_SIDE**2 // 4, 4, model.embed_dim, device=device, requires_grad=True)
    cond_BD = torch.randn(1, model.cond_dim, device=device)
    around_GM, place_4M = cells.around(FINER_REACH), relative_places(FINER_REACH).to(device)
    return _timed(lambda: block(x_G4D, cond_BD, cells.crop_G, around_GM, place_4M)[0], device)


def _timed(once: Callable[[], torch.Tensor], device: torch.device) -> float:
    """Seconds of a forward and backward pass, the faster of two: the first one warms up."""
    fastest = float("inf")
    for _ in range(2):
        began = time.perf_counter()
        with mixed_precision(device):
            result = once()
        result.float().square().mean().backward()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        fastest = min(fastest, time.perf_counter() - began)
    return fastest
