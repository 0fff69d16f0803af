"""A report used in a real browser, where there is one: Chromium, without its window."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import truevar
from truevar.emitters import Emitters
from truevar.view.render import render
from truevar.view.report.page import report

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("selftest.js")
LISTEN = """<script>window.pageErrors = [];
addEventListener("error", (event) => pageErrors.push(event.message));
addEventListener("securitypolicyviolation", (event) => pageErrors.push(event.violatedDirective));
</script>"""


@pytest.fixture(scope="module")
def found() -> Emitters:
    # A ring of emitters of known place, and frames that differ.
    rng = np.random.default_rng(4)
    n = 3000
    turn = rng.uniform(0, 2 * np.pi, n)
    columns = {
        "frame": rng.integers(0, 10, n),
        "x": 1600 + 1000 * np.cos(turn) + rng.normal(0, 15, n),
        "y": 1600 + 1000 * np.sin(turn) + rng.normal(0, 15, n),
        "sigma_x": np.full(n, 12.0),
        "sigma_y": np.full(n, 12.0),
        "prob": rng.uniform(0.7, 1, n),
    }
    columns["x"][:200] = 1600 + rng.normal(0, 40, 200)
    columns["y"][:200] = 1600 + rng.normal(0, 40, 200)
    columns["sigma_x"][: n // 2] = columns["sigma_y"][: n // 2] = 8.0
    meta = {"pixel_size": 100.0, "width": 32, "height": 32, "frames": 10}
    meta |= {"region": [0, 32, 0, 32]}  # type: ignore[dict-item]
    return Emitters(columns, meta)


def used(open_page: Any, page: Path, width: int = 1280) -> dict[str, Any]:
    """What the self-test says of a page on a screen of this width."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', LISTEN, text, count=1)
    text = text.replace("</body>", f"<script>{SCRIPT.read_text()}</script></body>")
    copy = page.with_name("used.html")
    copy.write_text(text, encoding="utf-8")
    with open_page(copy, width) as opened:
        opened.wait_for('document.getElementById("selftest") !== null')
        said = opened.value('document.getElementById("selftest").textContent')
    values: dict[str, Any] = json.loads(said)
    return values


@pytest.fixture(scope="module")
def page(found: Emitters, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    movie = truevar.simulate("2d-scmos", density=2, frames=10, size=32, seed=1)
    movie.write(folder / "movie.tif")
    meta = {**found.meta, "psf_sigma": 130.0, "camera": {"baseline": 100.0, "e_per_adu": 0.46}}
    table = Emitters(found.columns, {**meta, "model": "true-var-small", "min_prob": 0.7})
    report(table, folder / "report.html", folder / "movie.tif")
    return folder / "report.html"


@pytest.fixture(scope="module")
def said(open_page: Any, page: Path) -> dict[str, Any]:
    return used(open_page, page)


def test_the_page_runs_without_errors(said: dict[str, Any]) -> None:
    assert said["errors"] == []


def test_its_own_policy_lets_it_run(open_page: Any, page: Path) -> None:
    with open_page(page, 1280) as opened:
        opened.wait_for('Number(document.getElementById("picture")?.dataset.drawn) > 0')
        assert "3,000 of 3,000 in view" in opened.value("document.body.innerText")


def test_the_picture_moves_with_every_control(said: dict[str, Any]) -> None:
    for name, seen in said["steps"].items():
        assert seen["changed"], name
    assert said["back"], "0 shows the whole field as it was at first"
    bars = {name: seen["bar"] for name, seen in said["steps"].items()}
    assert bars["arrow key"] == bars["all"] == "1 µm"
    assert bars["plus"] == bars["wheel"] == "500 nm"
    assert bars["pinch"] in ("100 nm", "200 nm")
    count = {
        n: int(seen["inView"].split()[0].replace(",", "")) for n, seen in said["steps"].items()
    }
    assert count["wheel"] < count["minus"] == count["all"] == 3000
    assert count["error"] <= count["probability"] < count["zoom button"]


def test_the_slider_moves_the_frame(said: dict[str, Any]) -> None:
    captions, frames, scales = zip(*said["frames"], strict=True)
    assert [one.split(":")[0] for one in captions] == ["Frame 0", "Frame 2", "Frame 3", "Frame 3"]
    assert len(set(frames)) == 4
    assert len(set(scales)) == 4


def test_the_browser_draws_what_python_draws(said: dict[str, Any], found: Emitters) -> None:
    np.testing.assert_allclose(said["x"], found.x, rtol=0, atol=0.06)
    np.testing.assert_allclose(said["y"], found.y, rtol=0, atol=0.06)
    whole = np.reshape(said["whole"], (64, 64))
    assert whole.sum() == pytest.approx(len(found), rel=1e-3)
    ours = render(found, 50.0, (-50, 3150, -50, 3150))
    assert np.corrcoef(whole.ravel(), ours.ravel())[0, 1] > 0.97  # pixels far wider than spots
    close = np.reshape(said["close"], (64, 64))
    middle = 1550 - 128, 1550 + 128
    ours = render(found, 4.0, (*middle, *middle))
    assert ours.sum() > 100
    assert np.corrcoef(close.ravel(), ours.ravel())[0, 1] > 0.995
    assert close.sum() == pytest.approx(ours.sum(), rel=0.02)


def test_keys_reach_everything_in_order(said: dict[str, Any]) -> None:
    assert said["unreachable"] == 0
    order = said["order"]
    assert order.index("zoom-in") < order.index("picture") < order.index("colours")
    assert order.index("colours") < order.index("frame-before") < order.index("frame")


def test_a_phone_is_wide_enough(open_page: Any, page: Path) -> None:
    said = used(open_page, page, width=360)
    assert said["errors"] == []
    assert said["wider"] <= 0
    still = [name for name, seen in said["steps"].items() if not seen["changed"]]
    assert still == []
