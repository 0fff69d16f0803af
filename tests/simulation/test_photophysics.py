import pytest
import torch

from truevar.simulation.photophysics import frames_on, sample_on_times


def test_frame_parts_add_up_to_the_time_on():
    generator = torch.Generator().manual_seed(0)
    lifetime = torch.tensor([2.0])
    _, start, end = sample_on_times(torch.tensor([50.0]), 40, lifetime, generator)
    emitter, frame, part = frames_on(start.double(), end.double(), 40)
    total = torch.zeros(len(start), dtype=torch.double).index_add(0, emitter, part)
    on = end.double().clamp(max=40) - start.double()
    torch.testing.assert_close(total, on, atol=1e-6, rtol=0)
    assert ((frame >= 0) & (frame < 40)).all()
    assert ((part > 0) & (part <= 1)).all()


def test_number_on_at_one_instant_is_the_density_in_every_frame():
    generator = torch.Generator().manual_seed(1)
    n_scenes, level = 400, 20.0
    lifetime = torch.full((n_scenes,), 2.0)
    scene, start, end = sample_on_times(torch.full((n_scenes,), level), 6, lifetime, generator)
    for instant in (0.0, 0.5, 3.2, 5.99):
        on = ((start <= instant) & (end > instant)).float()
        assert float(on.sum()) / n_scenes == pytest.approx(level, rel=0.05)
    # A frame shows the emitters on at its start and those that start within it: 1.5 times.
    emitter, frame, _ = frames_on(start, end, 6)
    for index in range(6):
        assert float((frame == index).sum()) / n_scenes == pytest.approx(1.5 * level, rel=0.05)
    assert int(scene.max()) == n_scenes - 1


def test_lifetime_is_exponential():
    generator = torch.Generator().manual_seed(2)
    _, start, end = sample_on_times(torch.tensor([30_000.0]), 3, torch.tensor([2.0]), generator)
    stay = end - start
    assert float(stay.mean()) == pytest.approx(2.0, rel=0.03)
    assert float(stay.median()) == pytest.approx(2 * 0.6931, rel=0.03)
