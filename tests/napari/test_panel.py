"""The panel in a real viewer."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("napari", reason='needs napari: pip install "truevar[napari]"')
pytest.importorskip("qtpy.QtWidgets", reason="needs a Qt that runs", exc_type=Exception)
pytest.importorskip("pytestqt", reason="needs pytest-qt")

from napari.layers import Image, Points

from truevar.io.camera_file import CameraProfile
from truevar.io.saved_cameras import save_camera
from truevar.napari.panel import LocalizePanel
from truevar.napari.points import OURS


class Slow:
    """Frames that are read slowly: each read waits for leave once the gate is shut."""

    def __init__(self, frames: np.ndarray):
        self.frames, self.shape, self.dtype, self.ndim = frames, frames.shape, frames.dtype, 3
        self.reads: list[object] = []
        self.gate = threading.Event()
        self.gate.set()

    def __getitem__(self, index):
        self.reads.append(index)
        assert self.gate.wait(60)
        return self.frames[index]

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("the whole movie was read")


@pytest.fixture
def viewer(qapp, make_napari_viewer, plugin):
    if qapp.platformName() == "offscreen":
        pytest.skip("needs a Qt with OpenGL, which 'offscreen' has not: run under xvfb-run")
    return make_napari_viewer()


@pytest.fixture
def panel(viewer) -> LocalizePanel:
    _, panel = viewer.window.add_plugin_dock_widget("truevar", "Localise a movie")
    return panel


def finish(panel: LocalizePanel, qtbot) -> None:
    qtbot.waitUntil(lambda: panel._worker is None, timeout=120_000)


def test_a_saved_camera_goes_between_the_layer_and_what_is_typed(
    own_settings: Path, viewer, panel, qtbot, movie_of_spots
) -> None:
    frames, known = movie_of_spots
    numbers = {"pixel_size": 111.0, "psf_sigma": 144.0, "e_per_adu": 0.47}
    path = save_camera("orca", CameraProfile(numbers))
    viewer.add_image(frames, name="spots", metadata=known)
    form = panel.form
    assert [form.saved.itemText(k) for k in range(form.saved.count())] == ["none", "orca"]
    form.saved.setCurrentIndex(1)
    assert form.fields["pixel_size"].placeholderText() == "111 (the saved camera orca)"
    assert form.fields["baseline"].placeholderText() == "100 (the layer's metadata)"
    form.fields["e_per_adu"].setText("0.46")
    panel.run()
    finish(panel, qtbot)
    meta = viewer.layers[-1].metadata[OURS]
    assert meta["pixel_size"] == 111
    assert meta["psf_sigma"] == 144
    sources = meta["sources"]
    assert sources["pixel_size"] == "the saved camera orca"
    assert sources["camera.e_per_adu"] == "given"
    assert sources["camera.baseline"] == "the layer's metadata"
    path.write_text("[")
    panel.run()
    assert "is not YAML" in panel.line.text()
    form.saved.setCurrentIndex(0)
    assert form.fields["pixel_size"].placeholderText() == "110 (the layer's metadata)"


def test_it_localises_the_layer(viewer, panel, qtbot, movie_of_spots) -> None:
    frames, known = movie_of_spots
    movie = viewer.add_image(frames, name="spots", metadata=known)
    assert panel.form.fields["pixel_size"].placeholderText() == "110 (the layer's metadata)"
    panel.form.fields["psf_sigma"].setText("143")
    steps: list[tuple[int, int]] = []
    panel.bar.valueChanged.connect(lambda value: steps.append((value, panel.bar.maximum())))
    panel.run()
    assert not panel.start.isEnabled()
    assert panel.stop.isEnabled()
    finish(panel, qtbot)
    assert panel.start.isEnabled()
    assert (40, 40) in steps
    found = viewer.layers[-1]
    assert isinstance(found, Points)
    assert found.name == "spots emitters"
    # One spot in every frame, under the brightest pixel of the movie as napari shows it.
    assert abs(len(found.data) - 40) <= 1
    places = np.array([movie.world_to_data(found.data_to_world(one)) for one in found.data])
    np.testing.assert_allclose(np.median(places[:, 1:], axis=0), [9, 30], atol=0.05)
    np.testing.assert_array_equal(places[:, 0], found.features["frame"])
    meta = found.metadata[OURS]
    assert meta["pixel_size"] == 110
    assert meta["psf_sigma"] == 143
    assert "the layer's metadata" in meta["camera"]["source"]
    assert panel.line.text().splitlines()[0] == f"{len(found.data)} emitters in 40 frames"
    assert panel.movies.count() == 1


def test_the_picture_lies_on_a_movie_with_a_scale(viewer, panel, qtbot, movie_of_spots) -> None:
    frames, known = movie_of_spots
    known.pop("pixel_size")
    movie = viewer.add_image(
        frames[:8],
        name="spots",
        metadata=known,
        scale=(2, 0.11, 0.11),
        translate=(5, 1, 2),
        rotate=90,
    )
    assert panel.form.fields["pixel_size"].placeholderText() == "110 (the layer's scale)"
    panel.form.fields["psf_sigma"].setText("143")
    panel.form.picture.setChecked(True)
    panel.run()
    finish(panel, qtbot)
    picture, found = viewer.layers[-2:]
    assert isinstance(picture, Image)
    assert picture.ndim == 2
    spot = np.asarray(movie.data_to_world((3, 9, 30)))
    brightest = np.unravel_index(np.argmax(picture.data), picture.data.shape)
    size = picture.metadata[OURS]["picture_pixel_size"] / 110 * 0.11
    np.testing.assert_allclose(
        picture.data_to_world(brightest), spot[1:], atol=0.05 * 0.11 + 1.5 * size
    )
    # Its corner is the movie's corner.
    corner = np.asarray(picture.data_to_world((-0.5, -0.5)))
    np.testing.assert_allclose(corner, movie.data_to_world((0, -0.5, -0.5))[1:], atol=1e-6)
    points = np.array([found.data_to_world(one) for one in found.data])
    np.testing.assert_allclose(np.median(points[:, 1:], axis=0), spot[1:], atol=0.05 * 0.11)
    np.testing.assert_allclose(points[:, 0], 5 + 2 * found.features["frame"])
    assert panel.movies.count() == 1, "a picture of ours is no movie to localise"


def test_cancelling_keeps_what_was_finished(viewer, panel, qtbot, movie_of_spots) -> None:
    frames, known = movie_of_spots
    slow = Slow(np.tile(frames, (12, 1, 1)))  # 480 frames, 64 at a time
    movie = Image(frames, name="spots", metadata=known)
    viewer.add_layer(movie)
    panel.form.fields["psf_sigma"].setText("143")
    # The layer's own array would be read by napari, too.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("truevar.napari.panel.frames_of_layer", lambda _: slow)
        panel.run()
        panel._job.progressed.connect(lambda done, *_: done and panel.cancel())
        finish(panel, qtbot)
    found = viewer.layers[-1]
    assert isinstance(found, Points)
    first, end = found.metadata[OURS]["frame_range"]
    assert first == 0
    assert 0 < end < 480
    assert found.name == f"spots emitters (frames 0 to {end - 1})"
    assert found.data[:, 0].max() == end - 1
    assert abs(len(found.data) - end) <= 1
    assert found.metadata[OURS]["psf_sigma"] == 143
    assert "cancelled" in panel.line.text()
    assert panel.start.isEnabled()


def test_cancelling_before_the_first_frame_leaves_nothing(
    viewer, panel, qtbot, movie_of_spots
) -> None:
    frames, known = movie_of_spots
    viewer.add_image(frames, metadata=known)
    panel.run()
    panel.cancel()
    finish(panel, qtbot)
    assert len(viewer.layers) == 1
    assert panel.line.text() == "cancelled; no frame was finished"


def test_warnings_and_errors_are_shown_in_the_panels_words(
    viewer, panel, qtbot, movie_of_spots, said
) -> None:
    frames, known = movie_of_spots
    known.pop("pixel_size")
    viewer.add_image(frames, metadata=known)
    panel.form.fields["psf_sigma"].setText("130")
    panel.run()
    finish(panel, qtbot)
    (warned,) = [line for kind, line in said() if "pixel size not given" in line]
    assert warned.endswith("give “Pixel size, nm”")
    assert f"Warning: {warned}" in panel.line.text()

    before = len(said())
    panel.form.fields["min_prob"].setText("1.5")
    panel.run()
    finish(panel, qtbot)
    ((kind, line),) = said()[before:]
    assert line == "“Least probability” is 1.5; give a number from 0 to 1"
    assert panel.line.text() == line

    panel.form.fields["min_prob"].setText("a half")
    panel.run()
    assert said()[-1][1].startswith("“Least probability” is 'a half'")
    assert len(viewer.layers) == 2


def test_dask_is_read_in_blocks_of_frames(viewer, panel, qtbot, movie_of_spots) -> None:
    array = pytest.importorskip("dask.array")
    frames, known = movie_of_spots
    most = []

    def one_block(block: np.ndarray) -> np.ndarray:
        most.append(len(block))
        return block

    lazy = array.from_array(np.tile(frames, (4, 1, 1)), chunks=(10, -1, -1))
    viewer.add_image(lazy.map_blocks(one_block, dtype=lazy.dtype), name="lazy", metadata=known)
    panel.form.fields["psf_sigma"].setText("143")
    panel.run()
    finish(panel, qtbot)
    assert abs(len(viewer.layers[-1].data) - 160) <= 2
    assert max(most) == 10


@pytest.mark.parametrize("shape", [(2, 3, 20, 20), (8, 12, 12)])
def test_what_is_no_movie_is_refused(viewer, panel, qtbot, said, shape) -> None:
    panel.run()
    assert "there is no movie" in said()[-1][1]
    viewer.add_image(np.ones(shape, np.uint16), name="other")
    panel.run()
    finish(panel, qtbot)
    line = said()[-1][1]
    assert ("4 axes" in line) or ("at least 16 x 16" in line)
    assert len(line.splitlines()) == 1
    assert panel.start.isEnabled()


def test_a_bug_is_one_line(viewer, panel, qtbot, movie_of_spots, said, monkeypatch) -> None:
    frames, known = movie_of_spots
    viewer.add_image(frames, metadata=known)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("out of\nmemory")

    monkeypatch.setattr("truevar.napari.job.localize", broken)
    panel.run()
    finish(panel, qtbot)
    assert said()[-1][1] == "localising failed: RuntimeError: out of memory"


def test_one_frame(viewer, panel, qtbot, movie_of_spots) -> None:
    frames, known = movie_of_spots
    movie = viewer.add_image(frames[0], metadata=known, scale=(3, 3), translate=(1, 2))
    panel.form.fields["psf_sigma"].setText("143")
    panel.form.picture.setChecked(True)
    panel.run()
    finish(panel, qtbot)
    found = viewer.layers[-1]
    (point,) = found.data
    np.testing.assert_allclose(
        found.data_to_world(point), [0, *movie.data_to_world((9, 30))], atol=0.5
    )


def test_the_list_of_movies_follows_the_viewer(viewer, panel) -> None:
    one = viewer.add_image(np.ones((3, 20, 20)), name="one", metadata={"pixel_size": 80})
    viewer.add_image(np.ones((3, 20, 20)), name="two", metadata={"pixel_size": 90})
    viewer.add_points(np.ones((3, 3)))
    assert panel.movies.currentText() == "two"
    viewer.layers.selection.active = one
    assert panel.movies.currentText() == "one"
    assert panel.form.fields["pixel_size"].placeholderText().startswith("80 ")
    one.name = "first"
    assert panel.movies.currentText() == "first"
    viewer.layers.remove(one)
    assert panel.movies.currentText() == "two"
    assert panel.form.fields["pixel_size"].placeholderText().startswith("90 ")
    viewer.layers.clear()
    assert panel.movies.count() == 0
    assert panel.form.fields["pixel_size"].placeholderText() == "assumed: 100"


def test_a_panel_that_is_closed_stops_its_run(viewer, qtbot, movie_of_spots) -> None:
    frames, known = movie_of_spots
    dock, panel = viewer.window.add_plugin_dock_widget("truevar", "Localise a movie")
    viewer.add_image(np.tile(frames, (20, 1, 1)), metadata=known)
    panel.run()
    job, worker = panel._job, panel._worker
    viewer.window.remove_dock_widget(dock)
    panel.deleteLater()
    qtbot.waitUntil(job._cancel.is_set, timeout=10_000)
    qtbot.waitUntil(lambda: not worker.is_running, timeout=60_000)
    viewer.add_image(frames)  # nobody is there to hear of it
    assert all(isinstance(one, Image) for one in viewer.layers)
