import torch

from truevar.config import TrainingMix
from truevar.simulation.crops import sample_crops


def crops(n=64, seed=0, **changes):
    generator = torch.Generator().manual_seed(seed)
    return sample_crops(n, 40, generator, TrainingMix(**changes))


def test_shapes_and_finite_values():
    batch = crops(16)
    assert batch.counts_BTHW.shape == (16, 3, 40, 40)
    assert batch.read_variance_BHW.shape == (16, 40, 40)
    assert torch.isfinite(batch.counts_BTHW).all()
    targets = batch.targets
    assert len(targets.x_N) == len(targets.crop_N) == len(targets.log_photons_N) > 50
    assert float(targets.x_N.min()) >= -0.5
    assert float(targets.y_N.max()) < 39.5
    assert int(targets.crop_N.max()) < 16


def test_noise_of_emitter_free_crops_is_what_the_model_is_told():
    """Variance of effective counts = background + read variance, for both cameras."""
    for emccd_share in (0.0, 1.0):
        batch = crops(
            64,
            sparse_share=1.0,
            sparse_density=(1e-9, 2e-9),
            haze_share=0.0,
            maps_share=0.0,
            emccd_share=emccd_share,
        )
        assert len(batch.targets.x_N) == 0
        measured_B = batch.counts_BTHW.flatten(1).var(1)
        expected_B = (batch.targets.log_bg_BHW.exp() + batch.read_variance_BHW).mean((1, 2))
        ratio_B = measured_B / expected_B
        # Rounding to whole ADU and clock-induced charge add a little.
        assert 0.97 < float(ratio_B.median()) < 1.1
        mean_B = batch.counts_BTHW.mean((1, 2, 3))
        torch.testing.assert_close(
            mean_B, batch.targets.log_bg_BHW.exp().mean((1, 2)), rtol=0.03, atol=0.15
        )


def test_hot_pixels_are_noisy_where_the_map_says():
    batch = crops(
        32, maps_share=1.0, emccd_share=0.0, sparse_share=1.0, sparse_density=(1e-9, 2e-9)
    )
    hot = batch.read_variance_BHW > 100
    assert bool(hot.any())
    spread_BHW = batch.counts_BTHW.var(1)
    assert float(spread_BHW[hot].median()) > 5 * float(spread_BHW[~hot].median())


def test_same_seed_same_crops():
    first, again = crops(8, 3), crops(8, 3)
    assert torch.equal(first.counts_BTHW, again.counts_BTHW)
    assert torch.equal(first.targets.x_N, again.targets.x_N)
    assert not torch.equal(first.counts_BTHW, crops(8, 4).counts_BTHW)


def test_longer_crops_have_their_truth_in_the_middle_frame():
    generator = torch.Generator().manual_seed(5)
    mix = TrainingMix(edge_share=0.6, alone_share=0.1, moving_share=0.0, usual_share=1.0)
    batch = sample_crops(400, 20, generator, mix, frames=5)
    assert batch.counts_BTHW.shape == (400, 5, 20, 20)
    assert batch.exists_BT.shape == (400, 5)
    assert bool(batch.exists_BT[:, 2].all())
    # A movie that ends has no frames further away either.
    assert bool((batch.exists_BT[:, 1] >= batch.exists_BT[:, 0]).all())
    assert bool((batch.exists_BT[:, 3] >= batch.exists_BT[:, 4]).all())
    missing_T = (~batch.exists_BT).float().mean(0)
    assert 0.25 < float(missing_T[0]) < 0.5
    assert 0.1 < float(missing_T[1]) < float(missing_T[0]) - 0.05
    # Light where the truth says there is some: most in the middle frame, and less further away.
    found = batch.targets
    bright = found.log_photons_N > 6.5
    row, col = (at_N[bright].round().long().clamp(0, 19) for at_N in (found.y_N, found.x_N))
    light_BTHW = batch.counts_BTHW - found.log_bg_BHW.exp()[:, None]
    light_T = light_BTHW[found.crop_N[bright], :, row, col].median(0).values
    assert int(light_T.argmax()) == 2
    assert float(light_T[[1, 3]].min()) > float(light_T[[0, 4]].max())


def test_what_moves_is_where_the_truth_says_in_the_middle_frame():
    """A walk both ways from there: after two steps twice as far, in variance."""
    generator = torch.Generator().manual_seed(6)
    mix = TrainingMix(
        moving_share=1.0,
        motion=(0.999, 1.0),
        sparse_share=1.0,
        sparse_density=(0.0005, 0.00051),
        usual_share=0.0,
        lifetime=(99.0, 100.0),
        photons=(4e4, 9e4),
        background=(1.0, 2.0),
        haze_share=0.0,
        alone_share=0.0,
        maps_share=0.0,
        emccd_share=0.0,
    )
    batch = sample_crops(800, 40, generator, mix, frames=5)
    number_B = torch.bincount(batch.targets.crop_N, minlength=800)
    chosen = (number_B == 1)[batch.targets.crop_N]
    x_N, y_N = batch.targets.x_N[chosen], batch.targets.y_N[chosen]
    inner = (x_N > 10) & (x_N < 29) & (y_N > 10) & (y_N < 29)
    light_NTHW = batch.counts_BTHW[batch.targets.crop_N[chosen][inner]]
    light_NTHW = (light_NTHW - 30).clamp_min(0)
    total_NT = light_NTHW.sum((2, 3)).clamp_min(1)
    x_NT = (light_NTHW.sum(2) * torch.arange(40.0)).sum(2) / total_NT
    off_T = (x_NT - x_N[inner, None]).abs().median(0).values
    assert len(x_NT) > 30
    assert float(off_T[2]) < 0.2
    assert float(off_T[1]) > 0.35
    assert float(off_T[0]) > 1.15 * float(off_T[1])
