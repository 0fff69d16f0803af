"""Joint decisions: how a parent's emitters split among its four children.

Deciding each child on its own contradicts itself at borders: an emitter that
lies on the line between two cells would be announced by both or by neither.
So one categorical distribution ranges over all ways in which up to ``cap``
emitters can sit in four cells: one way for none, 4 for one emitter, 10 for two,
20 for three, and so on. The number of emitters in the parent is part of the
decision, so a finer scale can overrule the coarser one.
"""

from __future__ import annotations

from itertools import product

import torch
from torch import nn


class SplitTable(nn.Module):
    """All ways to place up to ``cap`` emitters in ``parts`` cells.

    Attributes:
        splits_KP: (K, parts) counts per cell, ordered by their total.
        total_K: (K,) their sums.
        log_orders_K: (K,) log number of orders in which emitters put one by one into the cells
            come to these counts (the multinomial coefficient).
    """

    splits_KP: torch.Tensor
    total_K: torch.Tensor
    log_orders_K: torch.Tensor
    code_K: torch.Tensor

    def __init__(self, cap: int, parts: int = 4):
        super().__init__()
        self.cap = cap
        self.parts = parts
        ways = [way for way in product(range(cap + 1), repeat=parts) if sum(way) <= cap]
        ways.sort(key=lambda way: (sum(way), way))
        splits_KP = torch.tensor(ways)
        lookup = torch.full(((cap + 1) ** parts,), -1, dtype=torch.long)
        place_P = (cap + 1) ** torch.arange(parts)
        lookup[(splits_KP * place_P).sum(1)] = torch.arange(len(ways))
        self.register_buffer("splits_KP", splits_KP.float(), persistent=False)
        self.register_buffer("total_K", splits_KP.sum(1).float(), persistent=False)
        log_orders_K = (self.total_K + 1).lgamma() - (self.splits_KP + 1).lgamma().sum(1)
        self.register_buffer("log_orders_K", log_orders_K, persistent=False)
        self.register_buffer("code_K", lookup, persistent=False)

    def __len__(self) -> int:
        return len(self.splits_KP)

    def index(self, counts_GP: torch.Tensor) -> torch.Tensor:
        """(G, parts) counts to (G,) split indices; -1 where the total is above the cap."""
        inside_G = counts_GP.sum(1) <= self.cap
        place_P = (self.cap + 1) ** torch.arange(self.parts, device=counts_GP.device)
        code_G = (counts_GP.clamp(0, self.cap) * place_P).sum(1)
        return torch.where(inside_G, self.code_K[code_G], -1)

    def child_probabilities(self, prob_GK: torch.Tensor, most: int = 3) -> torch.Tensor:
        """(G, parts, most + 1) probability that a child holds 0, 1, … ``most`` or more."""
        counts_KP = self.splits_KP.clamp(max=most).long()
        onehot_KPn = nn.functional.one_hot(counts_KP, most + 1).to(prob_GK.dtype)
        flat_GPn = prob_GK @ onehot_KPn.flatten(1)
        return flat_GPn.view(len(prob_GK), self.parts, most + 1)

    def child_means(self, prob_GK: torch.Tensor) -> torch.Tensor:
        """(G, parts) expected number of emitters in every child."""
        return prob_GK @ self.splits_KP.to(prob_GK.dtype)

    def total_moments(self, prob_GK: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(G,) mean and (G,) variance of the number of emitters in the parent."""
        total_K = self.total_K.to(prob_GK.dtype)
        mean_G = prob_GK @ total_K
        return mean_G, (prob_GK @ total_K.square() - mean_G.square()).clamp_min(0)

    def evenly(self, total_Gn: torch.Tensor) -> torch.Tensor:
        """(G, K) every way's share of its total's probability, all ways of a total alike.

        Args:
            total_Gn: (G, N) probability of 0, 1, …, N − 1 or more emitters.
        """
        total_K = self.total_K.long().clamp(max=total_Gn.shape[1] - 1)
        ways_n = torch.bincount(total_K, minlength=total_Gn.shape[1]).to(total_Gn.dtype)
        return (total_Gn / ways_n.clamp_min(1))[:, total_K]

    def with_totals(self, log_split_GK: torch.Tensor, total_Gn: torch.Tensor) -> torch.Tensor:
        """(G, K) log probabilities with the totals' distribution replaced.

        Args:
            log_split_GK: (G, K) log probability of every way.
            total_Gn: (G, N) wanted probability of 0, 1, …, N − 1 or more emitters.
        """
        total_K = self.total_K.long().clamp(max=total_Gn.shape[1] - 1)
        onehot_Kn = nn.functional.one_hot(total_K, total_Gn.shape[1]).to(log_split_GK.dtype)
        own_Gn = (log_split_GK.exp() @ onehot_Kn).clamp_min(1e-12)
        wanted_Gn = total_Gn.clamp_min(1e-12)
        return log_split_GK + (wanted_Gn.log() - own_Gn.log())[:, total_K]
