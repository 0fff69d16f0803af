"""The tokeniser proven on the truth: emitters to codes and back, no image in between."""

from __future__ import annotations

import numpy as np
import torch

from truevar.emitters import Emitters
from truevar.model.tokenizer import EmitterTokenizer, emitter_field

CELL = 0.5
"""Width of the finest cells, px."""


def through_codes(
    tokenizer: EmitterTokenizer, truth: Emitters, continuous: bool = False
) -> Emitters:
    """What is left of a table after it was encoded and decoded.

    Args:
        tokenizer: trained.
        truth: emitters with ``photons``, all within the field; its ``meta`` has pixel size,
            frames, width and height.
        continuous: take a cell's exact mean offset in place of the one that its codes say, as the
            heads of a model give continuous positions beside the codes.

    Returns:
        A row for every emitter that a cell's codes announce; those of one cell share its
        mean place.
    """
    pixel_size = float(truth.meta["pixel_size"])
    frames, height, width = (int(truth.meta[name]) for name in ("frames", "height", "width"))
    field_B4hw = emitter_field(
        torch.from_numpy(truth.frame),
        torch.from_numpy(truth.x / pixel_size).float(),
        torch.from_numpy(truth.y / pixel_size).float(),
        torch.from_numpy(np.log(truth.photons)).float(),
        CELL,
        (frames, int(height / CELL), int(width / CELL)),
    )
    f_hat, _ = tokenizer.encode(field_B4hw)
    occupied_B1hw = field_B4hw[:, :1] > 0
    decoded = tokenizer.decode(f_hat, occupied_B1hw)
    frame_N, _, row_N, col_N = occupied_B1hw.nonzero().T
    offset_N2 = decoded.offset_N2
    if continuous:
        offset_N2 = field_B4hw.permute(0, 2, 3, 1)[occupied_B1hw[:, 0]][:, 1:3]
    count_N = decoded.log_count_NM.argmax(1) + 1
    columns = {
        "frame": frame_N,
        "x": ((col_N + 0.5 + offset_N2[:, 0]) * CELL - 0.5) * pixel_size,
        "y": ((row_N + 0.5 + offset_N2[:, 1]) * CELL - 0.5) * pixel_size,
        "photons": decoded.log_photons_N.exp(),
    }
    return Emitters(
        {name: value.repeat_interleave(count_N).numpy() for name, value in columns.items()},
        truth.meta,
    )
