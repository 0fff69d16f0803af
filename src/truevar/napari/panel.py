"""The panel that localises a layer of the viewer."""

from __future__ import annotations

from functools import partial
from typing import Any

from napari.layers import Image, Layer
from napari.qt.threading import FunctionWorker, create_worker
from napari.utils.notifications import show_error, show_warning
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from truevar.errors import UserError
from truevar.napari.form import Form
from truevar.napari.job import Job, Outcome
from truevar.napari.layer_movie import frames_of_layer, known_of_layer
from truevar.napari.points import OURS, LayerTuple
from truevar.napari.results import picture_layer, result_layer


class LocalizePanel(QWidget):
    """Choose a movie, fill in what is known, localise.

    The result is a Points layer on the movie. A run that is cancelled leaves the emitters of
    the frames that were finished, named so; before the first of them, nothing.

    Args:
        napari_viewer: the viewer that it stands in.

    Attributes:
        movies: the Image layers to choose from; it follows the layer list's selection.
        form: numbers, model, device.
        start, stop: the buttons.
        bar: frames done.
        line: in words what happens or happened, with what may be wrong with the result.
    """

    def __init__(self, napari_viewer: Any):
        super().__init__()
        self._viewer = napari_viewer
        self._job: Job | None = None
        self._worker: FunctionWorker[Outcome] | None = None
        self._running: Image | None = None
        self._warnings: list[str] = []
        self._layers: list[Image] = []
        self._lay_out()
        self.start.clicked.connect(self.run)
        self.stop.clicked.connect(self.cancel)
        self.movies.currentIndexChanged.connect(self._chosen)
        events = napari_viewer.layers.events
        watched = [
            (one, self._list_movies) for one in (events.inserted, events.removed, events.renamed)
        ]
        watched.append((napari_viewer.layers.selection.events.active, self._follow))
        for event, act in watched:
            event.connect(act)
        # A panel that was closed must hear nothing more: there is no window to change.
        self.destroyed.connect(partial(_leave, watched, self.__dict__))
        self._list_movies()

    def run(self) -> None:
        """Localise the chosen layer, beside the window."""
        layer = self._chosen_layer()
        try:
            if layer is None:
                raise UserError("there is no movie; open one, or a sample (File > Open Sample)")
            settings, frames = self.form.settings(), frames_of_layer(layer)
        except UserError as error:
            self._say_error(str(error))
            return
        self._job = Job(frames, settings)
        self._job.progressed.connect(self._progressed)
        self._job.warned.connect(self._warned)
        self.start.setEnabled(False)
        self.stop.setEnabled(True)
        self.bar.setRange(0, 0)  # how long the estimates take is not known
        self.line.setText(f"looking at {layer.name} …")
        self._running, self._warnings = layer, []
        self._worker = create_worker(self._job.run, _start_thread=False)
        # A method of this widget: Qt then calls it in the window's thread, whatever Qt it is.
        self._worker.returned.connect(self._ended)
        self._worker.start()

    def cancel(self) -> None:
        """Stop the run after the frames that are being computed."""
        if self._job is not None:
            self._job.cancel()
            self.stop.setEnabled(False)
            self.line.setText("cancelling …")

    def _ended(self, outcome: Outcome) -> None:
        layer, self._running = self._running, None
        self._job = self._worker = None
        self.start.setEnabled(True)
        self.stop.setEnabled(False)
        self.bar.setRange(0, 1)
        self.bar.reset()
        if outcome.error:
            self._say_error(outcome.error)
            return
        emitters = outcome.emitters
        if emitters is None:
            self.line.setText("cancelled; no frame was finished")
            return
        first, end = emitters.meta["frame_range"]
        said = f"{len(emitters):,} emitters in {end - first:,} frames"
        if outcome.cancelled:
            said = f"cancelled: {said} of {emitters.meta['frames']:,} are kept"
        # napari's messages fade; what may be wrong with the result is to stay.
        self.line.setText("\n\n".join([said, *(f"Warning: {line}" for line in self._warnings)]))
        if self.form.picture.isChecked():
            try:
                self._add(picture_layer(emitters, layer))
            except UserError as error:
                self._say_error(str(error))
        self._add(result_layer(emitters, layer, outcome.cancelled))

    def _add(self, layer: LayerTuple) -> None:
        self._viewer.add_layer(Layer.create(*layer))

    def _progressed(self, done: int, total: int, emitters: int) -> None:
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        if self.stop.isEnabled():
            self.line.setText(f"frame {done:,} of {total:,}, {emitters:,} emitters")

    def _warned(self, line: str) -> None:
        self._warnings.append(line)
        show_warning(line)

    def _say_error(self, line: str) -> None:
        self.line.setText(line)
        show_error(line)

    def _chosen_layer(self) -> Image | None:
        index = self.movies.currentIndex()
        return self._layers[index] if 0 <= index < len(self._layers) else None

    def _list_movies(self, _: Any = None) -> None:
        """All Image layers that are no pictures of ours; the chosen one stays chosen."""
        before = self._chosen_layer()
        self._layers = [
            one
            for one in self._viewer.layers
            if isinstance(one, Image) and OURS not in one.metadata
        ]
        self.movies.blockSignals(True)
        self.movies.clear()
        self.movies.addItems([one.name for one in self._layers])
        if before in self._layers:
            self.movies.setCurrentIndex(self._layers.index(before))
        self.movies.blockSignals(False)
        if self._chosen_layer() is not before:
            self._chosen()

    def _follow(self, _: Any = None) -> None:
        active = self._viewer.layers.selection.active
        if active in self._layers:
            self.movies.setCurrentIndex(self._layers.index(active))

    def _chosen(self, _: int = 0) -> None:
        layer = self._chosen_layer()
        self.form.show_known({} if layer is None else known_of_layer(layer))

    def _lay_out(self) -> None:
        self.movies, self.form = QComboBox(), Form()
        self.start, self.stop = QPushButton("Localise"), QPushButton("Cancel")
        self.stop.setEnabled(False)
        self.bar, self.line = QProgressBar(), QLabel("")
        self.line.setWordWrap(True)
        buttons = QHBoxLayout()
        buttons.addWidget(self.start)
        buttons.addWidget(self.stop)
        layout = QVBoxLayout(self)
        layout.addWidget(QLabel("Movie (frames, y, x)"))
        layout.addWidget(self.movies)
        layout.addWidget(self.form)
        layout.addLayout(buttons)
        layout.addWidget(self.bar)
        layout.addWidget(self.line)
        layout.addStretch()


def _leave(watched: list[tuple[Any, Any]], panel: dict[str, Any], *_: Any) -> None:
    """Stop hearing the viewer, and stop computing."""
    for event, act in watched:
        event.disconnect(act)
    if panel["_worker"] is not None:
        panel["_worker"].returned.disconnect()
        panel["_job"].cancel()
