"""How cost grows with the size of the model.

For a ladder of sizes: parameters, multiply-adds per pixel and per emitter, seconds and peak
memory of a training step of one crop of 160×160 px, seconds of forward passes. Every
measurement runs in a process of its own, so that peaks do not mix. Weights are untrained; what
costs depends on how many cells have children, and that is forced: in the training step those that
hold emitters, as it is once a model has learnt where there are none.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from truevar.config import PRESETS, ModelConfig, TrainConfig
from truevar.device import multiplies_bfloat16
from truevar.model import TrueVAREmitterPredictor, VAREmitterLoss, f_hat
from truevar.model.choose import Children
from truevar.simulation.crops import sample_crops
from truevar.training.optimizer import make_optimizers
from truevar.training.step import batch_loss

EXAMPLES = """\
examples:
  python benchmarks/scaling.py
  python benchmarks/scaling.py --sizes small 192x3x6 --output docs/scaling.md
  python benchmarks/scaling.py --device cuda --json scaling.json

A file of --output that exists keeps its text: only what stands between the lines
<!-- scaling cpu --> and <!-- end scaling cpu --> (or cuda) is replaced.
"""

SIZES = {
    "small": PRESETS["small"],
    "192x3x6": ModelConfig.sized(embed_dim=192, num_heads=3, num_layers=6),
    "384x6x12": ModelConfig.sized(embed_dim=384, num_heads=6, num_layers=12),
    "768x12x24": ModelConfig.sized(embed_dim=768, num_heads=12, num_layers=24),
}
"""Width × heads × blocks; the last is the full model."""

SIDE, CROP = 64, 160
FEW, MANY = 8, 40
NEVER = 1 - 1e-9
"""Probability that no untrained cell reaches."""
COLUMNS = (
    ("size", "size", "{}"),
    ("parameters", "parameters, M", "{:.2f}"),
    ("per_pixel", "multiply-adds per px, k", "{:.1f}"),
    ("per_emitter", "per emitter, M", "{:.2f}"),
    ("crop", f"training on a crop of {CROP} px, s", "{:.2f}"),
    ("optimizer", "optimiser, s", "{:.2f}"),
    ("peak", "peak of both, GB", "{:.2f}"),
    ("forward_160", "forward 160×160, s", "{:.3f}"),
    ("forward_40", "forward 40×40 → 80×80, s", "{:.3f}"),
)


def network_of(
    size: str, device: torch.device, threshold: float | None = None
) -> TrueVAREmitterPredictor:
    torch.manual_seed(0)
    config = SIZES[size]
    if threshold is not None:
        config = replace(config, active_threshold=threshold)
    return TrueVAREmitterPredictor(config=config).to(device)


def forced(cells: tuple[float, ...], side: int, n_cells: int, device: torch.device) -> Children:
    """One emitter in each of so many coarsest cells, and no other cell with children.

    Not two of them lie in the same 2×2 cells, the blocks in which f̂ is computed.
    """
    generator = torch.Generator().manual_seed(1)
    blocks = int(side / cells[0]) // 2
    block_N = torch.randperm(blocks**2, generator=generator)[:n_cells]
    where_N2 = torch.stack([block_N // blocks, block_N % blocks], 1)
    where_N2 = (where_N2 + torch.rand(len(block_N), 2, generator=generator)) * 2 * cells[0]
    keep = []
    for cell in cells[:-1]:
        mask = torch.zeros(1, int(side / cell), int(side / cell), dtype=torch.bool)
        mask[0, (where_N2[:, 0] / cell).long(), (where_N2[:, 1] / cell).long()] = True
        keep.append(mask.to(device))
    return Children(keep=keep, threshold=NEVER)


def multiply_adds(network: TrueVAREmitterPredictor, n_cells: int, device: torch.device) -> int:
    """Of one frame of ``SIDE`` px with so many emitters."""
    frames_BTHW = 20 * torch.rand(1, 1, SIDE, SIDE, device=device)
    cells = network.config.cells_of(SIDE, SIDE)
    children = forced(cells, SIDE, n_cells, device)
    # The counter knows attention only by the products it is made of.
    plainly = sdpa_kernel(SDPBackend.MATH)
    with torch.no_grad(), plainly, FlopCounterMode(display=False) as counter:
        network.predict(frames_BTHW, cells=cells, children=children)
    # In use a frame is encoded once; alone it stands between two that are missing.
    blank_N4HW = torch.zeros(1, 4, SIDE, SIDE, device=device)
    with torch.no_grad(), FlopCounterMode(display=False) as missing:
        network.encode_frames(blank_N4HW)
    return (counter.get_total_flops() - missing.get_total_flops()) // 2


def count(size: str, device: torch.device) -> dict[str, Any]:
    """Parameters and multiply-adds.

    The finer scales' work is proportional to the coarsest cells with children: two frames
    that differ in their number give the cost of one, and by subtraction that of an empty frame.
    """
    f_hat._BLOCKS_STEP = 1  # what is filled up to few distinct shapes does not count
    network = network_of(size, device).eval().requires_grad_(False)
    few = multiply_adds(network, FEW, device)
    many = multiply_adds(network, MANY, device)
    emitter = (many - few) / (MANY - FEW)
    return {
        "parameters": sum(p.numel() for p in network.parameters()) / 1e6,
        "per_pixel": (few - FEW * emitter) / SIDE**2 / 1e3,
        "per_emitter": emitter / 1e6,
    }


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def step(size: str, device: torch.device) -> dict[str, Any]:
    """Seconds of a training step's two parts, and its peak memory.

    A batch of n crops takes n times the first and once the second, at the same peak: crops follow
    one another, and their gradients add up.

    Cells that hold emitters have children: an untrained model would open every cell, at a hundred
    times the work.
    """
    config = TrainConfig(crop=CROP, batch=1, micro_batch=1, checkpointing=True)
    network = network_of(size, device, threshold=NEVER)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.transformer.checkpointing = config.checkpointing
    learnt = [p for p in network.parameters() if p.requires_grad]
    optimizers = make_optimizers(network, 1e-5, 0.01)
    loss_of = VAREmitterLoss(config.scale_weights)
    generator = torch.Generator(device).manual_seed(0)
    crops = [sample_crops(1, CROP, generator, device=device) for _ in range(8)]
    crop = sorted(crops, key=lambda one: len(one.targets.x_N))[4]  # as dense as most
    took = []
    for _ in range(3 if device.type == "cuda" else 2):  # the first also prepares
        synchronise(device)
        start = time.perf_counter()
        loss, _ = batch_loss(network, loss_of, crop, config, device)
        loss.backward()
        synchronise(device)
        middle = time.perf_counter()
        torch.nn.utils.clip_grad_norm_(learnt, 2.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        synchronise(device)
        took.append((middle - start, time.perf_counter() - middle))
    per_crop, steps = zip(*took, strict=True)
    emitters = len(crop.targets.x_N)
    told = {"crop": min(per_crop), "optimizer": min(steps), "emitters": emitters}
    return {**told, "peak": peak_gb(device)}


def peak_gb(device: torch.device) -> float:
    """Largest memory of this process so far (on a GPU: that of its tensors)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 1e9
    import resource  # not on Windows

    kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kib * (1 if sys.platform == "darwin" else 1024) / 1e9


