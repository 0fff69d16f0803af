"""The image of an emitter: light is kept, derivatives are right, batches do not mix."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

from truevar.imaging.gaussian import (
    axis_derivatives,
    axis_profile,
    patch_first,
    patch_size,
    render_frames,
    render_patches,
)


def emitters(n, seed=0, dtype=torch.float64, size=40, margin=0.0):
    g = torch.Generator().manual_seed(seed)
    x, y = (
        torch.rand(n, generator=g, dtype=dtype) * (size - 1 - 2 * margin) + margin for _ in range(2)
    )
    photons = torch.rand(n, generator=g, dtype=dtype) * 3000 + 100
    return x, y, photons


def test_profile_is_the_integral_over_pixels():
    centre, sigma = torch.tensor([3.3], dtype=torch.float64), torch.tensor([1.2]).double()
    profile = axis_profile(centre, sigma, torch.tensor([0]), 8)[0].numpy()
    edges = norm.cdf(np.arange(9) - 0.5, 3.3, 1.2)
    # The float32 1.2 above is not quite 1.2.
    np.testing.assert_allclose(profile, np.diff(edges), atol=1e-7)


def test_derivatives_agree_with_finite_differences():
    centre = torch.tensor([0.2, 4.7, -1.0], dtype=torch.float64)
    sigma = torch.tensor([0.8, 1.3, 2.2], dtype=torch.float64)
    first, step = patch_first(centre, 12), 1e-5
    profile, by_centre, by_sigma = axis_derivatives(centre, sigma, first, 12)
    torch.testing.assert_close(profile, axis_profile(centre, sigma, first, 12))
    for exact, shift_c, shift_s in ((by_centre, step, 0.0), (by_sigma, 0.0, step)):
        up = axis_profile(centre + shift_c, sigma + shift_s, first, 12)
        down = axis_profile(centre - shift_c, sigma - shift_s, first, 12)
        torch.testing.assert_close(exact, (up - down) / (2 * step), atol=1e-8, rtol=1e-6)


@pytest.mark.parametrize("sigma", [0.5, 0.8, 1.3, 2.2, 5.0])
def test_a_patch_reaches_five_sigmas_either_side(sigma):
    centre = torch.linspace(-2, 2, 401, dtype=torch.float64)
    size = patch_size(sigma)
    first = patch_first(centre, size)
    assert torch.all(centre - (first - 0.5) >= 5 * sigma - 1e-9)
    assert torch.all(first + size - 0.5 - centre >= 5 * sigma - 1e-9)
    patch, column, row = render_patches(
        centre, centre, *(torch.full_like(centre, v) for v in (1000.0, sigma, sigma)), size
    )
    assert torch.equal(column, first)
    assert torch.equal(row, first)
    torch.testing.assert_close(
        patch.sum((1, 2)), torch.full_like(centre, 1000.0), rtol=1e-5, atol=0
    )


def test_every_photon_lands_in_its_own_image():
    x, y, photons = emitters(60, margin=12.0)
    image = torch.arange(60) % 3
    sigma = torch.linspace(0.7, 2.2, 60, dtype=torch.float64)
    frames = render_frames(x, y, photons, image, sigma, 4, 40, 40)
    assert frames.shape == (4, 40, 40)
    for i in range(3):
        assert frames[i].sum().item() == pytest.approx(photons[image == i].sum().item(), rel=1e-5)
    assert frames[3].sum() == 0


def test_equals_a_whole_frame_drawn_pixel_by_pixel():
    """Emitters inside, over the edge and far outside, on a frame that is not square."""
    x = torch.tensor([3.2, -1.4, 21.0, 500.0, 10.0, -300.0], dtype=torch.float64)
    y = torch.tensor([5.1, 8.0, -2.5, 3.0, 13.9, -4.0], dtype=torch.float64)
    photons = torch.full((6,), 1000.0, dtype=torch.float64)
    wide, high = torch.full_like(x, 1.3), torch.full_like(x, 2.0)
    zero = torch.zeros(6, dtype=torch.int64)
    across = axis_profile(x, wide, zero, 20)
    down = axis_profile(y, high, zero, 12)
    whole = torch.einsum("n,nh,nw->hw", photons, down, across)
    drawn = render_frames(x, y, photons, zero, wide, 1, 12, 20, sigma_y_N=high)
    torch.testing.assert_close(drawn[0], whole, atol=2e-3, rtol=0)


def test_no_emitters_and_the_type_of_the_input():
    none = torch.zeros(0)
    frames = render_frames(none, none, none, none.long(), none, 2, 5, 6)
    assert frames.shape == (2, 5, 6)
    assert frames.sum() == 0
    for dtype in (torch.float32, torch.float64):
        x, y, photons = emitters(10, dtype=dtype)
        args = (x, y, photons, torch.zeros(10).long(), torch.full_like(x, 1.3), 1, 40, 40)
        assert render_frames(*args).dtype == dtype


def test_gradients_flow():
    x, y, photons = emitters(3, size=12)
    x.requires_grad_()
    photons.requires_grad_()
    image, sigma = torch.tensor([0, 0, 1]), torch.full_like(y, 1.1)
    assert torch.autograd.gradcheck(
        lambda x, p: render_frames(x, y, p, image, sigma, 2, 12, 12), (x, photons)
    )


def test_single_precision_far_from_the_origin():
    x, y, photons = (v + 2000.25 for v in emitters(20, margin=12.0))
    args = (photons, torch.zeros(20).long(), torch.full_like(x, 1.3), 1, 2048, 2048)
    exact = render_frames(x, y, *args)
    single = render_frames(
        *(v.float() for v in (x, y)), args[0].float(), args[1], *(args[2].float(), 1, 2048, 2048)
    )
    assert (single - exact).abs().max() < 0.002 * exact.max()
