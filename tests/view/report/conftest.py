"""A table with all that a report shows, and a browser to open a report in."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pytest

from truevar.emitters import Emitters

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 60.0
"""Seconds until a page that does not get ready is given up."""


def made_up(n: int, seed: int = 0) -> Emitters:
    """Emitters along a spiral in a field of 64 px, with a description of how they were found."""
    rng = np.random.default_rng(seed)
    turn = rng.uniform(0, 12, n)
    columns = {
        "frame": np.sort(rng.integers(0, 200, n)),
        "x": 3200 + 240 * turn * np.cos(turn) + rng.normal(0, 10, n),
        "y": 3200 + 240 * turn * np.sin(turn) + rng.normal(0, 10, n),
        "photons": rng.lognormal(7, 0.5, n),
        "bg": rng.normal(20, 2, n),
        "sigma_x": rng.uniform(5, 20, n),
        "sigma_y": rng.uniform(5, 20, n),
        "prob": rng.uniform(0.7, 1, n),
    }
    meta = {
        "program": "truevar 0.1.0",
        "movie": "movie.tif",
        "pixel_size": 100.0,
        "width": 64,
        "height": 64,
        "region": [0, 64, 0, 64],
        "frames": 200,
        "frame_range": [0, 200],
        "psf_sigma": 130.5,
        "camera": {"baseline": 100.0, "e_per_adu": 0.46, "em_gain": 1.0, "read_sigma": 1.5},
        "sources": {"pixel_size": "given", "psf_sigma": "estimated from the movie"},
        "model": "true-var-small",
        "min_prob": 0.7,
        "notes": ["a note"],
        "warnings": ["a warning of the kind that must not be lost"],
    }
    return Emitters(columns, meta)


@pytest.fixture
def emitters() -> Emitters:
    return made_up(2000)


@pytest.fixture
def few_scales(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scales are predicted for a few frames of 64 px only: for tests of something else."""
    monkeypatch.setattr("truevar.view.report.frame_sample._SCALE_PIXELS", 3 * 64 * 64)


@pytest.fixture(scope="session")
def open_page() -> Callable[[Path, int], Page]:
    """Opens a file on a screen of some width, where there is a browser."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"needs a browser, and there is none of {', '.join(NAMES)}")
    return lambda path, width: Page(found, path, width, 900)


class Page:
    """A file opened in a Chromium of its own, told what to do over its DevTools pipe, in real time.

    Virtual time (``--virtual-time-budget``) lets timers run ahead of the drawing, so that what a
    page draws may be looked at before it is there.
    """

    def __init__(self, browser: str, path: Path, width: int, height: int):
        # Chromium listens on descriptor 3 and answers on 4; out of the way of these first.
        theirs, self._to = os.pipe()
        self._from, answers = os.pipe()
        high = [fcntl.fcntl(one, fcntl.F_DUPFD, 10) for one in (theirs, answers)]

        def connect() -> None:
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        flags = "--headless --no-sandbox --disable-gpu --remote-debugging-pipe about:blank"
        self._process = subprocess.Popen(
            [browser, f"--user-data-dir={path.parent / 'profile'}", *flags.split()],
            preexec_fn=connect,
            pass_fds=(3, 4),
            stderr=subprocess.DEVNULL,
        )
        for one in (theirs, answers, *high):
            os.close(one)
        self._unread = b""
        self._number = 0
        self._session: str | None = None
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self._ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._ask("Emulation.setDeviceMetricsOverride", **screen)
        self._ask("Page.navigate", url=path.as_uri())

    def __enter__(self) -> Page:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._to)
        os.close(self._from)

    def value(self, expression: str) -> Any:
        """What a JavaScript expression is."""
        said = self._ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """What an expression is once it is true."""
        end = time.monotonic() + PATIENCE
        while not (value := self.value(expression)):
            assert time.monotonic() < end, f"the page did not come to {expression}"
            time.sleep(0.05)
        return value

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._unread:
                more = os.read(self._from, 1 << 20)
                assert more, "the browser ended"
                self._unread += more
            one, self._unread = self._unread.split(b"\0", 1)
            answer = json.loads(one)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
