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
