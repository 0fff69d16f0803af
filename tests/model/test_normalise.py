import pytest
import torch

from truevar.model.normalise import CHANNELS, local_background, normalise


@pytest.mark.parametrize("level", [3.0, 30.0, 300.0])
@pytest.mark.parametrize("read", [0.3, 3.0])
def test_noise_has_unit_variance_and_background_zero_mean(level, read):
    generator = torch.Generator().manual_seed(0)
    counts = torch.poisson(torch.full((4, 96, 96), level), generator=generator)
    counts = counts + read * torch.randn(counts.shape, generator=generator)
    channels, back = normalise(counts, torch.full((4, 96, 96), read**2))
    assert channels.shape == (4, CHANNELS, 96, 96)
    signal = 4 * channels[:, 0]
    assert float(signal.std()) == pytest.approx(1, abs=0.12)
    assert abs(float(signal.mean())) < 0.5
    # Clipping makes it low by a fraction of the noise, which the network is used to.
    noise = (level + read**2) ** 0.5
    assert level - 0.6 * noise < float(back.mean()) < level + 0.1 * noise


def test_bright_emitters_and_hot_pixels_hardly_lift_the_background():
    counts = torch.full((1, 64, 64), 20.0)
    counts[0, 30:33, 30:33] = 2000.0
    read = torch.ones(1, 64, 64)
    read[0, 10, 10] = 1e4
    counts[0, 10, 10] = 500.0
    back = local_background(counts, read)
    assert float(back[0, 31, 31]) < 22
    assert float(back[0, 10, 10]) < 20.5


def test_a_hot_pixel_is_told_from_an_emitter():
    counts = torch.full((1, 40, 40), 20.0)
    counts[0, 20, 20] = 120.0
    cold = normalise(counts, torch.ones(1, 40, 40))[0]
    read = torch.ones(1, 40, 40)
    read[0, 20, 20] = 2500.0
    hot = normalise(counts, read)[0]
    assert float(cold[0, 0, 20, 20]) > 2.5
    assert float(hot[0, 0, 20, 20]) < 0.6
    assert float(hot[0, 2, 20, 20]) > 0.9


def test_any_finite_values_give_finite_channels():
    for value in (-1e4, 0.0, 1e6):
        channels, back = normalise(torch.full((1, 32, 32), value), torch.zeros(1, 32, 32))
        assert torch.isfinite(channels).all()
        assert (back > 0).all()
