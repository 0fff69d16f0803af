"""docs/napari.png: napari with the sample movie, what was found in it, and the panel.

    python benchmarks/napari_screenshot.py docs/napari.png

It needs truevar[napari] and a display with OpenGL; on a server, QT_QPA_PLATFORM=xcb and before
the command ``xvfb-run -s "-screen 0 1400x900x24"``.
"""

from __future__ import annotations

import argparse
import time

import napari
from qtpy.QtWidgets import QApplication

PATIENCE = 300.0
"""Seconds for localising a hundred small frames, on a machine that does other things too."""


def main() -> None:
    """Open, localise, take the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture")
    picture = parser.parse_args().picture
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1280, 800)
    viewer.open_sample("truevar", "filaments")
    _, panel = viewer.window.add_plugin_dock_widget("truevar", "Localise a movie")
    panel.form.picture.setChecked(True)
    panel.run()
    end = time.monotonic() + PATIENCE
    while not panel.start.isEnabled() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)
    assert len(viewer.layers) == 3, panel.line.text()
    viewer.dims.set_point(0, 40)
    viewer.reset_view(margin=0.02)
    time_to_settle = time.monotonic() + 8  # messages fade, thumbnails come
    while time.monotonic() < time_to_settle:
        QApplication.processEvents()
        time.sleep(0.01)
    viewer.screenshot(picture, canvas_only=False, flash=False)
    viewer.close()


if __name__ == "__main__":
    main()
