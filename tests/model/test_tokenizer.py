import pytest
import torch

from truevar.model.tokenizer import EmitterTokenizer, emitter_field


def test_a_field_holds_number_offset_and_brightness_of_every_cell():
    crop = torch.tensor([0, 0, 1, 0])
    x = torch.tensor([-0.5, 3.1, 2.0, 99.0])
    y = torch.tensor([-0.5, 1.7, 2.0, 0.0])
    log_photons = torch.tensor([6.5, 8.0, 5.0, 6.0])
    field = emitter_field(crop, x, y, log_photons, 0.5, (2, 16, 16))
    assert field.shape == (2, 4, 16, 16)
    assert field[:, 0].sum() == 3  # the one outside is left out
    # The corner of the frame is the corner of cell (0, 0): half a cell from its centre.
    torch.testing.assert_close(field[0, :, 0, 0], torch.tensor([1.0, -0.5, -0.5, 0.0]))
    # x 3.1 lies in column 7 (3.0 … 3.5), 0.2 of a cell from its left border.
    torch.testing.assert_close(
        field[0, :, 4, 7], torch.tensor([1.0, -0.3, -0.1, 1.0]), atol=1e-5, rtol=0
    )


def test_emitters_that_share_a_cell_are_averaged():
    zero = torch.zeros(2, dtype=torch.long)
    field = emitter_field(
        zero,
        torch.tensor([2.1, 2.3]),
        torch.tensor([2.2, 2.2]),
        torch.full((2,), 6.5),
        1.0,
        (1, 8, 8),
    )
    torch.testing.assert_close(field[0, :2, 2, 2], torch.tensor([2.0, 0.2]))


@pytest.mark.parametrize("codes", ["scalar", "codebook"])
def test_codes_reproduce_f_hat_and_empty_fields_stay_empty(codes):
    torch.manual_seed(0)
    tokenizer = EmitterTokenizer((4, 8, 16), 256, 6, codes=codes).requires_grad_(False)
    field = torch.zeros(2, 4, 16, 16)
    field[0, :, 3, 5] = torch.tensor([1.0, 0.2, -0.3, 0.5])
    f_hat, scales = tokenizer.encode(field)
    assert float(f_hat[1].abs().max()) == 0
    assert [len(scale.quantised.index_NF) for scale in scales] == [1, 1, 1]
    # From the indices alone, through M1's method: the same f̂.
    again = torch.zeros_like(f_hat)
    quantizer = tokenizer.quantizer
    for si, scale in enumerate(scales):
        vector = quantizer.codes.embed(scale.quantised.index_NF, si)
        h = quantizer.spread(si, 3, vector, scale.active_B1hw, f_hat.shape)
        again, _ = quantizer.get_next_autoregressive_input(si, 3, again, h, scale.active_B1hw)
    torch.testing.assert_close(again, f_hat)
    decoded = tokenizer.decode(f_hat, field[:, :1] > 0)
    assert decoded.offset_N2.shape == (1, 2)


def test_codes_do_not_depend_on_where_an_emitter_lies():
    torch.manual_seed(0)
    tokenizer = EmitterTokenizer().requires_grad_(False)
    what = torch.tensor([1.0, 0.1, 0.4, -0.7])
    codes = []
    for row, col in ((9, 17), (41, 33)):  # the same place within a coarsest cell
        field = torch.zeros(1, 4, 80, 80)
        field[0, :, row, col] = what
        codes.append([s.quantised.index_NF.tolist() for s in tokenizer.encode(field)[1]])
    assert codes[0] == codes[1]
