"""More emitters than the model knows."""

import pytest

from truevar.inference.crowding import crowding_warning

DOMAIN = {"density_per_px": [0.0, 0.04]}


def test_a_movie_at_the_limit_of_the_domain_is_not_told():
    # The limit itself is the most that the shipped model finds there.
    assert crowding_warning(int(1.05 * 0.04 * 65536), 65536, (0, 16), DOMAIN) == ""


def test_a_crowd_is_told_with_its_density():
    line = crowding_warning(16000, 2 * 64 * 64, (3, 5), DOMAIN)
    assert "2 emitters per px in frames 3 to 4" in line
    assert "0.04" in line
    assert 'see camera={"e_per_adu": …, "em_gain": …, "baseline": …}' in line


def test_one_small_frame_holds_many_by_chance():
    assert crowding_warning(20, 256, (0, 1), DOMAIN) == ""
    assert "in frame 0," in crowding_warning(60, 256, (0, 1), DOMAIN)


@pytest.mark.parametrize("domain", [{}, {"density_per_px": [0.0, 10.0]}])
def test_a_model_of_another_or_no_domain(domain):
    assert crowding_warning(16000, 8192, (0, 2), domain) == ""
