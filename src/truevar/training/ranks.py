"""Several processes that train one model: several GPUs, or several CPU cores.

Started by ``torchrun --nproc-per-node N -m truevar.training …``, every process (rank) simulates its
own share of each batch; gradients are averaged before the step, so all hold the same weights.
The first rank alone validates, writes and reports.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn


def first_process() -> bool:
    """Whether this process is the one that writes and reports, known before they have met."""
    return os.environ.get("RANK", "0") == "0"


def own_device(device: torch.device) -> torch.device:
    """This process's GPU where each has one; the device itself otherwise."""
    if device.type != "cuda" or device.index is not None or "LOCAL_RANK" not in os.environ:
        return device
    own = torch.device("cuda", int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    torch.cuda.set_device(own)
    return own


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together.

    Attributes:
        rank: its number, from 0.
        count: how many there are.
    """

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes and reports."""
        return self.rank == 0

    def seed(self, seed: int, step: int) -> int:
        """A run's seed made another in every process, and at every step that it is resumed at."""
        return seed + 7919 * step + 104729 * self.rank

    @classmethod
    def join(cls, device: torch.device) -> Ranks:
        """Meet the other processes that ``torchrun`` started; alone where it did not."""
        count = int(os.environ.get("WORLD_SIZE", "1"))
        if count < 2:
            return cls()
        if not dist.is_initialized():
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        return cls(dist.get_rank(), dist.get_world_size())

    def share(self, network: nn.Module) -> None:
        """Give every process the first one's weights, those that are not learnt included."""
        if self.count > 1:
            for value in network.state_dict().values():
                sent = value.contiguous()  # the kernels of convolutions may lie otherwise
                dist.broadcast(sent, 0)
                value.copy_(sent)

    def agree(self, value: float, device: torch.device) -> float:
        """The first process's number, in all."""
        if self.count == 1:
            return value
        sent = torch.tensor([value], dtype=torch.float64, device=device)
        dist.broadcast(sent, 0)
        return float(sent)

    def average(self, network: nn.Module, seconds: float, device: torch.device) -> float:
        """Average gradients over all processes, in place.

        Args:
            network: whose gradients; those that are absent count as zero.
            seconds: this process's clock.
            device: where to exchange.

        Returns:
            the mean of the clocks, the same in all: what is decided by it is decided alike.
        """
        if self.count == 1:
            return seconds
        learnt = [p for p in network.parameters() if p.requires_grad]
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in learnt]
        clock = torch.tensor([seconds], device=device)
        flat = torch.cat([g.flatten() for g in gradients] + [clock])
        dist.all_reduce(flat)
        flat /= self.count
        start = 0
        for param in learnt:
            param.grad = flat[start : start + param.numel()].view_as(param)
            start += param.numel()
        return float(flat[-1])

    def leave(self) -> None:
        """Part from the others, when all are done."""
        if self.count > 1:
            dist.barrier()
            dist.destroy_process_group()
