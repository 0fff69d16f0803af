from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("napari", reason='needs napari: pip install "truevar[napari]"')

from napari.components import ViewerModel
from napari.layers import Image

from truevar.errors import UserError
from truevar.napari.layer_movie import Known, frames_of_layer, known_of_layer
from truevar.samples import sample_movie

FRAMES = np.zeros((4, 20, 20), np.uint16)


@pytest.mark.parametrize(
    ("scale", "units", "nm"),
    [
        ((1, 1, 1), None, None),
        ((1, 0.1, 0.1), None, 100),
        ((1, 0.1, 0.1), ("pixel", "um", "um"), 100),
        ((1, 108, 108), ("pixel", "nm", "nm"), 108),
        ((1, 1.5e-4, 1.5e-4), ("s", "mm", "mm"), 150),
        ((1, 108, 108), None, 108),
        ((1, 2, 2), None, None),
        ((1, 0.1, 0.2), None, None),
        ((1, 1, 1), ("pixel", "um", "um"), None),  # of a file that was never calibrated
    ],
)
def test_the_pixel_size_of_a_scale(scale, units, nm) -> None:
    known = known_of_layer(Image(FRAMES, scale=scale, units=units))
    if nm is None:
        assert known == {}
    else:
        assert known["pixel_size"].value == pytest.approx(nm)
        assert known["pixel_size"].source == "the layer's scale"


def test_metadata_go_before_the_scale_and_unknown_ones_are_passed_over() -> None:
    metadata = {"pixel_size": 120, "baseline": 400, "gain": 3, "axes": "TYX"}
    layer = Image(FRAMES, scale=(1, 0.1, 0.1), metadata=metadata)
    said = "the layer's metadata"
    assert known_of_layer(layer) == {"pixel_size": Known(120, said), "baseline": Known(400, said)}


def test_the_tags_of_the_file_that_napari_opened(plugin) -> None:
    viewer = ViewerModel()
    (layer,) = viewer.open(str(sample_movie()), plugin="napari")
    known = known_of_layer(layer)
    assert known["pixel_size"] == Known(100, "the file's tags")
    assert known["e_per_adu"].value == pytest.approx(0.46)
    part = Image(layer.data[:2], metadata={})
    part._source = layer.source
    assert known_of_layer(part) == {}, "a part may be of anything"


def test_a_file_that_is_no_movie_of_ours(tmp_path: Path) -> None:
    layer = Image(FRAMES)
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG nothing")
    layer._source = layer.source.model_copy(update={"path": str(path)})
    assert known_of_layer(layer) == {}


def test_colours_and_more_axes_are_refused_and_pyramids_are_not() -> None:
    with pytest.raises(UserError, match="colours"):
        frames_of_layer(Image(np.zeros((20, 20, 3), np.uint8), rgb=True))
    with pytest.raises(UserError, match="4 axes"):
        frames_of_layer(Image(np.zeros((2, 2, 20, 20))))
    pyramid = Image([FRAMES, FRAMES[:, ::2, ::2]], multiscale=True)
    assert frames_of_layer(pyramid).shape == FRAMES.shape
