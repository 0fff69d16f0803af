from dataclasses import replace

import pytest
import torch

from truevar.inference.decode import decode
from truevar.model.scale_output import ScaleOutput
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
    found = decode(output_of([(0, 5.0, 7.0, 0.99), (0, 5.6, 7.0, 0.985)]), 1.3)
    assert sorted(found.prob) == pytest.approx([0.985, 0.99])


def test_what_is_far_apart_or_in_another_frame_is_not_merged():
    found = decode(output_of([(0, 5.0, 7.0, 0.4), (0, 6.4, 7.0, 0.4), (1, 5.0, 7.0, 0.4)]), 1.3)
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


def test_the_parts_of_a_cell_beyond_the_trained_scales_are_one_emitter_again():
    # Two levels below cells of 2 px, wider apart than anything that is merged by distance.
    parts = [(0, 0.1, 0.1, 0.3), (0, 1.9, 0.1, 0.2), (0, 1.9, 1.9, 0.4)]
    crowded = [(0, 8.1, 8.1, 0.9), (0, 9.9, 9.9, 0.8)]
    cells = replace(output_of(parts + crowded), beyond=2)
    found = decode(cells, 1.3)
    assert sorted(found.prob) == pytest.approx([0.8, 0.9, 0.9])
    assert len(decode(replace(cells, beyond=0), 1.3).prob) == 5


def test_a_doubtful_neighbour_of_a_surer_one_is_left_out():
    near = [(0, 5.0, 7.0, 0.9), (0, 6.1, 7.0, 0.7)]
    sure = [(0, 20.0, 7.0, 0.99), (0, 21.1, 7.0, 0.985)]
    apart = [(0, 30.0, 7.0, 0.9), (0, 31.4, 7.0, 0.7)]
    elsewhen = [(1, 6.1, 7.0, 0.7)]
    found = decode(output_of(near + sure + apart + elsewhen, n_crops=2), 1.3)
    assert sorted(found.prob) == pytest.approx([0.7, 0.7, 0.9, 0.9, 0.985, 0.99])
    # One that was itself left out takes nothing with it.
    chain = [(0, 5.0, 7.0, 0.9), (0, 6.1, 7.0, 0.8), (0, 7.2, 7.0, 0.7)]
    assert sorted(decode(output_of(chain), 1.3).prob) == pytest.approx([0.7, 0.9])
