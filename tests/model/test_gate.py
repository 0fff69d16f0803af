import math

import pytest
import torch

from truevar.model.gate import LEAST, MARGIN, peaks, worth_a_look
from truevar.model.normalise import CHANNELS, SIGNAL_SCALE


def channels(signal_NHW):
    """What the network would be given: the background is estimated a little low."""
    signal_NHW = signal_NHW + 0.25
    input_N4HW = torch.zeros(len(signal_NHW), CHANNELS, *signal_NHW.shape[1:])
    input_N4HW[:, 0] = signal_NHW / SIGNAL_SCALE
    return input_N4HW


def spot(sigma, H, W, y, x):
    """An emitter whose matched filter gives 1 in noise of unit variance."""
    row_H, col_W = torch.arange(H)[:, None], torch.arange(W)
    psf_HW = torch.exp(-0.5 * ((row_H - y) ** 2 + (col_W - x) ** 2) / sigma**2)
    return psf_HW / psf_HW.norm()


@pytest.mark.parametrize("sigma", [0.8, 1.3, 2.4])
def test_a_spot_counts_in_standard_deviations(sigma):
    signal_1HW = 7 * spot(sigma, 64, 48, 27, 20)[None]
    assert peaks(channels(signal_1HW), sigma, 8).max().item() == pytest.approx(7, rel=0.03)


def test_noise_has_unit_variance_behind_the_filter():
    generator = torch.Generator().manual_seed(0)
    noise_NHW = torch.randn(8, 256, 256, generator=generator)
    responses = peaks(channels(noise_NHW), 1.3, 1)
    # Every px of the largest in its own 13×13: about 30 independent ones.
    assert responses.mean().item() > 2.0
    assert responses.mean().item() < 3.2
    assert (peaks(channels(noise_NHW), 1.3, 8) >= LEAST).float().mean().item() < 0.02


def test_a_block_is_looked_at_where_a_spot_lies_in_it_or_near():
    signal_NHW = torch.zeros(3, 64, 64)
    signal_NHW[1] = 2 * LEAST * spot(0.8, 64, 64, 24, 31)
    active_Bhw = worth_a_look(peaks(channels(signal_NHW), 0.8, 8))
    assert active_Bhw.shape == (1, 8, 8)
    near = {
        (y // 8, x // 8) for y in (24 - MARGIN, 24 + MARGIN) for x in (31 - MARGIN, 31 + MARGIN)
    }
    found = {tuple(place) for place in active_Bhw[0].nonzero().tolist()}
    assert near <= found
    assert len(found) <= 9


def test_a_spot_of_the_frame_before_or_after_counts_too():
    signal_NHW = torch.zeros(5, 64, 64)
    signal_NHW[2] = 2 * LEAST * spot(1.3, 64, 64, 30, 30)
    active_Bhw = worth_a_look(peaks(channels(signal_NHW), 1.3, 8))
    assert active_Bhw.flatten(1).any(1).tolist() == [True, True, True]
    signal_NHW[2] = 0
    signal_NHW[0] = 2 * LEAST * spot(1.3, 64, 64, 30, 30)
    active_Bhw = worth_a_look(peaks(channels(signal_NHW), 1.3, 8))
    assert active_Bhw.flatten(1).any(1).tolist() == [True, False, False]


def test_a_crowded_frame_is_looked_at_as_a_whole():
    peak_Nhw = torch.zeros(3, 4, 4)
    peak_Nhw[1].view(-1)[:8] = 2 * LEAST
    assert worth_a_look(peak_Nhw).sum() == 8
    peak_Nhw[1].view(-1)[8] = 2 * LEAST
    assert worth_a_look(peak_Nhw).all()


def test_frames_that_are_no_whole_number_of_blocks():
    signal_1HW = torch.zeros(1, 61, 50)
    signal_1HW[0] = 3 * LEAST * spot(1.3, 61, 50, 60, 49)
    peak_1hw = peaks(channels(signal_1HW), 1.3, 8)
    assert peak_1hw.shape == (1, math.ceil(61 / 8), math.ceil(50 / 8))
    assert peak_1hw[0, -1, -1] > LEAST
    assert peak_1hw[0, 0, 0] < LEAST
