"""M1, literally, and what is added to it: masks, gains, sparse fields."""

import pytest
import torch
import torch.nn.functional as F

from truevar.model.f_hat import SparseFHat
from truevar.model.quantizer import EmitterVectorQuantizer


@pytest.fixture
def quantizer():
    torch.manual_seed(0)
    return EmitterVectorQuantizer(channels=6).requires_grad_(False)


def test_next_input_is_phi_of_the_bicubic_field_added_and_area_pooled(quantizer):
    f_hat, SN = torch.randn(2, 6, 80, 80), 4
    for si, size in enumerate((10, 20, 40)):
        h = torch.randn(2, 6, size, size)
        phi = quantizer.quant_resi[si]
        up = F.interpolate(h, size=(80, 80), mode="bicubic")
        want = f_hat + 0.5 * up + 0.5 * F.conv2d(up, phi.conv.weight, padding=1)
        before = f_hat.clone()
        got, next_input = quantizer.get_next_autoregressive_input(si, SN, f_hat, h)
        torch.testing.assert_close(got, want)
        torch.testing.assert_close(f_hat, before)  # arguments are not changed
        nxt = (20, 40, 80)[si]
        torch.testing.assert_close(next_input, F.interpolate(want, size=(nxt, nxt), mode="area"))
        f_hat = got
    h = torch.randn(2, 6, 80, 80)
    last, same = quantizer.get_next_autoregressive_input(3, SN, f_hat, h)
    torch.testing.assert_close(last, f_hat + quantizer.quant_resi[3](h))
    assert same is last


def test_one_phi_per_scale_without_bias(quantizer):
    assert len(quantizer.quant_resi) == 4
    assert len({id(phi) for phi in quantizer.quant_resi}) == 4
    assert all(phi.conv.bias is None for phi in quantizer.quant_resi)
    assert quantizer.vocab_size == 8192


def test_beyond_the_last_scale_grids_double_and_the_last_phi_works_on(quantizer):
    assert [quantizer.grid(si, 6, (320, 320))[0] for si in range(6)] == [10, 20, 40, 80, 160, 320]
    assert quantizer.phi(5) is quantizer.quant_resi[3]
    f_hat, nxt = quantizer.get_next_autoregressive_input(
        3, 5, torch.zeros(1, 6, 160, 160), torch.randn(1, 6, 80, 80)
    )
    assert f_hat.shape == nxt.shape == (1, 6, 160, 160)


def test_nothing_outside_the_mask_and_nothing_from_nothing(quantizer):
    active = torch.zeros(1, 1, 20, 20, dtype=torch.bool)
    active[0, 0, 4, 7] = True
    h = torch.randn(1, 6, 20, 20)
    f_hat, _ = quantizer.get_next_autoregressive_input(1, 4, torch.zeros(1, 6, 80, 80), h, active)
    inside = f_hat[:, :, 16:20, 28:32].clone()
    assert float(inside.abs().max()) > 0
    f_hat[:, :, 16:20, 28:32] = 0
    assert float(f_hat.abs().max()) == 0
    zero, _ = quantizer.get_next_autoregressive_input(
        1, 4, torch.zeros(1, 6, 80, 80), torch.zeros(1, 6, 20, 20), active
    )
    assert float(zero.abs().max()) == 0


@pytest.mark.parametrize("grid", [(10, 10), (6, 14), (7, 5)])
@pytest.mark.parametrize("share", [0.03, 0.3, 1.0])
def test_sparse_equals_dense(quantizer, grid, share):
    """Skipped empty cells equal computed ones, at every scale and on grids of any shape."""
    torch.manual_seed(1)
    SN, h, w = 4, *grid
    active = torch.rand(3, 1, h, w) < share
    f_hat = torch.zeros(3, 6, 8 * h, 8 * w)
    sparse = SparseFHat(quantizer, SN, active)
    for si in range(SN):
        said = torch.randn(3, 6, *active.shape[2:]) * active
        f_hat = quantizer.add(si, SN, f_hat, said, active)
        finer = (2 * active.shape[2], 2 * active.shape[3])
        dense = F.interpolate(f_hat, size=finer, mode="area" if si < SN - 1 else "nearest")
        found = sparse.add(si, said.permute(0, 2, 3, 1), active[:, 0]).permute(0, 3, 1, 2)
        torch.testing.assert_close(found, dense, atol=1e-5, rtol=1e-5)
        children = active.repeat_interleave(2, 2).repeat_interleave(2, 3)
        active = children & (torch.rand(children.shape) < 0.5)


def test_an_empty_field_costs_nothing(quantizer):
    sparse = SparseFHat(quantizer, 4, torch.zeros(2, 1, 10, 10, dtype=torch.bool))
    assert len(sparse.f_NCbb) == 0
    found = sparse.add(0, torch.zeros(2, 10, 10, 6), torch.zeros(2, 10, 10, dtype=torch.bool))
    assert found.shape == (2, 20, 20, 6)
    assert float(found.abs().max()) == 0


def test_encoding_leaves_less_at_every_scale():
    """With enough levels the residual of a field shrinks scale by scale."""
    torch.manual_seed(0)
    quantizer = EmitterVectorQuantizer(patch_nums=(2, 4, 8), channels=4)
    occupied = torch.rand(8, 1, 8, 8) < 0.2
    f = torch.rand(8, 4, 8, 8) * occupied
    rest = f
    sizes = [float(f.square().sum())]
    f_hat = torch.zeros_like(f)
    with torch.no_grad():
        for si in range(3):
            vector, active = quantizer.residual(si, 3, f - f_hat, occupied)
            quantizer.codes.fit(vector, si)
            said = quantizer.codes.quantise(vector, si).vector_NC
            h = quantizer.spread(si, 3, said, active, f.shape)
            f_hat = f_hat + F.interpolate(h, size=(8, 8), mode="nearest") * occupied
            rest = (f - f_hat) * occupied
            sizes.append(float(rest.square().sum()))
    assert sizes[-1] < 0.02 * sizes[0]


@pytest.mark.parametrize("vocab", [64, 1024, 8192, 16384])
def test_no_scale_has_more_codes_than_the_vocabulary(vocab):
    quantizer = EmitterVectorQuantizer(vocab_size=vocab)
    sizes = [quantizer.codes.size(si) for si in range(4)]
    assert max(sizes) <= vocab
    assert sizes == sorted(sizes)


def test_unknown_codes_are_refused():
    with pytest.raises(ValueError, match="'scalar' or 'codebook'"):
        EmitterVectorQuantizer(codes="words")
