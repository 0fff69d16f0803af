"""The vocabulary: what one token can say.

Two kinds, one interface:

* :class:`ScalarCodes`: finite scalar quantisation (Mentzer et al. 2023, arXiv 2309.15505). A
  code is a tuple of a few numbers, each rounded to one of its levels, so nothing collapses,
  the order of the levels is kept, and a network predicts each number on its own: 16 + 16 +
  16 + 2 logits instead of 8192;
* :class:`Codebook`: VAR's (van den Oord et al. 2017): the nearest of ``vocab_size`` learnt
  vectors, shared by all scales, of which coarse scales may use the first few only.

"Nothing" is no code: a cell that holds nothing is an exact zero vector, made by a mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Quantised:
    """Vectors rounded to codes.

    Attributes:
        vector_NC: (N, C) the codes' vectors; gradients pass straight through the rounding.
        index_NF: (N, F) the code, factor by factor.
        loss: what pulls vectors and codes together.
    """

    vector_NC: torch.Tensor
    index_NF: torch.Tensor
    loss: torch.Tensor


class Codes(nn.Module):
    """The interface of both kinds. ``factors[k]``: sizes of the factors of scale ``k``."""

    factors: tuple[tuple[int, ...], ...]

    def quantise(self, vector_NC: torch.Tensor, si: int) -> Quantised:
        """Round (N, C) vectors to codes of scale ``si``."""
        raise NotImplementedError

    def embed(self, index_NF: torch.Tensor, si: int) -> torch.Tensor:
        """(N, F) codes of scale ``si`` to (N, C) vectors."""
        raise NotImplementedError

    def expected(self, logits_NV: torch.Tensor, si: int) -> torch.Tensor:
        """(N, C) mean vector under (N, sum of factors) logits."""
        raise NotImplementedError

    def scale(self, si: int) -> int:
        """The scale whose codes scale ``si`` uses: beyond the last, the last one's."""
        return min(si, len(self.factors) - 1)

    def size(self, si: int) -> int:
        """How many codes scale ``si`` is allotted."""
        return prod(self.factors[self.scale(si)])

    def n_logits(self, si: int) -> int:
        """How many numbers describe a distribution over the codes of scale ``si``."""
        return sum(self.factors[self.scale(si)])

    def split_logits(self, logits_NV: torch.Tensor, si: int) -> tuple[torch.Tensor, ...]:
        """Logits of every factor."""
        return logits_NV.split(list(self.factors[self.scale(si)]), dim=1)

    def flat_index(self, index_NF: torch.Tensor, si: int) -> torch.Tensor:
        """(N, F) factors to (N,) one index below :meth:`size`."""
        flat_N = torch.zeros_like(index_NF[:, 0])
        for factor, levels in enumerate(self.factors[self.scale(si)]):
            flat_N = flat_N * levels + index_NF[:, factor]
        return flat_N

    def cross_entropy(
        self, logits_NV: torch.Tensor, index_NF: torch.Tensor, si: int
    ) -> torch.Tensor:
        """(N,) nats of the given codes."""
        parts = self.split_logits(logits_NV.float(), si)
        return torch.stack(
            [F.cross_entropy(p, index_NF[:, f], reduction="none") for f, p in enumerate(parts)]
        ).sum(0)

    def choose(
        self, logits_NV: torch.Tensor, si: int, temperature: float = 1.0, top_k: int = 0
    ) -> torch.Tensor:
        """(N, F) codes drawn from logits; the likeliest ones at temperature 0.

        Args:
            logits_NV: (N, sum of factors).
            si: the scale.
            temperature: logits are divided by it.
            top_k: draw from the ``top_k`` likeliest values of every factor only; 0 for all.
        """
        chosen = []
        for part_NL in self.split_logits(logits_NV.float(), si):
            if temperature <= 0:
                chosen.append(part_NL.argmax(1))
                continue
            if 0 < top_k < part_NL.shape[1]:
                least_N1 = part_NL.topk(top_k, dim=1).values[:, -1:]
                part_NL = part_NL.masked_fill(part_NL < least_N1, -torch.inf)
            chosen.append((part_NL / temperature).softmax(1).multinomial(1)[:, 0])
        return torch.stack(chosen, 1)


