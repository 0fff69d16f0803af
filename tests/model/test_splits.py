from math import comb

import pytest
import torch

from truevar.model.splits import SplitTable


@pytest.mark.parametrize("cap", [1, 2, 3, 4])
def test_there_are_as_many_ways_as_combinatorics_says(cap):
    table = SplitTable(cap)
    # 1 way for none, 4 for one emitter, 10 for two, 20 for three, …
    assert len(table) == sum(comb(n + 3, 3) for n in range(cap + 1))
    for total in range(cap + 1):
        assert int((table.total_K == total).sum()) == comb(total + 3, 3)
    assert len(torch.unique(table.splits_KP, dim=0)) == len(table)


def test_index_finds_every_way_and_refuses_what_is_beyond():
    table = SplitTable(3)
    counts = table.splits_KP.long()
    assert torch.equal(table.index(counts), torch.arange(len(table)))
    assert table.index(torch.tensor([[2, 2, 0, 0], [4, 0, 0, 0], [1, 1, 1, 0]])).tolist() == [
        -1,
        -1,
        int((counts == torch.tensor([1, 1, 1, 0])).all(1).nonzero()),
    ]


def test_marginals_of_a_sure_and_of_an_undecided_split():
    table = SplitTable(2)
    two_ways = table.index(torch.tensor([[1, 0, 0, 0], [0, 1, 0, 0]]))
    prob_GK = torch.zeros(2, len(table))
    prob_GK[0, table.index(torch.tensor([[2, 0, 0, 0]]))] = 1
    prob_GK[1, two_ways] = 0.5
    torch.testing.assert_close(
        table.child_means(prob_GK), torch.tensor([[2.0, 0, 0, 0], [0.5, 0.5, 0, 0]])
    )
    mean, var = table.total_moments(prob_GK)
    # Which child takes it is open, but not that there is one: the total has no variance.
    assert mean.tolist() == [2, 1]
    assert var.tolist() == [0, 0]
    count = table.child_probabilities(prob_GK)
    assert count[0, 0].tolist() == [0, 0, 1, 0]
    assert count[1, 0].tolist() == [0.5, 0.5, 0, 0]


@pytest.mark.parametrize("cap", [3, 4, 6])
def test_totals_are_replaced_and_how_they_split_is_not(cap):
    torch.manual_seed(cap)
    table = SplitTable(cap)
    log_split_GK = torch.randn(20, len(table)).log_softmax(1)
    total_G4 = torch.rand(20, 4).softmax(1)
    total_G4[0] = torch.tensor([0.0, 1.0, 0.0, 0.0])
    kept_GK = table.with_totals(log_split_GK, total_G4)
    prob_GK = kept_GK.exp()
    torch.testing.assert_close(prob_GK.sum(1), torch.ones(20))
    group_K = table.total_K.long().clamp(max=3)
    for n in range(4):
        some = group_K == n
        torch.testing.assert_close(prob_GK[:, some].sum(1), total_G4[:, n], atol=1e-6, rtol=1e-5)
        # Given so many emitters, every way of placing them is as likely as before.
        torch.testing.assert_close(
            kept_GK[:, some].log_softmax(1), log_split_GK[:, some].log_softmax(1)
        )
    assert torch.isfinite(kept_GK).all()


@pytest.mark.parametrize("cap", [2, 3, 6])
def test_ways_share_their_total_evenly(cap):
    table = SplitTable(cap)
    total_G4 = torch.tensor([[0.1, 0.2, 0.3, 0.4], [1.0, 0.0, 0.0, 0.0]])
    prob_GK = table.evenly(total_G4)
    group_K = table.total_K.long().clamp(max=3)
    for n in range(min(cap, 3) + 1):
        some_Gk = prob_GK[:, group_K == n]
        torch.testing.assert_close(some_Gk.sum(1), total_G4[:, n])
        torch.testing.assert_close(some_Gk, some_Gk[:, :1].expand_as(some_Gk))
