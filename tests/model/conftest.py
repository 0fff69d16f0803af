import pytest
import torch

from truevar.config import ModelConfig
from truevar.model import TrueVAREmitterPredictor


@pytest.fixture(scope="session")
def tiny_config():
    """A model small enough for quick tests."""
    return ModelConfig(
        stem_channels=8,
        frame_channels=4,
        joint_blocks=1,
        wide_channels=8,
        embed_dim=16,
        num_heads=2,
        head_dim=8,
        num_layers=1,
        cond_dim=8,
    )


@pytest.fixture
def tiny(tiny_config):
    torch.manual_seed(0)
    return TrueVAREmitterPredictor(config=tiny_config).eval().requires_grad_(False)
