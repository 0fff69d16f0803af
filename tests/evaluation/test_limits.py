"""Bounds against closed forms, against fits of simulated noise, and against each other."""

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from truevar.camera import EMCCD, SCMOS, Camera
from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.evaluation.joint_limits import joint_bound, limit_efficiency, limit_of
from truevar.evaluation.limits import camera_of, single_emitter_bound
from truevar.imaging import fisher
from truevar.imaging.gaussian import axis_derivatives, patch_first, patch_size
from truevar.imaging.psf import GaussianPSF

SHAPE = (64, 64)


def table(rows, photons=1000.0, bg=20.0):
    """Rows of frame, x, y (nm), id."""
    frame, x, y, name = np.asarray(rows, dtype=float).reshape(-1, 4).T
    full = np.ones(len(frame))
    return Emitters(
        {
            "frame": frame,
            "x": x,
            "y": y,
            "id": name,
            "photons": full * photons,
            "bg": full * bg,
        }
    )


def bound(truth, window=1, **more):
    given = {"pixel_size": 100.0, "shape": SHAPE, "psf_sigma": 130.0, "camera": SCMOS, **more}
    return joint_bound(truth, window=window, **given)


def mortensen_bound(photons, bg, sigma):
    """The closed form of one coordinate's bound for a Poisson camera, px.

    Mortensen et al., Nature Methods 7, 377 (2010), the maximum-likelihood formula, with
    pixels of side 1: variance = s²/N (1 + ∫₀¹ ln t / (1 + t/τ) dt)⁻¹ with s² = sigma² + 1/12
    and τ = 2π s² bg / N.
    """
    area = sigma**2 + 1 / 12
    tau = 2 * np.pi * area * bg / photons
    # t = u² tames the logarithm at 0; τ = 0 leaves s²/N.
    integral, _ = quad(lambda u: 4 * u * np.log(u) * tau / max(tau + u**2, 1e-300), 1e-12, 1.0)
    return np.sqrt(area / photons / (1 + integral))


@pytest.mark.parametrize("photons", [200.0, 1000.0, 10_000.0])
@pytest.mark.parametrize("bg", [0.0, 1.0, 10.0, 100.0])
@pytest.mark.parametrize("sigma", [0.8, 1.3, 2.2])
def test_agrees_with_mortensen(photons, bg, sigma):
    """To 2 %, over the pixel: the closed form knows no sub-pixel position."""
    x, y = (v.ravel() for v in np.meshgrid(np.linspace(-0.5, 0.5, 5), np.linspace(-0.5, 0.5, 5)))
    found = single_emitter_bound(photons, bg, sigma, Camera(), x, y)
    expected = mortensen_bound(photons, bg, sigma)
    np.testing.assert_allclose(found.x, expected, rtol=0.02)
    np.testing.assert_allclose(found.y, expected, rtol=0.02)


def test_without_background_it_is_sigma_over_root_n():
    """Thompson et al. (2002): √(σ² + 1/12) / √N; photons as they are counted, √N."""
    found = single_emitter_bound(400.0, 0.0, 1.3, Camera())
    assert found.x[0] == pytest.approx(np.sqrt((1.3**2 + 1 / 12) / 400), rel=0.005)
    assert found.photons[0] == pytest.approx(20.0, rel=0.005)
    assert mortensen_bound(400.0, 0.0, 1.3) == pytest.approx(
        np.sqrt((1.3**2 + 1 / 12) / 400), rel=1e-6
    )


def test_an_emccd_doubles_the_variance():
    """What its multiplication costs: √2 of the ideal camera's bound."""
    quiet = Camera(em_gain=300.0)
    ratio = (
        single_emitter_bound(3000, 100, 1.1, quiet).x
        / single_emitter_bound(3000, 100, 1.1, Camera()).x
    )
    assert ratio[0] == pytest.approx(np.sqrt(2), rel=1e-9)


