"""The tokeniser proven on the truth: emitters → codes → emitters, no image in between."""

import numpy as np
import pytest
import torch

from truevar.emitters import Emitters
from truevar.evaluation.scoring import evaluate
from truevar.model.tokenizer import emitter_field
from truevar.model.weights import NEXT_SCALE_MODEL, available_models, load_model
from truevar.simulation.scenes import simulate
from truevar.training.tokenizer_stage import measure_tokenizer

PIXEL, SIZE, CELL = 100.0, 64, 0.5

pytestmark = pytest.mark.skipif(
    "true-var-small" not in available_models(), reason="no weights ship"
)


@pytest.fixture(scope="module")
def tokenizer():
    return load_model(NEXT_SCALE_MODEL).network.tokenizer


def through_codes(tokenizer, truth, frames, continuous):
    """What is left of a table after encoding and decoding, exact offsets if ``continuous``."""
    field = emitter_field(
        torch.from_numpy(truth.frame),
        torch.from_numpy(truth.x / PIXEL).float(),
        torch.from_numpy(truth.y / PIXEL).float(),
        torch.from_numpy(np.log(truth.photons)).float(),
        CELL,
        (frames, int(SIZE / CELL), int(SIZE / CELL)),
    )
    f_hat, _ = tokenizer.encode(field)
    occupied = field[:, :1] > 0
    decoded = tokenizer.decode(f_hat, occupied)
    frame, _, row, col = occupied.nonzero().T
    offset = decoded.offset_N2
    if continuous:
        offset = field.permute(0, 2, 3, 1)[occupied[:, 0]][:, 1:3]
    count = decoded.log_count_NM.argmax(1) + 1
    x = ((col + 0.5 + offset[:, 0]) * CELL - 0.5) * PIXEL
    y = ((row + 0.5 + offset[:, 1]) * CELL - 0.5) * PIXEL
    columns = {
        name: values.repeat_interleave(count).numpy()
        for name, values in (
            ("frame", frame),
            ("x", x),
            ("y", y),
            ("photons", decoded.log_photons_N.exp()),
        )
    }
    return Emitters(columns)


@pytest.mark.parametrize("density", [0.2, 1.0, 4.0])
def test_truth_to_codes_and_back(tokenizer, density):
    truth = simulate("2d-scmos", density, 40, SIZE, 2_000_123, 22).truth
    inside = np.ones(len(truth), dtype=bool)
    for axis in "xy":
        inside &= (truth[axis] >= -0.5 * PIXEL) & (truth[axis] < (SIZE - 0.5) * PIXEL)
    truth = truth.select(inside)
    for continuous, most in ((False, 5.0), (True, 2.0)):
        found = evaluate(through_codes(tokenizer, truth, 40, continuous), truth, resamples=0)
        assert found.jaccard >= 99.0
        assert found.rmse <= most


def test_codes_are_in_use(tokenizer):
    """Half of each scale's codes at least; 8192 of them need many cells to be seen."""
    in_use = measure_tokenizer(tokenizer, fields=1600)["in_use"]
    assert min(in_use[:3]) >= 0.5
    assert in_use[3] >= 0.5
