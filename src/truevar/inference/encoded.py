"""Successive frames that are encoded, and wait for their neighbours to be decided on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Encoded:
    """N successive frames.

    Attributes:
        f_NChw: their features, each on its own.
        back_NHW: local background.
        peak_Nhw: what a matched filter finds in every block (:mod:`truevar.model.gate`); None
            where all of a frame is looked at.
    """

    f_NChw: torch.Tensor
    back_NHW: torch.Tensor
    peak_Nhw: torch.Tensor | None

    def __len__(self) -> int:
        return len(self.f_NChw)

    @classmethod
    def joined(cls, parts: Sequence[Encoded]) -> Encoded:
        """Frames one after another."""
        peaks = [part.peak_Nhw for part in parts if part.peak_Nhw is not None]
        return cls(
            torch.cat([part.f_NChw for part in parts]),
            torch.cat([part.back_NHW for part in parts]),
            torch.cat(peaks) if peaks else None,
        )

    def last(self, n: int) -> Encoded:
        """The last n frames, without the memory of the others."""
        peak_Nhw = None if self.peak_Nhw is None else self.peak_Nhw[-n:].clone()
        return Encoded(self.f_NChw[-n:].clone(), self.back_NHW[-n:].clone(), peak_Nhw)
