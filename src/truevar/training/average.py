"""A running average of a model's weights: less noisy than any single step's."""

from __future__ import annotations

import torch


class Average:
    """Running average of a model's weights; what is validated and shipped."""

    def __init__(self, network: torch.nn.Module, horizon: int):
        self.horizon = horizon
        self.values = {k: v.detach().clone().float() for k, v in network.named_parameters()}

    @torch.no_grad()
    def update(self, network: torch.nn.Module, step: int) -> None:
        """Blend in the weights after ``step`` steps (a shorter memory early on)."""
        share = 1 / min(self.horizon, 1 + step / 4)
        names, values = zip(*network.named_parameters(), strict=True)
        torch._foreach_lerp_([self.values[name] for name in names], list(values), share)

    def copy_to(self, network: torch.nn.Module) -> torch.nn.Module:
        """Put the average into a model of the same shape."""
        network.load_state_dict(self.values, strict=False)
        return network
