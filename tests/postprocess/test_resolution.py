"""FRC of tables whose resolution follows from how they were made."""

import numpy as np
import pytest

import truevar
from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.postprocess.resolution import ARTEFACTS, fourier_ring


def sites(seed, sigma=10.0, per=20.0, number=1500, side=7000.0, frames=4000, on=1.0):
    """Points at random places; molecules bind ``per / on`` times each, ``on`` frames a time."""
    rng = np.random.default_rng(seed)
    place = rng.uniform(0, side, (number, 2))
    which = np.repeat(np.arange(number), rng.poisson(per / on, number))
    length = rng.geometric(1 / on, len(which))
    start = np.repeat(rng.integers(0, frames, len(which)), length)
    step = np.arange(len(start)) - np.repeat(np.cumsum(length) - length, length)
    which = np.repeat(which, length)
    found = place[which] + sigma * rng.standard_normal((len(which), 2))
    table = Emitters({"frame": start + step, "x": found[:, 0], "y": found[:, 1]})
    return table.select(table.frame < frames)


def resolution_of_sites(sigma, per):
    """Half the localisations have s = per / 2 to a site: FRC = s E / (1 + s E) = 1/7 at
    s E = 1/6, with E = exp(-4 pi² q² sigma²)."""
    return 2 * np.pi * sigma / np.sqrt(np.log(3 * per))


@pytest.mark.parametrize(("sigma", "per"), [(10.0, 20.0), (25.0, 6.0), (6.0, 60.0)])
def test_points_within_5_percent(sigma, per):
    expected = resolution_of_sites(sigma, per)
    found = fourier_ring(sites(1, sigma, per))
    assert not found.undetermined
    assert found.resolution == pytest.approx(expected, rel=0.05)
    low, high = found.interval
    assert low < found.resolution < high
    assert high - low < 0.16 * expected
    # The whole curve, not the crossing alone.
    q = found.frequency_R
    power = per / 2 * np.exp(-4 * np.pi**2 * q**2 * sigma**2)
    inner = (q > 0.4 / expected) & (q < 1.5 / expected)
    difference = found.correlation_R[inner] - (power / (1 + power))[inner]
    assert abs(difference).mean() < 0.02


def test_a_molecule_in_several_frames_does_not_sharpen():
    """Two molecules to a site, on for 6 frames each in the mean."""
    table = sites(3, per=12.0, on=6.0, number=2000, side=8000.0)
    blocks = fourier_ring(table, blocks=10)
    # Split at random, a molecule's frames are in both halves and correlate.
    frames = np.random.default_rng(0).permutation(len(table)) * 4000 // len(table)
    at_random = fourier_ring(table.with_columns(frame=frames), blocks=10)
    assert at_random.resolution < 0.9 * blocks.resolution
    assert not blocks.warnings
    assert blocks.nena is not None
    assert blocks.nena.sigma == pytest.approx(10.0, rel=0.05)


def test_blocks_that_are_short_against_the_time_on():
    table = sites(4, per=40.0, number=200, frames=400, on=8.0)
    (warning,) = fourier_ring(table, blocks=20).warnings
    assert "give fewer blocks or" in warning
    assert "give fewer --blocks or" in warning.for_command_line()


def test_a_large_field_in_tiles():
    """40 µm at a precision of 5 nm would be 11,000 pixels to a side."""
    found = fourier_ring(sites(5, 5.0, 20.0, number=6000, side=40_000.0), blocks=6)
    assert found.of_tiles > found.tiles
    assert found.resolution == pytest.approx(resolution_of_sites(5.0, 20.0), rel=0.1)
    assert f"{found.tiles} of the field's" in found.text()


def test_an_oblong_field():
    table = sites(6)
    narrow = table.select(table.y < 900)
    found = fourier_ring(narrow)
    assert found.resolution == pytest.approx(resolution_of_sites(10.0, 20.0), rel=0.08)


def test_no_structure_has_no_resolution():
    rng = np.random.default_rng(7)
    n = 5000
    table = {"frame": np.arange(n) // 5, "x": rng.uniform(0, 5000, n), "y": rng.uniform(0, 5000, n)}
    found = fourier_ring(Emitters(table))
    assert np.isnan(found.resolution)
    assert np.isnan(found.interval).all()
    assert "not determined" in found.text()
    assert "no structure" in found.undetermined


def test_positions_that_recur_exactly_have_no_resolution():
    rng = np.random.default_rng(8)
    place = rng.uniform(0, 500, (200, 2))[rng.integers(0, 200, 20_000)]
    table = {"frame": np.arange(20_000) // 5, "x": place[:, 0], "y": place[:, 1]}
    found = fourier_ring(Emitters(table), blocks=6)
    assert np.isnan(found.resolution)
    assert "stays over 1/7" in found.text()


def test_what_is_said():
    table = sites(9)
    n = len(table)
    table = table.with_columns(sigma_x=np.full(n, 9.0), sigma_y=np.full(n, 12.0))
    hole = np.where(np.arange(n) == 5, np.nan, table.x)
    found = truevar.fourier_ring(table.with_columns(x=hole), blocks=10)
    text = found.text()
    assert found.localisations == n - 1
    assert found.blocks == 10
    assert found.block_frames == pytest.approx(400, rel=0.05)
    assert found.sigma == pytest.approx(np.sqrt((81 + 144) / 2))
    assert "10.6 nm (median of the table's own errors)" in text
    assert ARTEFACTS in text
    assert "95 %" in text
    assert f"{found.resolution:.3g} nm (FRC, threshold 1/7)" in text


def test_the_order_of_rows_does_not_matter():
    table = sites(10, number=400, side=3000.0)
    shuffled = table.select(np.random.default_rng(0).permutation(len(table)))
    assert fourier_ring(shuffled).resolution == pytest.approx(fourier_ring(table).resolution)


def test_what_cannot_be_correlated():
    table = sites(11, number=400)
    with pytest.raises(UserError, match="too few"):
        fourier_ring(table.select(np.arange(50)))
    with pytest.raises(UserError, match="too few"):
        fourier_ring(Emitters.empty())
    with pytest.raises(UserError, match="1 blocks of time, not 20"):
        fourier_ring(table.with_columns(frame=np.zeros(len(table), int)))
    with pytest.raises(UserError, match="at one place"):
        fourier_ring(table.with_columns(x=np.zeros(len(table)), y=np.zeros(len(table))))
    with pytest.raises(UserError, match="blocks"):
        fourier_ring(table, blocks=4)
