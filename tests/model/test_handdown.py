import math
from dataclasses import replace

import pytest
import torch

from truevar.model.codes import Codebook, ScalarCodes
from truevar.model.handdown import Manner, decide_codes, decide_counts, onto_grid, parent_prior
from truevar.model.scale_output import ScaleOutput
from truevar.model.splits import SplitTable

CHANNELS = 4


def output_of(crop_G, cap=3, parts=4, n_logits=0, **changes):
    """A scale's output with random decisions; groups lie side by side."""
    crop_G = torch.as_tensor(crop_G)
    G, R = len(crop_G), len(crop_G) * parts
    splits = SplitTable(cap, parts)
    log_split_GK = torch.randn(G, len(splits), requires_grad=True).log_softmax(1)
    place = torch.arange(R)
    side = 2 if parts == 4 else 1
    group, child = place // parts, place % parts
    row_R, col_R = child // 2, side * group + child % 2
    values = {
        "cell": 2.0,
        "grid": (2, side * G + G % 2),
        "splits": splits,
        "crop_G": crop_G,
        "row_R": row_R,
        "col_R": col_R,
        "log_split_GK": log_split_GK,
        "count_R4": splits.child_probabilities(log_split_GK.exp()).flatten(0, 1),
        "mean_R": splits.child_means(log_split_GK.exp()).flatten(),
        "x_R": (col_R + 0.5) * 2.0 - 0.5,
        "y_R": (row_R + 0.5) * 2.0 - 0.5,
        "sigma_x_R": torch.full((R,), 0.3),
        "sigma_y_R": torch.full((R,), 0.3),
        "log_photons_R": torch.full((R,), 6.0),
        "sigma_log_photons_R": torch.full((R,), 0.1),
        "log_bg_R": torch.zeros(R),
        "code_logits_RV": torch.randn(R, n_logits, requires_grad=True) if n_logits else None,
    }
    return ScaleOutput(**{**values, **changes})


def entropy(share_K):
    return float(-(share_K * share_K.clamp_min(1e-9).log()).sum())


def ways(decided):
    """(G,) which split every group was given; -1 for none of the table's."""
    return decided.splits.index(decided.mean_R.view(-1, decided.splits.parts).long())


def test_manners_are_told_apart_by_their_temperature():
    assert Manner.soft().temperature_B.tolist() == [0.0]
    assert Manner.drawn().temperature_B.tolist() == [1.0]
    assert Manner.drawn(0.5, top_k=3).top_k == 3
    assert float(Manner.drawn(0.0).temperature_B) < 0


def test_a_mixture_has_the_shares_asked_for():
    torch.manual_seed(0)
    temperature_B = Manner.mixed(20000, 0.2, 0.1, "cpu").temperature_B
    for value, share in ((0.0, 0.7), (1.0, 0.2), (2.0, 0.1)):
        assert float((temperature_B == value).float().mean()) == pytest.approx(share, abs=0.01)
    assert not bool(Manner.mixed(50, 0.0, 0.0, "cpu").temperature_B.any())


def test_rows_have_the_temperature_of_their_frame():
    crop_N = torch.tensor([0, 2, 2, 1])
    assert Manner(torch.tensor([0.0, 1.0, 2.0])).of(crop_N).tolist() == [0, 2, 2, 1]
    assert Manner.drawn(0.7).of(crop_N).tolist() == pytest.approx([0.7] * 4)


def test_soft_counts_are_handed_down_untouched():
    output = output_of([0, 0, 1])
    assert decide_counts(output, Manner.soft()) is output


@pytest.mark.parametrize("parts", [1, 4])
@pytest.mark.parametrize("temperature", [0.0, 1.0, 2.0])
def test_drawn_counts_are_certain_and_one_of_the_splits(parts, temperature):
    torch.manual_seed(0)
    output = output_of([0] * 50, cap=5, parts=parts)
    decided = decide_counts(output, Manner.drawn(temperature))
    assert set(decided.count_R4.unique().tolist()) == {0.0, 1.0}
    assert bool((decided.count_R4.sum(1) == 1).all())
    assert int(ways(decided).min()) >= 0
    assert torch.equal(decided.count_R4.argmax(1), decided.mean_R.long().clamp(max=3))
    assert not decided.count_R4.requires_grad
    assert not decided.mean_R.requires_grad