def test_read_noise_is_like_background():
    noisy = single_emitter_bound(1000, 10, 1.3, Camera(read_sigma=2.0))
    lit = single_emitter_bound(1000, 14, 1.3, Camera())
    np.testing.assert_allclose(noisy.x, lit.x, rtol=1e-9)
    np.testing.assert_allclose(noisy.bg, lit.bg, rtol=1e-9)


@pytest.mark.parametrize("camera", [SCMOS, EMCCD], ids=["scmos", "emccd"])
def test_fits_of_noisy_images_reach_the_bound(camera):
    """Weighted least squares on the camera's own noise: as good as the bound, no better."""
    trials, truth = 1500, torch.tensor([0.23, -0.31, 2000.0, 20.0], dtype=torch.float64)
    size = patch_size(1.3)
    one = torch.ones(1, dtype=torch.float64)
    first_x, first_y = (patch_first(truth[i : i + 1], size) for i in (0, 1))

    def model(value_T4):
        sigma = one.expand(len(value_T4)) * 1.3
        a, da, _ = axis_derivatives(value_T4[:, 0], sigma, first_x.expand(len(sigma)), size)
        b, db, _ = axis_derivatives(value_T4[:, 1], sigma, first_y.expand(len(sigma)), size)
        image, n = b[:, :, None] * a[:, None], value_T4[:, 2, None, None]
        by = [n * b[:, :, None] * da[:, None], n * db[:, :, None] * a[:, None], image]
        by = torch.stack([*by, torch.ones_like(image)], dim=1).flatten(2)
        return (n * image + value_T4[:, 3, None, None]).flatten(1), by

    expected, _ = model(truth[None])
    adu = camera.expose(expected.expand(trials, -1).contiguous(), torch.Generator().manual_seed(0))
    seen = torch.from_numpy(camera.to_photons(adu.numpy())).double()
    weight = 1 / (camera.excess * (expected + camera.cic) + camera.read_variance)
    value = truth.expand(trials, 4)
    for _ in range(5):
        mu, by = model(value)
        value = value + torch.linalg.solve(
            (by * weight) @ by.mT, ((by * weight) @ (seen - mu)[:, :, None])
        ).squeeze(2)
    limit = single_emitter_bound(2000, 20, 1.3, camera, 0.23, -0.31)
    stds = value.std(dim=0).numpy() / [limit.x[0], limit.y[0], limit.photons[0], limit.bg[0]]
    np.testing.assert_allclose(stds, 1.0, atol=0.07)
    assert abs(value[:, 0].mean() - 0.23) < 4 * limit.x[0] / np.sqrt(trials)


def test_edges_maps_and_darkness():
    inside = single_emitter_bound(1000, 20, 1.3, SCMOS, [10.0, 0.0], [10.0, 10.0], (20, 20))
    assert inside.x[1] > 1.1 * inside.x[0]  # half of its light is beside the frame
    outside = single_emitter_bound(1000, 20, 1.3, SCMOS, -50.0, 0.0, (20, 20))
    assert np.isinf(outside.x[0])
    read = np.full((20, 20), 1.5, dtype=np.float32)
    read[:, :10] = 15.0
    mapped = single_emitter_bound(1000, 20, 1.3, Camera(read_sigma=read), [3.0, 16.0], [10, 10])
    assert mapped.x[0] > 2 * mapped.x[1]
    assert np.isinf(single_emitter_bound(0, 20, 1.3, SCMOS).x[0])
    with pytest.raises(UserError, match="above 0"):
        single_emitter_bound(1000, 20, 0.0, SCMOS)
    with pytest.raises(UserError, match="negative"):
        single_emitter_bound(-1, 20, 1.3, SCMOS)


def test_far_emitters_are_single_ones():
    truth = table([[0, 1523, 1490, 0], [0, 4710, 4630, 1]], photons=[1000.0, 2500.0])
    single = single_emitter_bound(
        truth.photons, 20, 1.3, SCMOS, truth.x / 100, truth.y / 100, SHAPE
    )
    # The prior of 1 px on each coordinate counts for little.
    np.testing.assert_allclose(bound(truth)[:, 0], 100 * single.x, rtol=0.01)
    np.testing.assert_allclose(bound(truth)[:, 1], 100 * single.y, rtol=0.01)


