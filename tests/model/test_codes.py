import pytest
import torch

from truevar.model.codes import Codebook, ScalarCodes


@pytest.fixture
def scalar():
    torch.manual_seed(0)
    return ScalarCodes(4, [(8, 8), (16, 4, 2)]).requires_grad_(False)


def test_sizes_are_the_products_of_the_levels(scalar):
    assert [scalar.size(k) for k in range(2)] == [64, 128]
    assert [scalar.n_logits(k) for k in range(2)] == [16, 22]
    assert scalar.size(5) == 128  # beyond the last scale: the last one's codes


def test_rounding_is_idempotent_and_indices_give_the_vectors_back(scalar):
    vector = torch.randn(50, 4)
    for si in range(2):
        found = scalar.quantise(vector, si)
        torch.testing.assert_close(scalar.embed(found.index_NF, si), found.vector_NC)
        flat = scalar.flat_index(found.index_NF, si)
        assert int(flat.min()) >= 0
        assert int(flat.max()) < scalar.size(si)


def test_numbers_beyond_the_range_take_the_outermost_level(scalar):
    with torch.no_grad():
        scalar.to_numbers[0].weight.copy_(torch.eye(2, 4))
        scalar.to_numbers[0].bias.zero_()
    index = scalar.quantise(torch.tensor([[-9.0, 9.0, 0.0, 0.0]]), 0).index_NF
    assert index.tolist() == [[0, 7]]


def test_starting_from_data_spreads_it_over_the_levels(scalar):
    data = torch.randn(4000, 4) * torch.tensor([5.0, 0.1, 2.0, 0.01]) + 3
    scalar.fit(data, 0)
    found = scalar.quantise(data, 0)
    use = torch.bincount(scalar.flat_index(found.index_NF, 0), minlength=64)
    assert (use > 0).float().mean() > 0.8
    # The two large directions are kept to a fraction of their spread.
    assert float((found.vector_NC - data)[:, [0, 2]].abs().mean()) < 0.6


def test_gradients_pass_straight_through_inside_the_range(scalar):
    vector = torch.zeros(1, 4, requires_grad=True)
    scalar.quantise(vector, 0).vector_NC.sum().backward()
    assert float(vector.grad.abs().sum()) > 0


def test_the_expected_vector_is_the_mean_over_draws(scalar):
    torch.manual_seed(1)
    logits = torch.randn(1, scalar.n_logits(1))
    many = scalar.choose(logits.expand(40000, -1), 1)
    mean = scalar.embed(many, 1).mean(0)
    torch.testing.assert_close(mean, scalar.expected(logits, 1)[0], atol=0.02, rtol=0.05)


def test_choosing_greedily_takes_the_likeliest_and_top_k_limits_the_draw(scalar):
    logits = torch.randn(200, scalar.n_logits(1))
    best = scalar.choose(logits, 1, temperature=0.0)
    assert torch.equal(best[:, 0], logits[:, :16].argmax(1))
    assert torch.equal(scalar.choose(logits, 1, top_k=1), best)
    drawn = scalar.choose(logits, 1, top_k=3)
    allowed = logits[:, :16].topk(3, dim=1).indices
    assert bool((drawn[:, :1] == allowed).any(1).all())


def test_cross_entropy_is_that_of_all_factors(scalar):
    logits = torch.zeros(3, scalar.n_logits(0))
    nats = scalar.cross_entropy(logits, torch.zeros(3, 2, dtype=torch.long), 0)
    torch.testing.assert_close(nats, torch.full((3,), 64.0).log())


def test_a_codebook_takes_the_nearest_of_the_codes_a_scale_may_use():
    torch.manual_seed(0)
    book = Codebook(4, 32, (8, 32))
    vector = torch.randn(100, 4)
    for si, size in enumerate((8, 32)):
        found = book.quantise(vector, si)
        distance = torch.cdist(vector, book.embedding.weight[:size])
        assert torch.equal(found.index_NF[:, 0], distance.argmin(1))
        torch.testing.assert_close(book.embed(found.index_NF, si), found.vector_NC)
    logits = torch.randn(5, 32)
    torch.testing.assert_close(book.expected(logits, 1), logits.softmax(1) @ book.embedding.weight)


def test_unused_codes_are_revived_where_vectors_are():
    torch.manual_seed(0)
    book = Codebook(2, 16, (16,))
    far = 50 + torch.randn(64, 2)
    used = torch.bincount(book.quantise(far, 0).index_NF[:, 0], minlength=16)
    moved = book.revive(far, used, 0)
    assert moved == int((used == 0).sum()) > 10
    again = torch.bincount(book.quantise(far, 0).index_NF[:, 0], minlength=16)
    assert int((again > 0).sum()) > 10
