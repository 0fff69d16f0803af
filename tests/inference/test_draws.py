"""Emitters drawn from a scale's answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from truevar.config import PRESETS
from truevar.inference.draws import draw_emitters, draw_fields
from truevar.model import TrueVAREmitterPredictor
from truevar.model.handdown import Manner
from truevar.model.scale_output import ScaleOutput


@pytest.fixture
def sure() -> ScaleOutput:
    """The first scale of two frames, in which every third cell is sure of two emitters."""
    torch.manual_seed(0)
    network = TrueVAREmitterPredictor(config=PRESETS["tiny"]).eval()
    with torch.no_grad():
        output = network.predict(torch.rand(2, 1, 40, 40) + 5)[0]
    wanted_G = 2 * (torch.arange(len(output.log_split_GK)) % 3 == 0).long()
    log_split_GK = torch.full_like(output.log_split_GK, -50.0)
    log_split_GK[torch.arange(len(wanted_G)), wanted_G] = 0.0
    return replace(output, log_split_GK=log_split_GK)


def test_as_many_emitters_as_are_drawn_and_where_their_cells_place_them(sure):
    drawn = draw_emitters(sure, Manner.drawn(0.0))
    rows = np.arange(0, len(sure.x_R), 3).repeat(2)
    assert drawn.image.tolist() == sure.crop_R[rows].tolist()
    assert np.allclose(drawn.x, sure.x_R[rows])
    assert np.allclose(drawn.photons, sure.log_photons_R[rows].exp())
    assert (drawn.prob == 1).all()


def test_places_are_drawn_with_the_error_that_is_stated(sure):
    rows = np.arange(0, len(sure.x_R), 3).repeat(2)
    wide = [draw_emitters(sure, Manner.drawn(1.0)) for _ in range(40)]
    for name, mean, error in (
        ("x", sure.x_R, sure.sigma_x_R),
        ("y", sure.y_R, sure.sigma_y_R),
    ):
        z = [(getattr(one, name) - mean[rows].numpy()) / error[rows].numpy() for one in wide]
        assert np.std(z) == pytest.approx(1, abs=0.05)
        assert np.mean(z) == pytest.approx(0, abs=0.05)


def test_a_field_that_holds_nothing(sure):
    log_split_GK = torch.full_like(sure.log_split_GK, -50.0)
    log_split_GK[:, 0] = 0
    drawn = draw_emitters(replace(sure, log_split_GK=log_split_GK), Manner.drawn(1.0))
    assert len(drawn.x) == 0


def test_fields_are_told_apart_and_leave_the_random_numbers_of_others_alone(sure):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    drawn = draw_fields(lambda _: sure, 3, 11, torch.device("cpu"))
    assert torch.equal(torch.rand(3), expected)
    assert np.bincount(drawn.sample).tolist() == [len(drawn.x) // 3] * 3
    again = draw_fields(lambda _: sure, 3, 11, torch.device("cpu"))
    np.testing.assert_array_equal(again.x, drawn.x)
    other = draw_fields(lambda _: sure, 3, 12, torch.device("cpu"))
    assert (other.x != drawn.x).any()
    kept = drawn.select(drawn.sample == 1)
    assert set(kept.sample) == {1}
