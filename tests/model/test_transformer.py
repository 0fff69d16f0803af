from dataclasses import replace

import pytest
import torch

from truevar.model import TrueVAREmitterPredictor
from truevar.model.choose import Children
from truevar.model.transformer import AdaLNSelfAttn, Cells, relative_places

DIM, COND, HEADS, WIDTH = 16, 8, 4, 6
CPU = torch.device("cpu")


def block_of(kv_heads=1):
    """A block whose every part does something, as after training."""
    torch.manual_seed(0)
    block = AdaLNSelfAttn(DIM, COND, HEADS, kv_heads, WIDTH).requires_grad_(False)
    for value in (block.place_bias, block.coarse_bias, block.modulation.weight):
        torch.nn.init.normal_(value, std=0.3)
    return block


def some_cells(n_crops=2, groups=(4, 5), share=0.5, seed=0):
    """Cells of which only a share is looked at."""
    generator = torch.Generator().manual_seed(seed)
    looked = torch.rand(n_crops, *groups, generator=generator) < share
    crop_G, row_G, col_G = looked.nonzero().unbind(1)
    return Cells.of_groups(crop_G, row_G, col_G, (2 * groups[0], 2 * groups[1]), n_crops)


def lookup(cells):
    """Rows of cells by frame, row and column."""
    row_G4, col_G4 = cells.places()
    return {
        (int(cells.crop_G[g]), int(row_G4[g, i]), int(col_G4[g, i])): 4 * g + i
        for g in range(len(cells.crop_G))
        for i in range(4)
    }


def run(block, x_G4D, cells, reach=1, coarse_kv_RE=None, coarse_GM=None):
    cond_BD = torch.randn(len(cells.index_Bhw), COND, generator=torch.Generator().manual_seed(9))
    around_GM, place_4M = cells.around(reach), relative_places(reach)
    return block(x_G4D, cond_BD, cells.crop_G, around_GM, place_4M, coarse_kv_RE, coarse_GM)


@pytest.mark.parametrize("reach", [1, 2])
def test_the_cells_around_a_group_are_those_a_search_finds(reach):
    cells = some_cells()
    known, absent = lookup(cells), 4 * len(cells.crop_G)
    around_GM = cells.around(reach).tolist()
    for g, seen in enumerate(around_GM):
        crop, top, left = int(cells.crop_G[g]), 2 * int(cells.row_G[g]), 2 * int(cells.col_G[g])
        assert seen == [
            known.get((crop, row, col), absent)
            for row in range(top - reach, top + 2 + reach)
            for col in range(left - reach, left + 2 + reach)
        ]


def test_the_cells_around_a_parent_are_those_a_search_finds():
    coarse = some_cells()
    # Children of some of the coarse cells.
    row_G4, col_G4 = coarse.places()
    crop_R = coarse.crop_G.repeat_interleave(4)
    chosen = torch.arange(0, len(crop_R), 3)
    fine = Cells.of_groups(
        crop_R[chosen], row_G4.flatten()[chosen], col_G4.flatten()[chosen], (16, 20), 2
    )
    known, absent = lookup(coarse), 4 * len(coarse.crop_G)
    around_GM = coarse.around_parents(fine)
    assert around_GM[:, 4].tolist() == chosen.tolist()
    for g, seen in enumerate(around_GM.tolist()):
        crop, row, col = int(fine.crop_G[g]), int(fine.row_G[g]), int(fine.col_G[g])
        assert seen == [
            known.get((crop, r, c), absent)
            for r in range(row - 1, row + 2)
            for c in range(col - 1, col + 2)
        ]


def test_all_cells_are_all_cells():
    cells = Cells.all_of(3, (4, 6), CPU)
    assert set(lookup(cells)) == {(b, r, c) for b in range(3) for r in range(4) for c in range(6)}
    inner = cells.index_Bhw[:, 3:-3, 3:-3]
    assert sorted(inner.flatten().tolist()) == list(range(3 * 4 * 6))


@pytest.mark.parametrize("reach", [1, 2])
def test_places_say_how_far_away_what_is_seen_lies(reach):
    place_4M = relative_places(reach)
    width = 2 + 2 * reach
    for child in range(4):
        for m in range(width**2):
            down = m // width - reach - child // 2
            across = m % width - reach - child % 2
            assert int(place_4M[child, m]) == 7 * (down + 3) + across + 3