def test_greedy_counts_are_those_of_the_likeliest_split():
    torch.manual_seed(1)
    output = output_of([0] * 40)
    decided = decide_counts(output, Manner.drawn(0.0))
    assert torch.equal(ways(decided), output.log_split_GK.argmax(1))


def test_only_drawn_crops_of_a_batch_are_changed():
    torch.manual_seed(2)
    output = output_of([0, 0, 1, 2, 2, 2])
    decided = decide_counts(output, Manner(torch.tensor([0.0, 1.0, 0.0])))
    soft_R = output.crop_R != 1
    assert torch.equal(decided.count_R4[soft_R], output.count_R4[soft_R])
    assert torch.equal(decided.mean_R[soft_R], output.mean_R[soft_R])
    assert set(decided.count_R4[~soft_R].unique().tolist()) == {0.0, 1.0}


def test_draws_follow_the_distribution_and_corrupted_ones_a_flatter_one():
    torch.manual_seed(3)
    logits_K = 2 * torch.randn(len(SplitTable(2)))
    output = output_of([0] * 20000, cap=2, log_split_GK=logits_K.log_softmax(0).repeat(20000, 1))
    found = {}
    for temperature in (1.0, 2.0):
        way_G = ways(decide_counts(output, Manner.drawn(temperature)))
        found[temperature] = torch.bincount(way_G, minlength=len(logits_K)) / len(way_G)
        wanted = (logits_K / temperature).softmax(0)
        torch.testing.assert_close(found[temperature], wanted, atol=0.015, rtol=0)
    assert entropy(found[2.0]) > entropy(found[1.0]) + 0.1


@pytest.fixture(params=["scalar", "codebook"])
def codes(request):
    torch.manual_seed(0)
    if request.param == "scalar":
        return ScalarCodes(CHANNELS, [(8, 8), (16, 4, 2)])
    return Codebook(CHANNELS, 32, (8, 32))


@pytest.mark.parametrize("si", [0, 1])
def test_soft_codes_are_the_expected_vector_times_the_probability(codes, si):
    output = output_of([0, 0, 1], n_logits=codes.n_logits(si))
    said_RC = decide_codes(output, codes, si, Manner.soft())
    wanted_RC = codes.expected(output.code_logits_RV, si) * output.prob_R[:, None]
    torch.testing.assert_close(said_RC, wanted_RC.detach())
    assert not said_RC.requires_grad


def test_drawn_codes_are_of_the_vocabulary_and_zero_where_nothing_is(codes):
    torch.manual_seed(4)
    output = output_of([0] * 30, n_logits=codes.n_logits(1))
    manner = Manner.drawn()
    decided = decide_counts(output, manner)
    said_RC = decide_codes(decided, codes, 1, manner)
    holds_R = decided.mean_R > 0
    assert 0 < int(holds_R.sum()) < len(holds_R)
    assert not bool(said_RC[~holds_R].any())
    factors = codes.factors[1]
    every_VF = torch.cartesian_prod(*(torch.arange(n) for n in factors)).view(-1, len(factors))
    vocabulary_VC = codes.embed(every_VF, 1).detach()
    assert float(torch.cdist(said_RC[holds_R], vocabulary_VC).min(1).values.max()) < 1e-3
    assert not said_RC.requires_grad


def test_greedy_codes_are_the_likeliest(codes):
    output = output_of([0] * 10, n_logits=codes.n_logits(1))
    decided = decide_counts(output, Manner.drawn(0.0))
    said_RC = decide_codes(decided, codes, 1, Manner.drawn(0.0))
    best_RC = codes.embed(codes.choose(output.code_logits_RV, 1, 0.0), 1)
    torch.testing.assert_close(said_RC, (best_RC * decided.prob_R[:, None]).detach())


