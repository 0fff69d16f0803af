"""Models that more than one test file here looks through."""

import dataclasses

import pytest
import torch

from truevar.model.predictor import TrueVAREmitterPredictor
from truevar.model.weights import TrainedModel, load_model
from truevar.training.grown_image_side import grown
from truevar.training.start import Start


@pytest.fixture(scope="session")
def model():
    """The default one."""
    return load_model()


@pytest.fixture(scope="session")
def far_sighted(model):
    """A model that looks four frames further than the default one, with weights of chance there."""
    small = model.network
    config = dataclasses.replace(small.config, window=small.config.window + 4)
    start = grown(Start("it", small.config, 0.5, small.state_dict()), config)
    network = TrueVAREmitterPredictor(config=config).eval()
    network.load_state_dict(dict(start.tensors))
    outer = 2 * config.frame_channels
    chance = torch.Generator().manual_seed(0)
    with torch.no_grad():
        weight = network.encoder.fuse.weight
        for part in (weight[:, :outer], weight[:, -outer:]):
            part.copy_(0.02 * torch.randn(part.shape, generator=chance))
    return TrainedModel(network, name="far-sighted")
