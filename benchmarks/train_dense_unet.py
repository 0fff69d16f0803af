"""Train the yardstick, a dense U-Net, on the scenes that our own models are trained on.

    torchrun --nproc-per-node 2 benchmarks/train_dense_unet.py --minutes 60 -o runs/dense-unet
    python benchmarks/train_dense_unet.py --minutes 30 -o runs/dense-unet --resume

The same crops, optimisers, schedule and averaging as theirs (truevar.training); the loss is that
of Speiser et al. 2021. A run that is resumed goes on along the cosine of all its minutes.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import save_file

from truevar.config import TrainingMix
from truevar.training.average import Average
from truevar.training.checkpoint import save_checkpoint
from truevar.training.optimizer import make_optimizers
from truevar.training.precision import mixed_precision
from truevar.training.prefetch import batches
from truevar.training.ranks import Ranks
from truevar.training.schedule import begin_step, end_step, rate_of

sys.path.insert(0, str(Path(__file__).parent))
from dense_unet import DenseUNet, loss_of, seen_of

CROP, BATCH, WARMUP, AVERAGE = 40, 32, 100, 300


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="a folder")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    device = torch.device("cpu")
    ranks = Ranks.join(device)
    torch.manual_seed(args.seed)
    network = DenseUNet()
    network.to(memory_format=torch.channels_last)
    optimizers = make_optimizers(network, args.rate, 0.01)
    average, crops, step, before = Average(network, AVERAGE), 0, 0, 0.0
    args.output.mkdir(parents=True, exist_ok=True)
    kept = args.output / "checkpoint.pt"
    if args.resume:
        state = torch.load(kept, weights_only=True)
        network.load_state_dict(state["network"])
        average.values = state["average"]
        for optimizer, values in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(values)
        crops, step, before = state["crops"], state["step"], state["seconds"]
    ranks.share(network)
    lot = BATCH // ranks.count
    seed = ranks.seed(args.seed, step)
    source = batches(lot, CROP, (), TrainingMix(), device, seed, 3)
    torch.manual_seed(seed)
    began = saved = time.monotonic()
    whole, agreed, recent = before + 60 * args.minutes, before, []

    def seconds() -> float:
        return before + time.monotonic() - began

    def save() -> None:
        if not ranks.first:
            return
        state = {
            "network": network.state_dict(),
            "average": average.values,
            "optimizers": [optimizer.state_dict() for optimizer in optimizers],
            "crops": crops,
            "step": step,
            "seconds": seconds(),
        }
        save_checkpoint(kept, state)
        weights = {name: value.half().contiguous() for name, value in average.values.items()}
        about = {"crops": str(crops), "minutes": f"{seconds() / 60:.1f}"}
        save_file(weights, args.output / "dense-unet.safetensors", about)

    while agreed < whole:
        rate = rate_of(args.rate, step, WARMUP, agreed / whole)
        begin_step(optimizers, rate)
        batch = next(source)
        seen = seen_of(
            batch.counts_BTHW, batch.read_variance_BHW, batch.psf_sigma_B, batch.exists_BT
        )
        with mixed_precision(device):
            maps = network(seen)
        loss = loss_of(maps, batch.targets)
        (0.05 * loss).backward()
        agreed = ranks.average(network, seconds(), device)
        norm = end_step(optimizers, network)
        step, crops = step + 1, crops + lot * ranks.count
        average.update(network, step)
        recent.append((float(loss.detach()), norm))
        if step % 100 == 0 and ranks.first:
            means = [round(sum(v) / len(v), 3) for v in zip(*recent, strict=True)]
            line = {"step": step, "crops": crops, "minutes": round(seconds() / 60, 2)}
            print(
                json.dumps({**line, "rate": rate, "loss": means[0], "norm": means[1]}), flush=True
            )
            recent.clear()
        if time.monotonic() - saved > 240:
            save()
            saved = time.monotonic()
    save()
    source.close()
    ranks.leave()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
