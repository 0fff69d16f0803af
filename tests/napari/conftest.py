"""Fixtures for the plugin; everything here needs napari and Qt, offscreen or not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def said() -> Iterator[Callable[[], list[tuple[str, str]]]]:
    """What napari showed since the test began: (severity, text) each."""
    from napari.utils.notifications import notification_manager

    heard: list[tuple[str, str]] = []

    def hear(one: Any) -> None:
        assert threading.current_thread() is threading.main_thread()
        heard.append((str(one.severity), one.message))

    notification_manager.notification_ready.connect(hear)
    yield lambda: list(heard)
    notification_manager.notification_ready.disconnect(hear)


@pytest.fixture
def movie_of_spots() -> tuple[np.ndarray, dict[str, float]]:
    """(40, 32, 48) ADU with a bright, sharp spot at column 30, row 9 in every frame."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:32, :48]
    light = 20 + 3000 / (2 * np.pi * 1.3**2) * np.exp(-((x - 30) ** 2 + (y - 9) ** 2) / 2 / 1.3**2)
    adu = 100 + rng.poisson(light, (40, 32, 48)) / 0.46 + rng.normal(0, 3, (40, 32, 48))
    known = {"pixel_size": 110.0, "baseline": 100.0, "e_per_adu": 0.46, "read_sigma": 1.4}
    return np.round(adu).astype(np.uint16), known


@pytest.fixture
def plugin(npe2pm: Any) -> Any:
    """napari's own plugin, and ours from this checkout's manifest, whatever is installed."""
    import npe2

    npe2pm.register(npe2.PluginManifest.from_distribution("napari"))
    ours = resources.files("truevar") / "napari" / "napari.yaml"
    npe2pm.register(npe2.PluginManifest.from_file(str(ours)))
    return npe2pm