class ScalarCodes(Codes):
    """Finite scalar quantisation with a projection of its own per scale.

    Args:
        channels: C, width of the vectors.
        factors: per scale the number of levels of every number.
    """

    def __init__(self, channels: int, factors: Sequence[Sequence[int]]):
        super().__init__()
        self.factors = tuple(tuple(levels) for levels in factors)
        if any(len(levels) > channels for levels in self.factors):
            raise ValueError("a code cannot have more numbers than its vector has channels")
        self.to_numbers = nn.ModuleList(nn.Linear(channels, len(f)) for f in self.factors)
        self.to_vector = nn.ModuleList(nn.Linear(len(f), channels) for f in self.factors)

    @torch.no_grad()
    def fit(self, vector_NC: torch.Tensor, si: int) -> None:
        """Start from data: principal components, stretched so that all levels are in use."""
        mean_C = vector_NC.mean(0)
        n = len(self.factors[si])
        _, _, axes_CC = torch.linalg.svd(vector_NC - mean_C, full_matrices=False)
        along_Nn = (vector_NC - mean_C) @ axes_CC[:n].T
        low_n, high_n = along_Nn.quantile(torch.tensor([0.004, 0.996]), 0)
        half_n = ((high_n - low_n) / 2).clamp_min(1e-4)
        mid_n = (high_n + low_n) / 2
        into, out = self.to_numbers[si], self.to_vector[si]
        assert isinstance(into, nn.Linear)
        assert isinstance(out, nn.Linear)
        into.weight.copy_(axes_CC[:n] / half_n[:, None])
        into.bias.copy_(-(axes_CC[:n] @ mean_C + mid_n) / half_n)
        out.weight.copy_((axes_CC[:n] * half_n[:, None]).T)
        out.bias.copy_(mean_C + mid_n @ axes_CC[:n])

    @torch.no_grad()
    def separate(self, vector_NC: torch.Tensor, several_N: torch.Tensor, si: int) -> None:
        """Give the last number of scale ``si`` to telling two kinds of vectors apart.

        Principal components miss what is rare, such as two emitters in one cell.

        Args:
            vector_NC: (N, C) vectors.
            several_N: (N,) which of them are of the rare kind; without any, nothing changes.
            si: the scale.
        """
        if not bool(several_N.any()) or bool(several_N.all()):
            return
        usual_C, rare_C = vector_NC[~several_N].mean(0), vector_NC[several_N].mean(0)
        spread_CC = torch.cov(vector_NC[~several_N].T)
        spread_CC = spread_CC + 1e-3 * spread_CC.diagonal().mean() * torch.eye(len(usual_C))
        along_C = torch.linalg.solve(spread_CC, rare_C - usual_C)
        along_C = along_C / (along_C @ (rare_C - usual_C))
        into, out = self.to_numbers[si], self.to_vector[si]
        assert isinstance(into, nn.Linear)
        assert isinstance(out, nn.Linear)
        # −½ for the usual kind, +½ for the rare one.
        into.weight[-1] = along_C
        into.bias[-1] = -along_C @ (usual_C + rare_C) / 2
        out.bias.add_(0.5 * (rare_C - usual_C))
        out.weight[:, -1] = rare_C - usual_C

    def _levels(self, si: int, like: torch.Tensor) -> torch.Tensor:
        return torch.tensor(self.factors[self.scale(si)], device=like.device)

    def quantise(self, vector_NC: torch.Tensor, si: int) -> Quantised:
        """Round (N, C) vectors to codes of scale ``si``; numbers beyond ±1 to the outermost."""
        number_Nn = self.to_numbers[self.scale(si)](vector_NC)
        levels_n = self._levels(si, number_Nn)
        index_Nn = ((number_Nn + 1) / 2 * levels_n).floor().clamp_min(0).long()
        index_Nn = torch.minimum(index_Nn, levels_n - 1)
        rounded_Nn = (2 * index_Nn + 1) / levels_n - 1
        # Straight through inside the range only; what lies outside is drawn back in.
        inside_Nn = number_Nn.clamp(-1, 1)
        passed_Nn = inside_Nn + (rounded_Nn - inside_Nn).detach()
        vector = self.to_vector[self.scale(si)](passed_Nn)
        return Quantised(vector, index_Nn, (number_Nn - inside_Nn).square().sum(1).mean())

    def embed(self, index_NF: torch.Tensor, si: int) -> torch.Tensor:
        """(N, F) codes of scale ``si`` to (N, C) vectors."""
        number_Nn = (2 * index_NF + 1) / self._levels(si, index_NF) - 1
        return self.to_vector[self.scale(si)](number_Nn)

    def expected(self, logits_NV: torch.Tensor, si: int) -> torch.Tensor:
        """(N, C) mean vector; exact, for vectors are linear in the numbers."""
        numbers = []
        for part_NL in self.split_logits(logits_NV.float(), si):
            levels = part_NL.shape[1]
            value_L = (2 * torch.arange(levels, device=part_NL.device) + 1) / levels - 1
            numbers.append(part_NL.softmax(1) @ value_L)
        return self.to_vector[self.scale(si)](torch.stack(numbers, 1))


