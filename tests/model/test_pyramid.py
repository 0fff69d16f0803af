import pytest
import torch

from truevar.model.pyramid import CellReader, ImagePyramid, windows
from truevar.model.transformer import Cells

CHANNELS, WIDE, DIM, SIDE = 3, 5, 12, 32
CPU = torch.device("cpu")
WIDTHS = (8.0, 4.0, 2.0, 1.0, 0.5, 0.25, 0.125)


@pytest.mark.parametrize(("window", "step"), [(3, 1), (4, 2), (6, 4), (2, 1), (2, 0)])
def test_windows_are_cut_where_they_should_be(window, step):
    h, w = 12, 16
    map_BhwC = torch.randn(2, h + 2, w + 2, CHANNELS)
    crop_G = torch.tensor([0, 1, 1, 0])
    last = window + step - 2  # the patch ends at the border
    top_G = torch.tensor([0, 3, h - last, h - last])
    left_G = torch.tensor([0, 5, 2, w - last])
    cut_G4E = windows(map_BhwC, crop_G, top_G, left_G, window, step)
    assert cut_G4E.shape == (4, 4, window**2 * CHANNELS)
    for g in range(4):
        for child in range(4):
            top = int(top_G[g]) + step * (child // 2)
            left = int(left_G[g]) + step * (child % 2)
            wanted = map_BhwC[int(crop_G[g]), top : top + window, left : left + window]
            assert torch.equal(cut_G4E[g, child], wanted.flatten())


def test_no_groups_have_no_windows():
    none = torch.zeros(0, dtype=torch.long)
    assert windows(torch.randn(1, 6, 6, 2), none, none, none, 3, 1).shape == (0, 4, 18)


@pytest.fixture
def reading():
    """Image to the tokens of all cells of a width, with random weights."""
    torch.manual_seed(0)
    pyramid = ImagePyramid(CHANNELS, WIDE, 16).requires_grad_(False)
    reader = CellReader(CHANNELS, WIDE, DIM, 16).requires_grad_(False)

    def read(f_BChw, cell):
        cells = Cells.all_of(len(f_BChw), (int(SIDE / cell),) * 2, CPU)
        levels = pyramid(f_BChw, int(max(cell, 1)))
        token_RD = reader(levels, cells, cell).flatten(0, 1)
        row_R, col_R = (place_G4.flatten() for place_G4 in cells.places())
        h = int(SIDE / cell)
        map_BhwD = token_RD.new_zeros(len(f_BChw), h, h, DIM)
        map_BhwD[cells.crop_G.repeat_interleave(4), row_R, col_R] = token_RD
        return map_BhwD

    return read


def edges(cell):
    """(h,) first and (h,) last px edge of every cell; px i reaches from i to i + 1."""
    first_h = torch.arange(int(SIDE / cell)) * cell
    return first_h, first_h + cell


@pytest.mark.parametrize("cell", WIDTHS)
@pytest.mark.parametrize("place", [(0, 0), (13, 22), (16, 15), (SIDE - 1, SIDE - 1)])
def test_a_pixel_is_read_by_the_cells_around_it_and_no_others(reading, cell, place):
    blank_BChw = torch.zeros(2, CHANNELS, SIDE, SIDE)
    lit_BChw = blank_BChw.clone()
    lit_BChw[1, :, place[0], place[1]] = 3.0
    changed_Bhw = (reading(lit_BChw, cell) - reading(blank_BChw, cell)).abs().amax(3) > 1e-6
    assert not bool(changed_Bhw[0].any())

    def reads(px):
        first_h, last_h = edges(cell)
        if cell > 4:  # summaries of 4 px: the cell's own two and one on either side
            px = px // 4 * 4
            return (px >= first_h - 4) & (px < last_h + 4)
        if cell >= 1:
            return (px >= first_h - 1) & (px < last_h + 1)
        # The nearest corner of four px; the two px along a side that meet there.
        corner_h = ((first_h + last_h) / 2).round()
        return (px == corner_h - 1) | (px == corner_h)

    assert torch.equal(changed_Bhw[1], reads(place[0])[:, None] & reads(place[1])[None])


@pytest.mark.parametrize("cell", [cell for cell in WIDTHS if cell <= 4])
def test_no_cell_misses_a_pixel_of_its_own(reading, cell):
    image_BChw = torch.randn(1, CHANNELS, SIDE, SIDE)
    before_hwD = reading(image_BChw, cell)[0]
    first_h, last_h = edges(cell)
    for row, col in ((0, 0), (7, 9), (14, 31), (31, 30)):
        other_BChw = image_BChw.clone()
        other_BChw[0, :, row, col] += 1.0
        changed_hw = (reading(other_BChw, cell)[0] - before_hwD).abs().amax(2) > 1e-6
        own_h = (first_h < row + 1) & (last_h > row)
        own_w = (first_h < col + 1) & (last_h > col)
        assert bool(changed_hw[own_h][:, own_w].all())


@pytest.mark.parametrize("cell", [0.5, 0.25, 0.125])
def test_cells_below_a_pixel_know_where_in_it_they_are(reading, cell):
    """On a flat image cells differ by their place in the px, and by nothing else."""
    map_hwD = reading(torch.ones(1, CHANNELS, SIDE, SIDE), cell)[0]
    n = int(1 / cell)
    inner_hwD = map_hwD[2 * n : -2 * n, 2 * n : -2 * n]
    torch.testing.assert_close(inner_hwD[n:], inner_hwD[:-n])
    torch.testing.assert_close(inner_hwD[:, n:], inner_hwD[:, :-n])
    one_RD = inner_hwD[:n, :n].flatten(0, 1)
    if n > 1:
        distance_RR = torch.cdist(one_RD, one_RD) + torch.eye(n * n)
        assert float(distance_RR.min()) > 1e-3


@pytest.mark.parametrize("cell", [16.0, 8.0, 4.0, 2.0, 1.0])
def test_a_shifted_image_has_shifted_tokens(reading, cell):
    image_BChw = torch.randn(1, CHANNELS, SIDE, SIDE)
    if cell > 8:
        assert bool(torch.isfinite(reading(image_BChw, cell)).all())
        return
    shift = int(cell)
    before_hwD = reading(image_BChw, cell)[0]
    after_hwD = reading(image_BChw.roll(shift, 3), cell)[0]
    torch.testing.assert_close(after_hwD[:, 2:-1], before_hwD[:, 1:-2], atol=1e-5, rtol=1e-5)


def test_levels_are_made_as_far_as_they_are_read():
    pyramid = ImagePyramid(CHANNELS, WIDE, 16)
    image_BChw = torch.randn(1, CHANNELS, SIDE, SIDE)
    assert set(pyramid(image_BChw, 4)) == {1}
    assert set(pyramid(image_BChw, 8)) == {1, 4}
    levels = pyramid(image_BChw, 16)
    assert {size: tuple(level.shape[1:]) for size, level in levels.items()} == {
        1: (SIDE + 2, SIDE + 2, CHANNELS),
        4: (SIDE // 4 + 2, SIDE // 4 + 2, WIDE),
        8: (SIDE // 8 + 2, SIDE // 8 + 2, WIDE),
    }
    for level in levels.values():
        border = torch.ones(level.shape[1:3], dtype=torch.bool)
        border[1:-1, 1:-1] = False
        assert not bool(level[0, border].any())
