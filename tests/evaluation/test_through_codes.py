"""The tokeniser proven on the truth: emitters → codes → emitters, no image in between."""

import pytest

from truevar.evaluation.scoring import evaluate
from truevar.evaluation.through_codes import through_codes
from truevar.model.weights import available_models, load_model
from truevar.simulation.scenes import simulate
from truevar.training.tokenizer_stage import measure_tokenizer

pytestmark = pytest.mark.skipif(
    "true-var-small" not in available_models(), reason="no weights ship"
)


@pytest.fixture(scope="module")
def tokenizer():
    return load_model().network.tokenizer


@pytest.mark.parametrize("density", [0.2, 1.0, 4.0])
def test_truth_to_codes_and_back(tokenizer, density):
    truth = simulate("2d-scmos", density, 40, 64, 2_000_123, 22).truth
    for continuous, most in ((False, 5.0), (True, 2.0)):
        found = evaluate(through_codes(tokenizer, truth, continuous), truth, resamples=0)
        assert found.jaccard >= 99.0
        assert found.rmse <= most


@pytest.mark.slow
def test_half_of_the_codes_are_in_use(tokenizer):
    """Half of each scale's at least; 8192 of them need many cells to be seen."""
    in_use = measure_tokenizer(tokenizer, fields=1600)["in_use"]
    assert min(in_use) >= 0.5


def test_codes_are_in_use(tokenizer):
    """The same by fewer cells, which have seen fewer of the finest scale's codes."""
    *coarse, finest = measure_tokenizer(tokenizer, fields=300)["in_use"]
    assert min(coarse) >= 0.65
    assert finest >= 0.36
