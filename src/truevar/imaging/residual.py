"""Light that a fit leaves unexplained: where would one more emitter explain what is left?

Of every pixel's centre the best photons of a further emitter there, over their standard error: the
matched filter for noise that differs from pixel to pixel, which is the score test for an emitter
(Rao 1948; for spots: Smith et al., Molecular Biology of the Cell 26, 4057 (2015)).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from truevar.imaging.gaussian import axis_profile

LEAST = 5.0
"""Standard errors from which on a peak is more than noise: 1 in a hundred frames of 256 × 256 px
has one by chance."""


BORDER = 2.0
"""PSF widths from a frame's border within which light may be of an emitter beside it."""


def significance(
    left_NHW: torch.Tensor, variance_NHW: torch.Tensor, psf_sigma: float
) -> torch.Tensor:
    """(N, H, W) photons that a further emitter at a pixel would have, in their standard errors.

    Args:
        left_NHW: counts that nothing explains.
        variance_NHW: of their noise, above 0.
        psf_sigma: px.
    """
    reach = math.ceil(3 * psf_sigma)
    centre, first = torch.zeros(1, dtype=torch.float64), torch.tensor([-reach])
    width = torch.tensor([psf_sigma], dtype=torch.float64)
    profile_s = axis_profile(centre, width, first, 2 * reach + 1)[0].to(left_NHW.dtype)
    weight_NHW = 1 / variance_NHW
    score_NHW = _spread(left_NHW * weight_NHW, profile_s)
    return score_NHW / _spread(weight_NHW, profile_s**2).clamp_min(1e-12).sqrt()


def peaks(z_NHW: torch.Tensor, psf_sigma: float, least: float = LEAST) -> torch.Tensor:
    """(P, 3) image, row and column of what is more than noise, and the most within a PSF width.

    Not at the border of the frames, into which emitters beside them shine.

    Args:
        z_NHW: of :func:`significance`.
        psf_sigma: px.
        least: standard errors.
    """
    reach = max(math.ceil(psf_sigma), 1)
    most_NHW = F.max_pool2d(z_NHW[:, None], 2 * reach + 1, stride=1, padding=reach)[:, 0]
    found_P3 = ((z_NHW >= most_NHW) & (z_NHW > least)).nonzero()
    side_2 = torch.tensor(z_NHW.shape[1:])
    edge = math.ceil(BORDER * psf_sigma)
    return found_P3[((found_P3[:, 1:] >= edge) & (found_P3[:, 1:] < side_2 - edge)).all(1)]


def _spread(value_NHW: torch.Tensor, profile_s: torch.Tensor) -> torch.Tensor:
    reach = len(profile_s) // 2
    value = F.conv2d(value_NHW[:, None], profile_s.view(1, 1, 1, -1), padding=(0, reach))
    return F.conv2d(value, profile_s.view(1, 1, -1, 1), padding=(reach, 0))[:, 0]
