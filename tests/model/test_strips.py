import pytest
import torch
import torch.nn.functional as F

from truevar.model.encoder import ResidualBlock
from truevar.model.strips import Strips


def maps(B, C, H, W):
    generator = torch.Generator().manual_seed(0)
    f_BCHW = torch.randn(B, C, H, W, generator=generator)
    return f_BCHW.to(memory_format=torch.channels_last)


def some_blocks(B, h, w, share):
    return torch.rand(B, h, w, generator=torch.Generator().manual_seed(1)) < share


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 5), (3, 4, 1)])
def test_layers_on_strips_are_layers_on_masked_maps(share, shape):
    B, h, w = shape
    active_Bhw = some_blocks(B, h, w, share)
    if not active_Bhw.any():
        active_Bhw[0, 0, 0] = True
    mask_B1HW = F.interpolate(active_Bhw.float()[:, None], scale_factor=4)
    f_BCHW = maps(B, 6, 4 * h, 4 * w)
    torch.manual_seed(2)
    block = ResidualBlock(6, 8).eval().requires_grad_(False)
    torch.nn.init.normal_(block.film.weight)
    cond_BD = torch.randn(1, 8)
    strips = Strips(active_Bhw, 4)
    with torch.inference_mode():
        enter = F.conv2d(strips.cut(f_BCHW), block.first.weight, block.first.bias, 1, (0, 1))
        found_BCHW = strips.laid_out(block(enter, cond_BD, strips))
        wanted_BCHW = block.first(f_BCHW) * mask_B1HW
        h_BCHW = block.first(F.silu(wanted_BCHW))
        scale_1C, shift_1C = block.film(cond_BD).chunk(2, 1)
        h_BCHW = h_BCHW * (1 + scale_1C)[..., None, None] + shift_1C[..., None, None]
        wanted_BCHW = (wanted_BCHW + block.second(F.silu(h_BCHW) * mask_B1HW)) * mask_B1HW
    torch.testing.assert_close(found_BCHW, wanted_BCHW, rtol=1e-4, atol=1e-4)


def test_first_layers_see_what_lies_beside_a_strip():
    """Blocks that are left out are missing from later layers only."""
    active_Bhw = torch.zeros(1, 3, 3, dtype=torch.bool)
    active_Bhw[0, 1, 1] = True
    f_BCHW = maps(1, 2, 12, 12)
    cut_1CmW = Strips(active_Bhw, 4).cut(f_BCHW)
    torch.testing.assert_close(cut_1CmW, f_BCHW[:, :, 3:9, 3:9])
