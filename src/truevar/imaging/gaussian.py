"""The Gaussian PSF, integrated over pixels: its image and its derivatives.

A camera pixel counts what falls onto its area, so the image of an emitter is
the integral of the PSF over each pixel, not its value at the centre. A Gaussian
separates into a product of two one-dimensional integrals, each a difference of
error functions (Smith et al., Nature Methods 7, 373 (2010)).

All lengths here are in pixels; pixel i covers [i - 0.5, i + 0.5], so that the
centre of pixel (0, 0) is the origin.
"""

from __future__ import annotations

import math

import torch

REACH = 5.0
"""Half-width of a drawn patch in sigmas: at most 1.2e-6 of the light falls beside it."""

_SIZE_STEP = 4  # patch sizes are rounded up to this, so that many widths make few groups
_CHUNK = 1 << 20  # patch pixels drawn at a time: what fits a core's cache


def axis_profile(
    centre_N: torch.Tensor, sigma_N: torch.Tensor, first_N: torch.Tensor, size: int
) -> torch.Tensor:
    """Share of an emitter's light in each of ``size`` pixels along one axis.

    Args:
        centre_N: (N,) position in px.
        sigma_N: (N,) standard deviation of the PSF in px, above 0.
        first_N: (N,) index of the first pixel.
        size: number of pixels.

    Returns:
        (N, size) integrals of a Gaussian of unit area.
    """
    edge_Ne = _edges(centre_N, first_N, size)
    return torch.erf(edge_Ne * (math.sqrt(0.5) / sigma_N)[:, None]).diff(dim=1).mul(0.5)


