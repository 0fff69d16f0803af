import pytest
import torch

from truevar.config import PRESETS
from truevar.model import TrueVAREmitterPredictor


@pytest.fixture(scope="session")
def tiny_config():
    """A model small enough for quick tests."""
    return PRESETS["tiny"]


@pytest.fixture
def tiny(tiny_config):
    torch.manual_seed(0)
    return TrueVAREmitterPredictor(config=tiny_config).eval().requires_grad_(False)
