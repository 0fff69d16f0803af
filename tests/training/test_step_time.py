from dataclasses import replace

import pytest
import torch

from truevar.config import PRESETS, TrainConfig
from truevar.doors.train import duration
from truevar.training import step_time

CPU = torch.device("cpu")


def test_a_step_takes_as_long_as_its_parts_together(monkeypatch):
    tiny = replace(PRESETS["tiny"], num_layers=3)
    training = TrainConfig(batch=5)
    monkeypatch.setattr(step_time, "_timed", lambda once, device: float(once().numel() > 0))
    monkeypatch.setattr(step_time, "_tokens", lambda model, training: 2048.0)
    # The image side, and three blocks on twice the cells that one was timed on.
    assert step_time.step_seconds(tiny, training, CPU) == pytest.approx(5 * (1 + 3 * 2))
    kept = step_time.step_seconds(tiny, replace(training, checkpointing=True), CPU)
    assert kept == pytest.approx(5 * (1 + 3 * 2) * 4 / 3)


def test_cells_looked_at():
    small = PRESETS["small"]
    few = step_time._tokens(small, TrainConfig(crop=40))
    assert 10**2 < few < 10**2 + 20**2 + 40**2 + 80**2
    # Wider fields have wider cells, of which more hold an emitter.
    assert few < step_time._tokens(small, TrainConfig(crop=160))


def test_it_is_measured():
    assert 0 < step_time.step_seconds(PRESETS["tiny"], TrainConfig(batch=1), CPU) < 60


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.42, "0.4 s"), (12.3, "12 s"), (89, "89 s"), (170, "3 minutes")]
)
def test_durations_as_one_says_them(seconds, said):
    assert duration(seconds) == said