def forward(size: str, device: torch.device) -> dict[str, Any]:
    """Seconds of forward passes of one frame with one emitter in every fifth coarsest cell."""
    network = network_of(size, device).eval()
    result = {}
    for side in (CROP, 40):
        cells = network.config.cells_of(side, side)
        children = forced(cells, side, round((side / cells[0]) ** 2 / 5), device)
        frames_BTHW = 20 * torch.rand(1, 3, side, side, device=device)
        took = []
        for _ in range(4):
            synchronise(device)
            start = time.perf_counter()
            with (
                torch.inference_mode(),
                torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"),
            ):
                network.predict(frames_BTHW, cells=cells, children=children)
            synchronise(device)
            took.append(time.perf_counter() - start)
        result[f"forward_{side}"] = min(took[1:])
    return result


MEASUREMENTS = {"count": count, "step": step, "forward": forward}


def measured(what: str, size: str, device: str) -> dict[str, Any]:
    """One measurement, in a process of its own; nothing where that runs out of memory."""
    done = subprocess.run(
        [sys.executable, __file__, "--measure", what, "--sizes", size, "--device", device],
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        print(f"{size}: {what} failed with code {done.returncode}", file=sys.stderr)
        return {}
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def write_between_markers(path: Path, device: str, text: str) -> None:
    """Replace what stands between a device's markers, or put them at the end of the file."""
    first, last = f"<!-- scaling {device} -->", f"<!-- end scaling {device} -->"
    old = path.read_text(encoding="utf-8") if path.exists() else "# Scaling\n"
    if first in old and last in old:
        before, after = old.split(first)[0], old.split(last, 1)[1]
    else:
        before, after = old.rstrip("\n") + "\n\n", "\n"
    path.write_text(f"{before}{first}\n{text}\n{last}{after}", encoding="utf-8", newline="\n")


def machine(device: str) -> str:
    if device.startswith("cuda"):
        where = torch.cuda.get_device_name(device)
    else:
        where = f"{platform.machine()} CPU, {torch.get_num_threads()} threads"
    fast = multiplies_bfloat16(torch.device(device))
    products = f"matrix products in {'bfloat16' if fast else 'float32'}"
    return f"{where}, torch {torch.__version__}, {products} in training"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sizes", nargs="+", choices=[*SIZES], default=[*SIZES])
    parser.add_argument("--device", default="cpu", metavar="D", help="cpu or cuda (default cpu)")
    parser.add_argument("--output", type=Path, metavar="MD", help="put the table into this file")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all figures as JSON")
    parser.add_argument("--measure", choices=[*MEASUREMENTS], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        found = MEASUREMENTS[args.measure](args.sizes[0], torch.device(args.device))
        print(json.dumps(found))
        return 0
    records = []
    for size in args.sizes:
        record: dict[str, Any] = {"size": size}
        for what in MEASUREMENTS:
            record |= measured(what, size, args.device)
            print(record, file=sys.stderr, flush=True)
        records.append(record)
    rows = [[title for _, title, _ in COLUMNS], ["---"] + ["---:"] * (len(COLUMNS) - 1)]
    for record in records:
        rows.append([form.format(record[k]) if k in record else "–" for k, _, form in COLUMNS])
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    text = "\n".join([*lines, "", f"Measured on {machine(args.device)}."])
    print(text)
    if args.output:
        write_between_markers(args.output, args.device.split(":")[0], text)
    if args.json:
        args.json.write_text(json.dumps(records, indent=1), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
