import numpy as np
import pytest

from truevar.errors import UserError
from truevar.io.camera_maps import check_maps, place_on_maps, read_camera_maps, turned_maps


def test_maps(tmp_path):
    maps = np.stack([np.full((20, 24), value) for value in (100.0, 4.0, 2.2)])
    np.save(tmp_path / "maps.npy", maps)
    assert read_camera_maps(tmp_path / "maps.npy").dtype == np.float32
    for bad, said in (
        (maps[:2], "shape"),
        (maps * 1j, "complex"),
        (-maps, "above 0"),
        (maps * np.nan, "finite"),
        (maps * 1e300, "finite"),
    ):
        with pytest.raises(UserError, match=said):
            check_maps(bad)
    (tmp_path / "empty.npy").touch()
    with pytest.raises(UserError, match="empty"):
        read_camera_maps(tmp_path / "empty.npy")


def test_maps_that_are_even_say_nothing_of_their_axes():
    frames = np.random.default_rng(0).poisson(9, (5, 20, 20)).astype(np.uint16)
    assert turned_maps(np.ones((20, 20)), slice(0, 20), slice(0, 20), frames) == []


def test_noisy_pixels_that_line_up_only_transposed_are_noticed():
    rng = np.random.default_rng(1)
    variance = np.full((40, 40), 2.0, np.float32)
    variance[rng.integers(0, 40, 12), rng.integers(0, 40, 12)] = 2000.0
    frames = 100 + rng.normal(0, np.sqrt(variance), (9, 40, 40))
    whole, region = (slice(0, 40), slice(0, 40)), (slice(4, 36), slice(8, 40))
    assert turned_maps(variance, *whole, frames) == []
    (said,) = turned_maps(variance.T, *whole, frames)
    assert "transposed" in said
    assert turned_maps(variance, *region, frames[:, *region]) == []
    assert turned_maps(variance.T, *region, frames[:, *region])


def test_maps_of_the_movies_size_need_no_place():
    assert place_on_maps((20, 24), (20, 24)) == (slice(0, 20), slice(0, 24))


def test_larger_maps_are_placed_where_it_was_said():
    assert place_on_maps((200, 300), (20, 24), (270, 180)) == (slice(180, 200), slice(270, 294))


@pytest.mark.parametrize(
    ("maps", "offset", "said"),
    [
        ((200, 300), None, r"camera_offset=\(X, Y\)"),
        ((20, 25), None, r"camera_offset=\(X, Y\)"),
        ((200, 300), (277, 0), "X must be 0 to 276 and Y 0 to 180"),
        ((200, 300), (0, -1), "X must be 0 to 276"),
        ((19, 300), None, "give the maps of this camera region"),
        ((19, 300), (0, 0), "does not lie on them"),
        ((24, 20), None, "only transposed"),
    ],
)
def test_maps_that_do_not_tell_where_the_movie_lies_are_refused(maps, offset, said):
    with pytest.raises(UserError, match=said):
        place_on_maps(maps, (20, 24), offset)
