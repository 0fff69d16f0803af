import torch

from truevar.model.glance import Glance


def test_every_pixel_answers_for_itself_and_in_its_place():
    torch.manual_seed(0)
    glance = Glance(6)
    f_BChw = torch.randn(2, 6, 8, 12, requires_grad=True)
    output = glance(f_BChw, torch.full((2, 8, 12), 10.0))
    assert len(output.mean_R) == 2 * 8 * 12
    place_R = (output.crop_R * 8 + output.row_R) * 12 + output.col_R
    assert place_R.sort().values.tolist() == list(range(2 * 8 * 12))
    assert float((output.x_R - output.col_R).detach().abs().max()) < 1.5
    assert float((output.y_R - output.row_R).detach().abs().max()) < 1.5
    chosen = int(((output.crop_R == 1) & (output.row_R == 3) & (output.col_R == 5)).nonzero())
    output.mean_R[chosen].backward()
    touched_Bhw = f_BChw.grad.abs().sum(1) > 0
    assert touched_Bhw.nonzero().tolist() == [[1, 3, 5]]