@pytest.mark.parametrize("reach", [1, 2])
@pytest.mark.parametrize("kv_heads", [1, HEADS])
def test_a_group_sees_the_cells_around_it_and_no_others(reach, kv_heads):
    block, cells = block_of(kv_heads), some_cells(share=0.6)
    G = len(cells.crop_G)
    x_G4D = torch.randn(G, 4, DIM)
    before_G4D, _ = run(block, x_G4D, cells, reach)
    around_GM = cells.around(reach)
    for changed in range(0, 4 * G, 7):
        other_G4D = x_G4D.clone()
        other_G4D.view(-1, DIM)[changed] += torch.randn(DIM)
        after_G4D, _ = run(block, other_G4D, cells, reach)
        moved_G = (after_G4D - before_G4D).abs().flatten(1).amax(1) > 1e-5
        assert torch.equal(moved_G, (around_GM == changed).any(1))


def test_coarser_keys_and_values_are_used_where_they_are_near():
    block, coarse = block_of(), some_cells(share=0.8)
    cells = Cells.of_groups(
        coarse.crop_G.repeat_interleave(4),
        *(place_G4.flatten() for place_G4 in coarse.places()),
        (16, 20),
        2,
    )
    _, coarse_kv_RE = run(block, torch.randn(len(coarse.crop_G), 4, DIM), coarse)
    coarse_GM = coarse.around_parents(cells)
    x_G4D = torch.randn(len(cells.crop_G), 4, DIM)
    before_G4D, _ = run(block, x_G4D, cells, 1, coarse_kv_RE, coarse_GM)
    assert float((before_G4D - run(block, x_G4D, cells)[0]).abs().max()) > 1e-3
    changed = 5
    other_RE = coarse_kv_RE.clone()
    other_RE[changed] += torch.randn(other_RE.shape[1])
    after_G4D, kv_RE = run(block, x_G4D, cells, 1, other_RE, coarse_GM)
    moved_G = (after_G4D - before_G4D).abs().flatten(1).amax(1) > 1e-5
    assert torch.equal(moved_G, (coarse_GM == changed).any(1))
    assert kv_RE.shape == (4 * len(cells.crop_G) + 1, coarse_kv_RE.shape[1])


@pytest.mark.parametrize("kv_heads", [1, HEADS])
def test_cells_that_are_not_there_are_zeros(kv_heads):
    """What a group sees of an absent cell is what it sees of a key and a value of zero."""
    block, cells = block_of(kv_heads), some_cells()
    x_G4D = torch.randn(len(cells.crop_G), 4, DIM)
    sparse_G4D, kv_RE = run(block, x_G4D, cells)
    assert not bool(kv_RE[-1].any())
    q_G4E = torch.randn(len(x_G4D), 4, HEADS * WIDTH)
    around_GM = cells.around(1)
    place_4M = relative_places(1)
    bias_H4M = block.place_bias[:, place_4M]
    absent_GM = around_GM == 4 * len(x_G4D)
    assert bool(absent_GM.any())
    zeros_GME = kv_RE[around_GM.clamp(max=4 * len(x_G4D) - 1)] * ~absent_GM[..., None]
    torch.testing.assert_close(
        block._attend(q_G4E, kv_RE[around_GM], bias_H4M),
        block._attend(q_G4E, zeros_GME, bias_H4M),
    )


@pytest.mark.parametrize("kv_heads", [1, 2, HEADS])
def test_attention_is_that_of_the_textbook(kv_heads):
    block = block_of(kv_heads)
    q_G4E = torch.randn(3, 4, HEADS * WIDTH)
    seen_GME = torch.randn(3, 16, 2 * kv_heads * WIDTH)
    bias_H4M = torch.randn(HEADS, 4, 16)
    key_GMKd, value_GMKd = seen_GME.view(3, 16, 2, kv_heads, WIDTH).unbind(2)
    wanted = []
    for head in range(HEADS):
        shared = head // (HEADS // kv_heads)
        q_G4d = q_G4E[..., head * WIDTH : (head + 1) * WIDTH]
        q_G4d = torch.nn.functional.normalize(q_G4d, dim=-1) * block.q_gain[head].exp()
        score_G4M = q_G4d @ key_GMKd[:, :, shared].transpose(1, 2) + bias_H4M[head]
        wanted.append(score_G4M.softmax(2) @ value_GMKd[:, :, shared])
    found = block._attend(q_G4E, seen_GME, bias_H4M)
    torch.testing.assert_close(found, torch.cat(wanted, 2), atol=1e-5, rtol=1e-5)