def test_codes_of_a_mixed_batch_are_drawn_in_drawn_crops_only(codes):
    torch.manual_seed(5)
    output = output_of([0] * 5 + [1] * 5, n_logits=codes.n_logits(1))
    manner = Manner(torch.tensor([0.0, 1.0]))
    decided = decide_counts(output, manner)
    said_RC = decide_codes(decided, codes, 1, manner)
    soft_RC = decide_codes(output, codes, 1, Manner.soft())
    soft_R = output.crop_R == 0
    torch.testing.assert_close(said_RC[soft_R], soft_RC[soft_R])
    assert float((said_RC[~soft_R] - soft_RC[~soft_R]).abs().max()) > 1e-3


@pytest.mark.parametrize(
    "manner", [Manner.soft(), Manner.drawn(), Manner.drawn(0.0), Manner(torch.tensor([0.0, 2.0]))]
)
def test_decisions_are_in_float32_under_autocast(codes, manner):
    output = output_of([0, 0, 1, 1], n_logits=codes.n_logits(1))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        decided = decide_counts(output, manner)
        said_RC = decide_codes(decided, codes, 1, manner)
    assert said_RC.dtype == decided.count_R4.dtype == torch.float32
    assert bool(torch.isfinite(said_RC).all())
    if manner.temperature_B.tolist() != [0.0]:
        return
    exact_RC = decide_codes(output, codes, 1, manner)
    torch.testing.assert_close(said_RC, exact_RC, atol=0.02, rtol=0.02)


def test_cells_go_to_their_places_on_the_grid():
    output = output_of([0, 2, 1])
    vector_RC = torch.randn(12, 3, requires_grad=True)
    active_R = torch.arange(12) % 3 != 0
    map_BhwC, mask_Bhw = onto_grid(vector_RC, active_R, output, 4)
    assert map_BhwC.shape == (4, *output.grid, 3)
    assert int(mask_Bhw.sum()) == int(active_R.sum())
    assert not bool(map_BhwC[~mask_Bhw].any())
    for r in active_R.nonzero().flatten().tolist():
        place = (int(output.crop_R[r]), int(output.row_R[r]), int(output.col_R[r]))
        assert bool(mask_Bhw[place])
        torch.testing.assert_close(map_BhwC[place], vector_RC[r])
    map_BhwC.sum().backward()
    assert torch.equal(vector_RC.grad.sum(1), 3.0 * active_R)


def test_where_the_parent_puts_its_emitter_is_where_the_children_look():
    output = output_of([0, 1])
    everywhere = torch.arange(8)
    equal_G4 = parent_prior(output, everywhere)
    torch.testing.assert_close(equal_G4, torch.full((8, 4), math.log(0.25)))

    # Children in the order of Cells.places: above left, above right, below left, below right.
    right = parent_prior(replace(output, x_R=output.x_R + 1.5), everywhere).exp()
    torch.testing.assert_close(right[:, [1, 3]], torch.full((8, 2), 0.5), atol=1e-3, rtol=0)
    below = parent_prior(replace(output, y_R=output.y_R + 1.5), everywhere).exp()
    torch.testing.assert_close(below[:, [2, 3]], torch.full((8, 2), 0.5), atol=1e-3, rtol=0)
    corner = parent_prior(replace(output, x_R=output.x_R - 9, y_R=output.y_R - 9), everywhere)
    assert bool((corner.argmax(1) == 0).all())
    assert bool(torch.isfinite(corner).all())


def test_the_children_share_all_of_their_parents_probability():
    torch.manual_seed(6)
    output = output_of([0] * 20)
    shifted = replace(
        output,
        x_R=output.x_R + 0.4 * torch.randn(80),
        y_R=(output.y_R + 0.4 * torch.randn(80)).requires_grad_(),
        sigma_x_R=0.1 + torch.rand(80),
    )
    chosen_G = torch.randperm(80)[:30]
    prior_G4 = parent_prior(shifted, chosen_G)
    torch.testing.assert_close(prior_G4.exp().sum(1), torch.ones(30), atol=4 * math.exp(-9), rtol=0)
    assert not prior_G4.requires_grad
    # One cell at a time gives the same.
    torch.testing.assert_close(prior_G4[3:4], parent_prior(shifted, chosen_G[3:4]))
