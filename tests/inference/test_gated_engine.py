"""The engine leaves out what the matched filter finds empty."""

import numpy as np
import pytest
import torch

from truevar.inference.engine import Engine
from truevar.model import gate
from truevar.model.lean_encoder import LeanEncoder
from truevar.model.weights import load_model
from truevar.simulation.scenes import simulate

SIGMA = 1.3


@pytest.fixture(scope="module")
def sparse():
    return simulate("2d-scmos", 0.02, 12, 96, seed=3)


@pytest.fixture(scope="module")
def frames(sparse):
    return sparse.frames()


def found_in(frames, camera, tile=512):
    model = load_model("true-var-small")
    engine = Engine(model, camera, SIGMA, *frames.shape[1:], 0.5, tile=tile, precision="float32")
    parts = list(engine.run(iter([frames[:4], frames[4:]])))
    columns = ("x", "y", "prob", "photons")
    return {name: np.concatenate([getattr(part, name) for part, _ in parts]) for name in columns}


def test_the_same_emitters_as_from_whole_frames(sparse, frames, monkeypatch):
    looked_at = []
    encode = LeanEncoder._encode_active

    def watched(self, three_BChw, cond_BD, active_Bhw):
        looked_at.append(active_Bhw.float().mean().item())
        return encode(self, three_BChw, cond_BD, active_Bhw)

    monkeypatch.setattr(LeanEncoder, "_encode_active", watched)
    gated = found_in(frames, sparse.camera)
    assert np.mean(looked_at) < 0.5
    monkeypatch.setattr(gate, "LEAST", -np.inf)
    whole = found_in(frames, sparse.camera)
    assert len(gated["x"]) == len(whole["x"]) > 3
    # The faintest moves by a fraction of its error.
    for name, most, usual in (("x", 0.15, 0.005), ("y", 0.15, 0.005), ("prob", 0.2, 0.01)):
        apart = np.abs(gated[name] - whole[name])
        assert apart.max() < most
        assert np.median(apart) < usual


def test_tiles_leave_out_what_whole_frames_leave_out(sparse, frames):
    whole, tiles = found_in(frames, sparse.camera), found_in(frames, sparse.camera, tile=32)
    order = [np.lexsort((found["x"], found["y"])) for found in (whole, tiles)]
    assert len(whole["x"]) == len(tiles["x"]) > 3
    for name in ("x", "y", "prob"):
        np.testing.assert_allclose(
            np.sort(whole[name][order[0]]), np.sort(tiles[name][order[1]]), atol=1e-3
        )


def test_frames_of_nothing(sparse):
    generator = torch.Generator().manual_seed(0)
    dark_HW = torch.full((5, 48, 40), 20.0)
    frames = sparse.camera.expose(dark_HW, generator).clamp(0, 65535).numpy().astype(np.uint16)
    assert len(found_in(frames, sparse.camera)["x"]) == 0
