import pytest
import torch

from truevar.infer.decode import decode
from truevar.model.heads import ScaleOutput
from truevar.model.splits import SplitTable


def output_of(cells, n_crops=1):
    """A finest scale from rows (crop, x, y, mass): every cell in a group of its own."""
    splits = SplitTable(1, parts=1)
    crop, x, y, mass = (torch.tensor(v) for v in zip(*cells, strict=True))
    split = torch.stack([1 - mass, mass], 1)
    ones = torch.ones(len(x))
    return ScaleOutput(
        0.5, (64, 64), splits, crop, (y * 2).long(), (x * 2).long(), split.log(),
        splits.child_probabilities(split).flatten(0, 1), mass, x, y, 0.1 * ones, 0.2 * ones,
        6.0 * ones, 0.1 * ones, 3.0 * ones,
    )  # fmt: skip


def test_probabilities_split_over_a_border_add_up():
    found = decode(
        output_of([(0, 4.98, 7.0, 0.45), (0, 5.02, 7.0, 0.45), (0, 20.0, 20.0, 0.9)]), 1.3
    )
    order = found.x.argsort()
    assert found.prob[order] == pytest.approx([0.9, 0.9])
    assert found.x[order] == pytest.approx([5.0, 20.0], abs=1e-5)
    # The two answers differ by 0.04 px: that widens the error of x a little.
    assert found.sigma_x[order[0]] == pytest.approx((0.1**2 + 0.02**2) ** 0.5, rel=1e-3)


def test_two_half_sure_cells_at_one_place_are_one_emitter():
    found = decode(output_of([(0, 5.0, 7.0, 0.6), (0, 5.4, 7.0, 0.55)]), 1.3)
    assert found.prob.tolist() == [1.0]


def test_two_sure_emitters_side_by_side_stay_two():
    found = decode(output_of([(0, 5.0, 7.0, 0.9), (0, 5.4, 7.0, 0.8)]), 1.3)
    assert sorted(found.prob) == pytest.approx([0.8, 0.9])


def test_what_is_far_apart_or_in_another_frame_is_not_merged():
    found = decode(output_of([(0, 5.0, 7.0, 0.4), (0, 6.0, 7.0, 0.4), (1, 5.0, 7.0, 0.4)]), 1.3)
    assert len(found.x) == 3


def test_probability_never_exceeds_one_and_photons_are_not_log():
    found = decode(output_of([(0, 5.0, 7.0, 0.95), (0, 5.1, 7.0, 0.3)]), 1.3)
    assert found.prob.tolist() == [1.0]
    assert found.photons[0] == pytest.approx(403.4, rel=1e-3)
    assert found.bg[0] == pytest.approx(20.09, rel=1e-3)


def test_faint_and_improbable_cells_are_left_out():
    output = output_of([(0, 5.0, 7.0, 0.001), (0, 15.0, 7.0, 0.3), (0, 25.0, 7.0, 0.7)])
    assert len(decode(output, 1.3).x) == 2
    assert decode(output, 1.3, min_prob=0.5).x.tolist() == [25.0]
