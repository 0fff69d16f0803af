"""The next-scale transformer: block-causal self-attention under adaptive layer norm.

VAR's block (Tian et al. 2024): attention with normalised queries and keys, then a
feed-forward layer, each under a layer norm whose shift, scale and gate come from the
condition (DiT, Peebles & Xie 2023). The same blocks serve all scales; the condition says
which.

Attention is local, so its cost is linear in the number of cells and any frame size works.
Queries come in groups of four cells that share a parent. A group sees the cells of its own
scale around it and, of the scale before, its parent and the eight cells around that: itself
and coarser scales, never finer ones. A coarser scale's keys and values are those of the same
layer, kept from when that scale was decided (VAR's cache). Cells that were not looked at are
zero vectors.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

COARSER = 9
"""Cells of the coarser scale that a group sees: its parent and those around."""

_FURTHEST = 3


@dataclass(frozen=True)
class Cells:
    """The cells of a scale that are looked at, in G groups of four siblings.

    Attributes:
        crop_G: (G,) frame of the batch.
        row_G, col_G: (G,) place of the group in the grid of groups (its parent's place).
        grid: (h, w) cells of this scale in the frame.
        index_Bhw: (B, h + 6, w + 6) row of every cell in (G · 4,) order, with a margin of 3;
            the number of rows where a cell is not looked at.
    """

    crop_G: torch.Tensor
    row_G: torch.Tensor
    col_G: torch.Tensor
    grid: tuple[int, int]
    index_Bhw: torch.Tensor

    @classmethod
    def of_groups(
        cls,
        crop_G: torch.Tensor,
        row_G: torch.Tensor,
        col_G: torch.Tensor,
        grid: tuple[int, int],
        n_crops: int,
    ) -> Cells:
        """Index the four cells of every group."""
        n_rows = 4 * len(crop_G)
        h, w = grid
        rows = torch.arange(n_rows, device=crop_G.device).view(-1, 4)
        index_Bhw = rows.new_full((n_crops, h + 2 * _FURTHEST, w + 2 * _FURTHEST), n_rows)
        cells = cls(crop_G, row_G, col_G, grid, index_Bhw)
        row_G4, col_G4 = cells.places()
        index_Bhw[crop_G[:, None], row_G4 + _FURTHEST, col_G4 + _FURTHEST] = rows
        return cells

    @classmethod
    def all_of(cls, n_crops: int, grid: tuple[int, int], device: torch.device) -> Cells:
        """Every cell of the frames; both sides of the grid are even."""
        h, w = grid[0] // 2, grid[1] // 2
        crop_G = torch.arange(n_crops, device=device).repeat_interleave(h * w)
        row_G = torch.arange(h, device=device).repeat_interleave(w).repeat(n_crops)
        col_G = torch.arange(w, device=device).repeat(n_crops * h)
        return cls.of_groups(crop_G, row_G, col_G, grid, n_crops)

    def places(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(G, 4) row and (G, 4) column of every cell in the grid."""
        child_4 = torch.arange(4, device=self.crop_G.device)
        return 2 * self.row_G[:, None] + child_4 // 2, 2 * self.col_G[:, None] + child_4 % 2

    def around(self, reach: int) -> torch.Tensor:
        """(G, (2 + 2 · reach)²) rows of the cells around every group, its own included."""
        return self._window(2 * self.row_G, 2 * self.col_G, self.crop_G, reach, 2)

    def around_parents(self, finer: Cells) -> torch.Tensor:
        """(G', 9) rows of this scale's cells around the parents of a finer scale's groups."""
        return self._window(finer.row_G, finer.col_G, finer.crop_G, 1, 1)

    def _window(
        self,
        row_G: torch.Tensor,
        col_G: torch.Tensor,
        crop_G: torch.Tensor,
        reach: int,
        width: int,
    ) -> torch.Tensor:
        step_m = torch.arange(-reach, width + reach, device=crop_G.device) + _FURTHEST
        _, h, w = self.index_Bhw.shape
        start_G = (crop_G * h + row_G) * w + col_G
        offset_M = (step_m[:, None] * w + step_m).flatten()
        return self.index_Bhw.flatten()[start_G[:, None] + offset_M]


def relative_places(reach: int) -> torch.Tensor:
    """(4, M) index into a 7 × 7 table of displacements, from each sibling to what it sees."""
    step_m = torch.arange(-reach, 2 + reach)
    child_2 = torch.arange(2)
    shift_2m = step_m[None] - child_2[:, None] + _FURTHEST
    width = 2 * _FURTHEST + 1
    table = shift_2m[:, None, :, None] * width + shift_2m[None, :, None, :]
    return table.reshape(4, -1)


class AdaLNSelfAttn(nn.Module):
    """One block: self-attention and feed-forward, both under adaptive layer norm.

    Args:
        embed_dim: D, width of the tokens.
        cond_dim: width of the condition.
        num_heads: query heads.
        kv_heads: heads of keys and values; fewer than ``num_heads`` share them
            (Ainslie et al. 2023), so that there is less to gather.
        head_dim: width of a head; ``embed_dim / num_heads`` by default.
        mlp_ratio: width of the feed-forward layer over D.
    """

    def __init__(
        self,
        embed_dim: int,
        cond_dim: int,
        num_heads: int,
        kv_heads: int | None = None,
        head_dim: int | None = None,
        mlp_ratio: float = 2.0,
    ):
        super().__init__()
        self.num_heads = num_heads
        self.kv_heads = kv_heads or num_heads
        self.head_dim = head_dim or embed_dim // num_heads
        if self.num_heads % self.kv_heads:
            raise ValueError("num_heads must be a multiple of kv_heads")
        self.modulation = nn.Linear(cond_dim, 6 * embed_dim)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)
        self.to_q = nn.Linear(embed_dim, num_heads * self.head_dim)
        self.to_kv = nn.Linear(embed_dim, 2 * self.kv_heads * self.head_dim)
        self.attend_out = nn.Linear(num_heads * self.head_dim, embed_dim)
        self.q_gain = nn.Parameter(torch.full((num_heads, 1), 4.0).log())
        self.place_bias = nn.Parameter(torch.zeros(num_heads, (2 * _FURTHEST + 1) ** 2))
        self.coarse_bias = nn.Parameter(torch.zeros(num_heads, 4, COARSER))
        hidden = int(mlp_ratio * embed_dim)
        self.up = nn.Linear(embed_dim, hidden)
        self.down = nn.Linear(hidden, embed_dim)

    def forward(
        self,
        x_G4D: torch.Tensor,
        cond_BD: torch.Tensor,
        crop_G: torch.Tensor,
        around_GM: torch.Tensor,
        place_4M: torch.Tensor,
        coarse_kv_RE: torch.Tensor | None = None,
        coarse_GM: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mix tokens with what they see.

        Args:
            x_G4D: (G, 4, D) tokens of one scale.
            cond_BD: (B, cond_dim) condition of the frames, or (1, cond_dim).
            crop_G: (G,) frame of every group.
            around_GM: (G, M) rows of the tokens around a group; G · 4 for "nothing there".
            place_4M: (4, M) their displacement, see :func:`relative_places`.
            coarse_kv_RE: (R + 1, E) keys and values that this block made for the coarser
                scale, as returned.
            coarse_GM: (G, 9) its rows around a group's parent.

        Returns:
            tokens (G, 4, D), and this scale's keys and values (G · 4 + 1, E), a zero row last.
        """
        mod = self.modulation(F.silu(cond_BD))
        mod = mod[:, None] if len(mod) == 1 else mod[crop_G][:, None]
        shift1, scale1, gate1, shift2, scale2, gate2 = mod.chunk(6, dim=-1)
        h_G4D = _normed(x_G4D, scale1, shift1)
        kv_RE = self._keys_and_values(h_G4D.flatten(0, 1))
        table_RE, seen_GM = kv_RE, around_GM
        bias_H4M = self.place_bias[:, place_4M]
        if coarse_kv_RE is not None and coarse_GM is not None:
            # One table and one look into it: what is gathered is far larger than the tables.
            table_RE = torch.cat([kv_RE, coarse_kv_RE.to(kv_RE.dtype)])
            seen_GM = torch.cat([around_GM, coarse_GM + len(kv_RE)], 1)
            bias_H4M = torch.cat([bias_H4M, self.coarse_bias], 2)
        seen_GME = table_RE.index_select(0, seen_GM.flatten()).view(
            *seen_GM.shape, table_RE.shape[1]
        )
        mixed_G4D = self.attend_out(self._attend(self.to_q(h_G4D), seen_GME, bias_H4M))
        x_G4D = torch.addcmul(x_G4D, 1 + gate1, mixed_G4D)
        h_G4D = _normed(x_G4D, scale2, shift2)
        forward_G4D = self.down(F.gelu(self.up(h_G4D), approximate="tanh"))
        return torch.addcmul(x_G4D, 1 + gate2, forward_G4D), kv_RE

    def _keys_and_values(self, h_RD: torch.Tensor) -> torch.Tensor:
        """(R + 1, 2 · K · d) normalised keys and values; the last row is zero."""
        kv_RE = self.to_kv(h_RD)
        key, value = kv_RE.chunk(2, dim=1)
        key = key.unflatten(1, (self.kv_heads, -1))
        size = key.float().square().sum(-1, keepdim=True).clamp_min(1e-12).rsqrt()
        key = (key * size.to(key.dtype)).flatten(1)
        return F.pad(torch.cat([key, value], 1), (0, 0, 0, 1))

    def _attend(
        self, q_G4E: torch.Tensor, seen_GME: torch.Tensor, bias_H4M: torch.Tensor
    ) -> torch.Tensor:
        """(G, 4, H · d) attention of each sibling over what the group sees."""
        G, L, _ = q_G4E.shape
        H, K, d = self.num_heads, self.kv_heads, self.head_dim
        M = seen_GME.shape[1]
        q_G4Hd = q_G4E.view(G, L, H, d)
        size_G4H1 = q_G4Hd.float().square().sum(-1, keepdim=True).clamp_min(1e-12).rsqrt()
        gain_H1 = self.q_gain.clamp(max=4.6).exp()
        q_G4Hd = q_G4Hd * (size_G4H1 * gain_H1).to(q_G4E.dtype)
        if K == 1:
            # All heads share one set of keys: every head of every sibling is a row of one
            # query, and nothing has to be transposed.
            key_GMd, value_GMd = seen_GME.chunk(2, dim=2)
            score_GnM = torch.bmm(q_G4Hd.reshape(G, L * H, d), key_GMd.transpose(1, 2))
            bias_1nM = bias_H4M.transpose(0, 1).reshape(1, L * H, M).to(score_GnM.dtype)
            weight_GnM = (score_GnM + bias_1nM).softmax(2)
            return torch.bmm(weight_GnM, value_GMd).view(G, L, H * d)
        key_GKMd, value_GKMd = seen_GME.view(G, M, 2, K, d).permute(2, 0, 3, 1, 4)
        q_GKnd = q_G4Hd.view(G, L, K, H // K, d).permute(0, 2, 3, 1, 4).flatten(2, 3)
        bias_1KnM = bias_H4M.reshape(1, K, H // K * L, M).to(q_GKnd.dtype)
        out = F.scaled_dot_product_attention(
            q_GKnd, key_GKMd, value_GKMd, bias_1KnM.expand(G, -1, -1, -1), scale=1.0
        )
        return out.view(G, K, H // K, L, d).permute(0, 3, 1, 2, 4).reshape(G, L, H * d)


def _normed(x_G4D: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """Layer norm under a condition: (1, 1, D) or (G, 1, D) scale less one, and shift."""
    if len(scale) == 1:  # all frames alike: in one pass
        weight_D, bias_D = (1 + scale).flatten().float(), shift.flatten().float()
        return F.layer_norm(x_G4D, x_G4D.shape[-1:], weight_D, bias_D)
    return torch.addcmul(shift, F.layer_norm(x_G4D, x_G4D.shape[-1:]), 1 + scale)