def test_overlap_costs_and_the_prior_caps():
    apart = [bound(table([[0, 3000, 3000, 0], [0, 3000 + d, 3000, 1]]))[0] for d in (900, 200, 50)]
    assert apart[0][0] < apart[1][0] < apart[2][0] <= 100
    assert apart[1][1] < apart[1][0]  # across the pair less than along it
    dim = bound(table([[0, 3000, 3000, 0]], photons=0.1))
    np.testing.assert_allclose(dim, 100, rtol=1e-3)


def test_three_frames_are_better_than_one():
    """n equal frames: 1/√n; a neighbour without the emitter shows the other one alone."""
    steady = table([[f, 3020, 3030, 0] for f in range(5)])
    for window in (3, 5):
        ratio = bound(steady, window)[2] / bound(steady, 1)[2]
        np.testing.assert_allclose(ratio, 1 / np.sqrt(window), rtol=0.01)
    pair = table([[1, 3000, 3000, 0], [1, 3120, 3000, 1], [2, 3000, 3000, 0]])
    one, three = bound(pair, 1), bound(pair, 3)
    assert np.all(three[:2] < one[:2])
    assert three[1, 0] < 0.9 * one[1, 0]  # the other's place is known from frame 2
    alone = bound(pair.with_columns(id=[0, 1, 2]), 3)
    np.testing.assert_allclose(alone[:2], one[:2], rtol=1e-9)


def test_only_the_frames_asked_for():
    truth = table([[f, 3000, 3000, 0] for f in range(4)])
    found = bound(truth, 3, frames=[1, 9])
    assert np.isfinite(found[1]).all()
    assert np.isnan(found[[0, 2, 3]]).all()


def test_kinds_of_background():
    truth = table([[0, 3000, 3000, 0], [1, 3000, 3000, 0]])
    flat = bound(truth)
    np.testing.assert_allclose(bound(truth, background=20.0), flat)
    np.testing.assert_allclose(bound(truth, background=[20.0, 20.0]), flat)
    np.testing.assert_allclose(bound(truth, background=np.full(SHAPE, 20.0)), flat)
    np.testing.assert_allclose(bound(truth, background=np.full((2, *SHAPE), 20.0)), flat)
    haze = 20.0 + 60.0 * (np.arange(64) > 20)[None] * np.ones(SHAPE)
    assert np.all(bound(truth, background=haze) > flat)
    with pytest.raises(UserError, match="shape"):
        bound(truth, background=np.ones((3, 3)))


def test_a_cameras_map_is_used():
    truth = table([[0, 1000, 3000, 0], [0, 5000, 3000, 1]])
    read = np.full(SHAPE, 1.5, dtype=np.float32)
    read[:, :32] = 12.0
    found = bound(truth, camera=Camera(read_sigma=read))
    assert found[0, 0] > 1.5 * found[1, 0]
    np.testing.assert_allclose(found[1], bound(truth)[1], rtol=1e-3)


def crowd(n, size, frames=1, seed=0):
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, size, (2, n))
    rows = [[f, x[i], y[i], i] for f in range(frames) for i in range(n)]
    return table(rows, photons=np.tile(rng.uniform(300, 4000, n), frames))


def test_groups_give_what_one_matrix_gives():
    """Against the plain inverse of the whole information matrix."""
    truth = crowd(25, 6300)
    light = fisher.FrameModel(truth, 100.0, SHAPE, 130.0, SCMOS, None)
    part = light.information(0, fisher.tiles(SHAPE, 1.3)[0])
    whole = part.matrix.toarray() + np.diag([1.0] * 75 + [0.0])
    plain = 100 * np.sqrt(np.diag(np.linalg.inv(whole))[:50]).reshape(2, 25).T
    np.testing.assert_allclose(bound(truth), plain, rtol=1e-9)