def test_shared_keys_and_values_are_those_of_many_equal_heads():
    one, many, cells = block_of(1), block_of(HEADS), some_cells()
    state = one.state_dict()
    for name in ("to_kv.weight", "to_kv.bias"):
        # Keys of all heads come first, then their values.
        key, value = state[name].chunk(2)
        state[name] = torch.cat([*[key] * HEADS, *[value] * HEADS])
    many.load_state_dict(state)
    x_G4D = torch.randn(len(cells.crop_G), 4, DIM)
    torch.testing.assert_close(
        run(one, x_G4D, cells)[0], run(many, x_G4D, cells)[0], atol=1e-5, rtol=1e-5
    )


def test_heads_that_cannot_be_shared_are_refused():
    with pytest.raises(ValueError, match="multiple of kv_heads"):
        AdaLNSelfAttn(DIM, COND, 4, 3)


def test_a_shifted_field_has_shifted_tokens():
    block, groups, reach = block_of(), (6, 7), 2
    cells = Cells.all_of(1, (2 * groups[0], 2 * groups[1]), CPU)
    x_hw4D = torch.randn(*groups, 4, DIM)
    shifted_hw4D = x_hw4D.roll((1, 2), (0, 1))
    before, after = (
        run(block, x.flatten(0, 1), cells, reach)[0].view(*groups, 4, DIM)
        for x in (x_hw4D, shifted_hw4D)
    )
    # A group sees one group on every side: the border and the seam are left out.
    torch.testing.assert_close(after[2:-1, 3:-1], before[1:-2, 1:-3], atol=1e-5, rtol=1e-5)


def test_frames_of_a_batch_are_apart():
    block = block_of()
    cells = Cells.all_of(2, (4, 4), CPU)
    x_G4D = torch.randn(8, 4, DIM)
    other_G4D = torch.cat([x_G4D[:4], torch.randn(4, 4, DIM)])
    before, after = (run(block, x, cells, 2)[0] for x in (x_G4D, other_G4D))
    torch.testing.assert_close(before[:4], after[:4])


@pytest.mark.parametrize("variant", [{}, {"shared_blocks": True, "kv_heads": 2}])
def test_checkpointing_changes_no_gradient(tiny_config, variant):
    torch.manual_seed(0)
    network = TrueVAREmitterPredictor(config=replace(tiny_config, num_layers=2, **variant))
    frames = 20 * torch.rand(1, 3, 16, 16)
    found = []
    for checkpointing in (False, True):
        network.transformer.checkpointing = checkpointing
        network.zero_grad(set_to_none=True)
        outputs = network.predict(frames, children=Children(threshold=0.0))
        sum(output.mean_R.sum() + output.x_R.sum() for output in outputs).backward()
        found.append({k: p.grad for k, p in network.named_parameters() if p.grad is not None})
    plain, again = found
    assert plain.keys() == again.keys()
    assert any(name.startswith("transformer.blocks") for name in plain)
    for name, gradient in plain.items():
        torch.testing.assert_close(gradient, again[name], atol=1e-5, rtol=1e-4, msg=name)


def test_one_condition_for_all_is_what_each_frames_own_would_be():
    """A batch of one frame goes another, shorter way; in bfloat16 as well."""
    block, cells = block_of(), some_cells(n_crops=1, groups=(6, 6))
    torch.manual_seed(3)
    x_G4D, cond_1D = torch.randn(len(cells.crop_G), 4, DIM), torch.randn(1, COND)
    around_GM, place_4M = cells.around(1), relative_places(1)
    short, _ = block(x_G4D, cond_1D, cells.crop_G, around_GM, place_4M)
    long, _ = block(x_G4D, cond_1D.expand(2, -1), cells.crop_G, around_GM, place_4M)
    torch.testing.assert_close(short, long)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half, _ = block(x_G4D.bfloat16(), cond_1D, cells.crop_G, around_GM, place_4M)
    torch.testing.assert_close(half.float(), short, atol=0.1, rtol=0.1)
