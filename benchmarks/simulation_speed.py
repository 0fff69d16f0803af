"""Training crops simulated per second and core (issue: at least 500 at 1 /µm²).

OMP_NUM_THREADS=1 python benchmarks/simulation_speed.py
"""

from __future__ import annotations

import statistics
import time

import torch

from truevar.config import TrainingMix
from truevar.simulation.crops import sample_crops


def main() -> None:
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    for title, mix in (
        ("training mix", TrainingMix()),
        ("1 /µm² throughout", TrainingMix(sparse_share=0.0, density=(0.01, 0.010001))),
    ):
        sample_crops(32, 40, generator, mix)
        took = []
        for _ in range(12):
            start = time.perf_counter()
            sample_crops(32, 40, generator, mix)
            took.append(time.perf_counter() - start)
        speed = 32 / statistics.median(took)
        print(f"{title}: {speed:.0f} crops of 40×40×3 per second on one thread")


if __name__ == "__main__":
    main()