class Codebook(Codes):
    """Nearest of learnt vectors; one factor.

    Args:
        channels: C, width of the vectors.
        vocab_size: how many vectors.
        sizes: per scale, how many of them it may use (the first ones).
    """

    def __init__(self, channels: int, vocab_size: int, sizes: Sequence[int]):
        super().__init__()
        self.factors = tuple((min(size, vocab_size),) for size in sizes)
        self.embedding = nn.Embedding(vocab_size, channels)
        nn.init.normal_(self.embedding.weight, std=0.5)

    def quantise(self, vector_NC: torch.Tensor, si: int) -> Quantised:
        """Round (N, C) vectors to the nearest codes that scale ``si`` may use."""
        weight_VC = self.embedding.weight[: self.size(si)]
        with torch.no_grad():
            distance_NV = weight_VC.square().sum(1) - 2 * vector_NC @ weight_VC.T
            index_N = distance_NV.argmin(1)
        near_NC = weight_VC[index_N]
        loss = F.mse_loss(near_NC, vector_NC.detach()) + 0.25 * F.mse_loss(
            vector_NC, near_NC.detach()
        )
        passed_NC = vector_NC + (near_NC - vector_NC).detach()
        return Quantised(passed_NC, index_N[:, None], loss)

    def embed(self, index_NF: torch.Tensor, si: int) -> torch.Tensor:
        """(N, 1) codes to (N, C) vectors."""
        return self.embedding(index_NF[:, 0])

    def expected(self, logits_NV: torch.Tensor, si: int) -> torch.Tensor:
        """(N, C) mean vector under (N, V) logits."""
        return logits_NV.float().softmax(1) @ self.embedding.weight[: self.size(si)]

    @torch.no_grad()
    def revive(self, vector_NC: torch.Tensor, used_V: torch.Tensor, si: int) -> int:
        """Put codes of scale ``si`` that were not used onto vectors that occurred.

        Args:
            vector_NC: (N, C) vectors seen at this scale.
            used_V: (size,) how often every code was used.
            si: the scale.

        Returns:
            how many codes were moved.
        """
        dead = (used_V == 0).nonzero().flatten()
        dead = dead[torch.randperm(len(dead))[: len(vector_NC)]]
        chosen = torch.randperm(len(vector_NC), device=vector_NC.device)[: len(dead)]
        self.embedding.weight[dead] = vector_NC[chosen]
        return len(dead)
