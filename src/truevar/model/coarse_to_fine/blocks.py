"""Blocks under adaptive layer norm: the condition sets shift, scale and gate.

As in VAR (Tian et al. 2024) and DiT (Peebles & Xie 2023), the condition enters
through the normalisation. Here it carries the scale and its cell size against
the width of the PSF, not a class.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class AdaLN(nn.Module):
    """Layer norm whose shift and scale, and a gate for what follows, come from a condition."""

    def __init__(self, dim: int, cond_dim: int):
        super().__init__()
        self.dim = dim
        self.modulation = nn.Linear(cond_dim, 3 * dim)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(
        self, x: torch.Tensor, cond_BD: torch.Tensor, crop_G: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Normalise tokens of the crops they belong to.

        Args:
            x: (G, …, D) tokens.
            cond_BD: (B, cond_dim).
            crop_G: (G,) the crop of every row of ``x``; None where row g is crop g.

        Returns:
            the normalised tokens and a gate that broadcasts against them.
        """
        mod = self.modulation(F.silu(cond_BD))
        if crop_G is not None:
            mod = mod[crop_G] if len(mod) > 1 else mod
        mod = mod.view(len(mod), *([1] * (x.dim() - 2)), 3 * self.dim)
        shift, scale, gate = mod.chunk(3, dim=-1)
        return F.layer_norm(x, (self.dim,)) * (1 + scale) + shift, 1 + gate


class FeedForward(nn.Module):
    """Two linear maps with a GELU between them."""

    def __init__(self, dim: int, ratio: int = 2):
        super().__init__()
        self.up = nn.Linear(dim, ratio * dim)
        self.down = nn.Linear(ratio * dim, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(…, D) to (…, D)."""
        return self.down(F.gelu(self.up(x), approximate="tanh"))


class GridBlock(nn.Module):
    """A block of the first scale: every cell mixes with the 5×5 cells around it."""

    def __init__(self, dim: int, cond_dim: int):
        super().__init__()
        self.norm_mix = AdaLN(dim, cond_dim)
        self.mix = nn.Conv2d(dim, dim, 5, padding=2, groups=dim)
        self.mix_out = nn.Linear(dim, dim)
        self.norm_forward = AdaLN(dim, cond_dim)
        self.forward_layer = FeedForward(dim)

    def forward(self, x_BhwD: torch.Tensor, cond_BD: torch.Tensor) -> torch.Tensor:
        """(B, h, w, D) tokens to (B, h, w, D)."""
        h_BhwD, gate = self.norm_mix(x_BhwD, cond_BD, None)
        mixed_BDhw = self.mix(h_BhwD.permute(0, 3, 1, 2))
        x_BhwD = x_BhwD + gate * self.mix_out(F.silu(mixed_BDhw.permute(0, 2, 3, 1)))
        h_BhwD, gate = self.norm_forward(x_BhwD, cond_BD, None)
        return x_BhwD + gate * self.forward_layer(h_BhwD)


class SiblingBlock(nn.Module):
    """A block of a finer scale: the four children of a parent attend to each other."""

    def __init__(self, dim: int, num_heads: int, cond_dim: int):
        super().__init__()
        self.num_heads = num_heads
        self.norm_attend = AdaLN(dim, cond_dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.attend_out = nn.Linear(dim, dim)
        self.norm_forward = AdaLN(dim, cond_dim)
        self.forward_layer = FeedForward(dim)

    def forward(
        self, x_G4D: torch.Tensor, cond_BD: torch.Tensor, crop_G: torch.Tensor
    ) -> torch.Tensor:
        """(G, 4, D) tokens of G parents' children to (G, 4, D)."""
        G, L, D = x_G4D.shape
        h_G4D, gate = self.norm_attend(x_G4D, cond_BD, crop_G)
        qkv_3GH4d = self.qkv(h_G4D).view(G, L, 3, self.num_heads, D // self.num_heads)
        q, k, v = qkv_3GH4d.permute(2, 0, 3, 1, 4)
        out_G4D = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(G, L, D)
        x_G4D = x_G4D + gate * self.attend_out(out_G4D)
        h_G4D, gate = self.norm_forward(x_G4D, cond_BD, crop_G)
        return x_G4D + gate * self.forward_layer(h_G4D)
