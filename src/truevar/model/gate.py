"""Where a frame may hold an emitter at all: a matched filter, cheap enough for every pixel.

In noise of unit variance the likelihood ratio of one emitter against none at a known place grows
with the frame's correlation with the PSF (Kay, Detection Theory, 1998, ch. 4). Where that
is low in a frame and in both its neighbours nothing would be found, so nothing is computed.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from truevar.model.normalise import SIGNAL_SCALE

LEAST = 4.0
"""Standard deviations of noise; see docs/results/gate.md."""

_OFFSET = 0.25
"""Mean of the signal, in standard deviations, where there is noise alone: the clipped mean that is
taken for the background lies lower, by as much at 20 as at 3,000 photo-electrons per px."""

MARGIN = 6
"""So many px around such a place are looked at too."""

_MOST = 0.5
"""A frame of which a larger share is worth a look is looked at as a whole: that is faster."""


def peaks(input_N4HW: torch.Tensor, psf_sigma: float, block: int) -> torch.Tensor:
    """The largest response of the matched filter in every block and around it.

    Args:
        input_N4HW: what :func:`truevar.model.normalise.normalise` gives.
        psf_sigma: width of the PSF in px.
        block: width of the blocks in px.

    Returns:
        (N, ⌈H / block⌉, ⌈W / block⌉) in standard deviations of the noise.
    """
    reach = int(2.5 * psf_sigma) + 1
    step_M = torch.arange(-reach, reach + 1, device=input_N4HW.device)
    psf_M = torch.exp(-0.5 * (step_M / psf_sigma) ** 2)
    psf_M = psf_M / psf_M.norm() * SIGNAL_SCALE**0.5
    signal_N1HW = input_N4HW[:, :1] - _OFFSET / SIGNAL_SCALE
    x_N1HW = F.conv2d(signal_N1HW, psf_M.view(1, 1, 1, -1), padding=(0, reach))
    x_N1HW = F.conv2d(x_N1HW, psf_M.view(1, 1, -1, 1), padding=(reach, 0))
    H, W = x_N1HW.shape[2:]
    # To whole blocks, and the margin; nothing lies beyond the frame.
    beyond = (MARGIN, MARGIN + -W % block, MARGIN, MARGIN + -H % block)
    x_N1HW = F.pad(x_N1HW, beyond, value=-torch.inf)
    return F.max_pool2d(x_N1HW, block + 2 * MARGIN, block)[:, 0]


def worth_a_look(peak_Nhw: torch.Tensor) -> torch.Tensor:
    """(N - 2, h, w) blocks of all frames but the first and last: is there anything?

    Args:
        peak_Nhw: of N successive frames, see :func:`peaks`.
    """
    three_Bhw = torch.maximum(torch.maximum(peak_Nhw[:-2], peak_Nhw[1:-1]), peak_Nhw[2:])
    active_Bhw = three_Bhw >= LEAST
    full_B = active_Bhw.float().mean((1, 2)) > _MOST
    return active_Bhw | full_B[:, None, None]
