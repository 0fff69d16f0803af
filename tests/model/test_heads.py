import pytest
import torch

from truevar.model.heads import Head, log_inside
from truevar.model.splits import SplitTable


def decide(head, announced_Gn, dim=8):
    G = len(announced_Gn)
    places = torch.zeros(G, 4, dtype=torch.long)
    return head(
        torch.zeros(G, 4, dim),
        torch.zeros(G, dtype=torch.long),
        places,
        places,
        1.0,
        (8, 8),
        torch.zeros(1, 8, 8),
        announced_Gn=announced_Gn,
    )


@torch.no_grad()
def test_an_informed_head_starts_from_what_the_parents_announced():
    torch.manual_seed(0)
    head = Head(8, SplitTable(3), informed=True)
    head.inside_gain.zero_()
    announced_G4 = torch.tensor([[0.98, 0.015, 0.004, 0.001], [0.02, 0.9, 0.07, 0.01]])
    output = decide(head, announced_G4)
    mean_G = output.mean_R.view(2, 4).sum(1)
    torch.testing.assert_close(mean_G, announced_G4 @ torch.arange(4.0))


@torch.no_grad()
def test_it_can_overrule_a_parent_that_was_sure():
    head = Head(8, SplitTable(3), informed=True)
    head.inside_gain.zero_()
    sure_G4 = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    assert float(decide(head, sure_G4).mean_R.sum()) == pytest.approx(6e-4, rel=1e-2)
    head.to_split.bias[1:5] = 20.0
    assert float(decide(head, sure_G4).mean_R.sum()) > 0.99


def test_what_cells_place_on_their_common_corner_is_one_emitter_together():
    offset_R2 = torch.tensor([[0.0, 0.0], [0.5, 0.0], [0.5, 0.5], [-0.5, 0.5], [0.75, 0.0]])
    share_R = log_inside(offset_R2, torch.full((5, 2), 0.05)).exp()
    torch.testing.assert_close(
        share_R, torch.tensor([1.0, 0.5, 0.25, 0.25, 1e-6]), atol=2e-3, rtol=0
    )
    # An emitter that may be anywhere around is in none of them surely.
    assert float(log_inside(torch.zeros(1, 2), torch.ones(1, 2)).exp()) < 0.2
