"""Scenes simulated ahead of the network."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator

import torch

from truevar.train.scenes import CropBatch, TrainingMix, sample_crops


def batches(
    n_crops: int, size: int, mix: TrainingMix, device: torch.device, seed: int
) -> Generator[CropBatch]:
    """Endless batches; on a CPU a thread simulates ahead while the network learns.

    Args:
        n_crops, size, mix: see :func:`truevar.train.scenes.sample_crops`.
        device: where to simulate.
        seed: of the scenes.
    """
    generator = torch.Generator(device).manual_seed(seed)

    def one() -> CropBatch:
        return sample_crops(n_crops, size, generator, mix, device)

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