def axis_derivatives(
    centre_N: torch.Tensor, sigma_N: torch.Tensor, first_N: torch.Tensor, size: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The profile of :func:`axis_profile` and its derivatives.

    As in Smith et al. (2010): with u = edge - centre and the normal density g, they are
    -[g(u)] by the centre and -[u g(u)] / sigma by sigma, [] the difference over a pixel.

    Args:
        centre_N: (N,) position in px.
        sigma_N: (N,) standard deviation of the PSF in px, above 0.
        first_N: (N,) index of the first pixel.
        size: number of pixels.

    Returns:
        profile, its derivative by the centre and by sigma (both 1/px), each (N, size).
    """
    edge_Ne = _edges(centre_N, first_N, size)
    scale_N1 = (1.0 / sigma_N)[:, None]
    unit_Ne = edge_Ne * scale_N1
    profile_Ns = torch.erf(unit_Ne * math.sqrt(0.5)).diff(dim=1).mul(0.5)
    density_Ne = torch.exp(-0.5 * unit_Ne**2) * (scale_N1 / math.sqrt(2 * math.pi))
    by_centre_Ns = -density_Ne.diff(dim=1)
    by_sigma_Ns = -(unit_Ne * density_Ne).diff(dim=1)
    return profile_Ns, by_centre_Ns, by_sigma_Ns


def patch_size(sigma: float) -> int:
    """Pixels along an axis that hold ``REACH`` sigmas either side, wherever the centre is."""
    return math.ceil(2 * REACH * sigma) + 1


def patch_first(centre_N: torch.Tensor, size: int) -> torch.Tensor:
    """(N,) int64 index of the first pixel of a patch of ``size`` around a centre in px."""
    return torch.floor(centre_N - 0.5 * size + 1.0).long()


def render_patches(
    x_N: torch.Tensor,
    y_N: torch.Tensor,
    photons_N: torch.Tensor,
    sigma_x_N: torch.Tensor,
    sigma_y_N: torch.Tensor,
    size: int,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Every emitter's image on a patch of its own.

    Args:
        x_N: (N,) position along columns in px.
        y_N: (N,) position along rows in px.
        photons_N: (N,) photons of the whole image.
        sigma_x_N: (N,) width along columns in px.
        sigma_y_N: (N,) width along rows in px.
        size: rows and columns of a patch (:func:`patch_size`).

    Returns:
        (N, size, size) expected photons; the (N,) first column and the (N,) first row.
    """
    column_N, row_N = patch_first(x_N, size), patch_first(y_N, size)
    across_Ns = axis_profile(x_N, sigma_x_N, column_N, size)
    down_Ns = axis_profile(y_N, sigma_y_N, row_N, size) * photons_N[:, None]
    return down_Ns[:, :, None] * across_Ns[:, None, :], column_N, row_N


def render_frames(
    x_N: torch.Tensor,
    y_N: torch.Tensor,
    photons_N: torch.Tensor,
    image_N: torch.Tensor,
    sigma_N: torch.Tensor,
    n_images: int,
    height: int,
    width: int,
    sigma_y_N: torch.Tensor | None = None,
) -> torch.Tensor:
    """Expected photons of a batch of images, without background.

    Light that falls beside an image is lost; an emitter outside it still lights its edge.
    Differentiable in x, y, photons and the widths.

    Args:
        x_N: (N,) position along columns in px, finite.
        y_N: (N,) position along rows in px, finite.
        photons_N: (N,) photons of an emitter.
        image_N: (N,) int64, the image it is in, in 0 … ``n_images`` - 1.
        sigma_N: (N,) standard deviation of the PSF in px (along columns, if ``sigma_y_N``
            is given), above 0.
        n_images: B.
        height: H in px.
        width: W in px.
        sigma_y_N: (N,) standard deviation along rows in px, if it differs.

    Returns:
        (n_images, height, width) of x's dtype on x's device.

    Raises:
        IndexError or RuntimeError: an ``image_N`` outside the batch (by torch).
    """
    sigma_y_N = sigma_N if sigma_y_N is None else sigma_y_N
    image_BHW = x_N.new_zeros(n_images, height, width)
    if len(x_N) == 0:
        return image_BHW
    needed_N = torch.ceil(torch.maximum(sigma_N, sigma_y_N).detach() * (2 * REACH)).long() + 1
    size_N = (needed_N + _SIZE_STEP - 1) // _SIZE_STEP * _SIZE_STEP
    for size in torch.unique(size_N).tolist():
        # A patch that only touches the image is kept: the margin of the canvas takes the rest.
        reach = 0.5 * size
        kept_N = (
            (size_N == size)
            & (x_N > -reach - 1)
            & (x_N < width + reach)
            & (y_N > -reach - 1)
            & (y_N < height + reach)
        )
        chosen_M = kept_N.nonzero()[:, 0]
        if len(chosen_M) == 0:
            continue
        given = [v_N[chosen_M] for v_N in (x_N, y_N, photons_N, sigma_N, sigma_y_N, image_N)]
        image_BHW = image_BHW + _draw(*given, size=size, shape=(n_images, height, width))
    return image_BHW


def _draw(
    x_M: torch.Tensor,
    y_M: torch.Tensor,
    photons_M: torch.Tensor,
    sigma_x_M: torch.Tensor,
    sigma_y_M: torch.Tensor,
    image_M: torch.Tensor,
    *,
    size: int,
    shape: tuple[int, int, int],
) -> torch.Tensor:
    """Patches of one size added up: (B, H, W).

    They go onto a canvas with a margin of a patch and a bit all round, so that no pixel
    has to be tested for lying inside the image; the margin is cut off at the end.
    """
    n_images, height, width = shape
    margin = size + 2
    rows, columns = height + 2 * margin, width + 2 * margin
    canvas = x_M.new_zeros(n_images * rows * columns)
    step_s = torch.arange(size, device=x_M.device)
    offset_P = (step_s[:, None] * columns + step_s).reshape(-1)
    for start in range(0, len(x_M), max(1, _CHUNK // (size * size))):
        part = slice(start, start + max(1, _CHUNK // (size * size)))
        patch_Mss, column_M, row_M = render_patches(
            x_M[part], y_M[part], photons_M[part], sigma_x_M[part], sigma_y_M[part], size
        )
        corner_M = (image_M[part] * rows + row_M + margin) * columns + column_M + margin
        index_MP = corner_M[:, None] + offset_P
        canvas = canvas.index_add_(0, index_MP.reshape(-1), patch_Mss.reshape(-1))
    whole = canvas.view(n_images, rows, columns)
    return whole[:, margin : margin + height, margin : margin + width]


def _edges(centre_N: torch.Tensor, first_N: torch.Tensor, size: int) -> torch.Tensor:
    """(N, size + 1) pixel edges relative to the centre, in px."""
    step_e = torch.arange(size + 1, device=centre_N.device, dtype=centre_N.dtype)
    return (first_N.to(centre_N.dtype) - 0.5 - centre_N)[:, None] + step_e
