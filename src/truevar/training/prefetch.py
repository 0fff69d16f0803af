"""Scenes simulated ahead of the network."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Sequence

import torch

from truevar.config import TrainingMix
from truevar.simulation.crops import CropBatch, sample_crops


def too_wide(n_crops: int, size: int, other_sizes: Sequence[tuple[int, float]]) -> list[int]:
    """Of the other widths those of which one crop has more pixels than a whole batch."""
    return [other for other, _ in other_sizes if other**2 > n_crops * size**2]


def batches(
    n_crops: int,
    size: int,
    other_sizes: Sequence[tuple[int, float]],
    mix: TrainingMix,
    device: torch.device,
    seed: int,
    frames: int = 3,
) -> Generator[CropBatch]:
    """Endless batches; on a CPU a thread simulates ahead while the network learns.

    Args:
        n_crops, size, mix: see :func:`truevar.simulation.crops.sample_crops`.
        other_sizes: other widths in px and the shares of batches that have them; such a batch
            has as many pixels. Widths of which one crop has more are left out.
        device: where to simulate.
        seed: of the scenes.
        frames: of every crop, as many as the model looks at.
    """
    generator = torch.Generator(device).manual_seed(seed)
    wide = too_wide(n_crops, size, other_sizes)
    other_sizes = [other for other in other_sizes if other[0] not in wide]

    def one() -> CropBatch:
        lot = float(torch.rand(1, generator=generator, device=device))
        for other, share in other_sizes:
            if lot < share:
                fewer = round(n_crops * (size / other) ** 2)
                return sample_crops(fewer, other, generator, mix, device, frames)
            lot -= share
        return sample_crops(n_crops, size, generator, mix, device, frames)

    if device.type != "cpu":
        while True:
            yield one()
    ready: queue.Queue[CropBatch | BaseException] = queue.Queue(maxsize=3)
    stop = threading.Event()

    def simulate() -> None:
        torch.set_num_threads(1)  # this thread's own: the others belong to the network
        while not stop.is_set():
            try:
                item: CropBatch | BaseException = one()
            except BaseException as error:  # handed over to the training thread
                item = error
            while not stop.is_set():
                try:
                    ready.put(item, timeout=0.2)
                    break
                except queue.Full:
                    continue

    thread = threading.Thread(target=simulate, daemon=True)
    thread.start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()