def test_tiles_give_what_the_frame_gives(monkeypatch):
    truth = crowd(150, 6300, frames=2)
    whole = bound(truth, 3)
    monkeypatch.setattr(fisher, "WHOLE_PX", 32)
    monkeypatch.setattr(fisher, "TILE_PX", 32)
    assert len(fisher.tiles(SHAPE, 1.3)) == 4
    tiled = bound(truth, 3)
    assert np.all(tiled >= whole * (1 - 1e-9))
    np.testing.assert_allclose(tiled, whole, rtol=0.01)


def test_wrong_input_to_joint_bounds():
    truth = table([[0, 3000, 3000, 0], [0, 4000, 3000, 0]])
    with pytest.raises(UserError, match="twice"):
        bound(truth, 3)
    with pytest.raises(UserError, match="odd number"):
        bound(truth, 2)
    with pytest.raises(UserError, match="above 0"):
        bound(truth.with_columns(photons=[0.0, 1.0]))
    with pytest.raises(UserError, match="photons"):
        bound(Emitters({"frame": [0], "x": [0], "y": [0]}))
    bare = Emitters({"frame": [0], "x": [0], "y": [0], "photons": [100]})
    with pytest.raises(UserError, match="background"):
        bound(bare)
    assert bound(bare, background=10.0).shape == (1, 2)
    assert bound(truth.select(np.zeros(2, dtype=bool))).shape == (0, 2)


def test_limit_by_hand():
    limit = limit_of([30.0, 40.0, 125.0, 126.0])
    rmse = np.sqrt((900 + 1600 + 125**2) / 3)
    assert (limit.emitters, limit.missed) == (4, 1)
    assert limit.rmse == pytest.approx(rmse)
    assert limit.efficiency == pytest.approx(100 - np.hypot(25, rmse))
    assert limit_of([200.0]).jaccard == 0
    assert np.isnan(limit_of([]).efficiency)


def test_limit_leaves_out_border_and_dimmest():
    """Eight far emitters: one in the border, two dim; five are left, all found."""
    places = [[0, 800 + 1500 * (i % 4), 800 + 2500 * (i // 4), i] for i in range(7)]
    truth = table([*places, [0, 100, 5500, 7]], photons=[1000, 100, 120, *[1000] * 5])
    limit = limit_efficiency(truth, 100.0, SHAPE, 130.0, SCMOS, window=1)
    assert (limit.emitters, limit.missed) == (5, 0)
    std = bound(truth)[[0, 3, 4, 5, 6]]
    assert limit.rmse == pytest.approx(np.sqrt((std**2).sum(axis=1).mean()))
    assert limit.efficiency == pytest.approx(100 - limit.rmse)
    every = limit_efficiency(truth, 100.0, SHAPE, 130.0, SCMOS, border=0, dim_share=0)
    assert every.emitters == 8
    assert set(every.as_dict()) == {"efficiency", "jaccard", "rmse", "emitters", "missed"}


def test_camera_from_meta():
    truth = table([[0, 0, 0, 0]])
    assert camera_of(truth) is None
    truth.meta["camera"] = EMCCD.describe()
    assert camera_of(truth).excess == 2
    assert camera_of(truth).read_variance == pytest.approx(EMCCD.read_variance)
    truth.meta["camera"] = SCMOS
    assert camera_of(truth) is SCMOS


def test_a_psf_of_one_s_own_stands_for_the_width():
    truth = table([(0, 1500, 1600, 0), (0, 1800, 1600, 1), (1, 1500, 1620, 0)])
    widths = np.array([130.0, 180.0, 130.0])
    given = bound(truth, psf_sigma=999.0, psf=GaussianPSF(widths / 100.0), window=3)
    np.testing.assert_allclose(given, bound(truth, psf_sigma=widths, window=3), rtol=1e-12)
