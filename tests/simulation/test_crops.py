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
