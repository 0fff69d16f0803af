"""The localisations within a report are those of the table."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from truevar.emitters import Emitters
from truevar.view.report.page import report
from truevar.view.report.picture import mean_error, packed, shown_field
from truevar.view.report.png import png

COLUMNS = ("frame", "x", "y", "photons", "bg", "sigma_x", "sigma_y", "prob")


def bytes_of(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(base64.b64decode(text), np.uint8)


def whole_24(text: str) -> NDArray[np.int64]:
    low, middle, high = bytes_of(text).reshape(-1, 3).T.astype(np.int64)
    return low + 256 * middle + 65536 * high


def read_back(said: dict[str, Any]) -> dict[str, NDArray[np.float64]]:
    first, step, classes = said["first"], said["step"], said["classes"]
    return {
        "x": first[0] + step * whole_24(said["x"]),
        "y": first[1] + step * whole_24(said["y"]),
        "sigma": classes["first"] * classes["ratio"] ** bytes_of(said["sigma"]),
        "prob": bytes_of(said["prob"]) / 255,
    }


def embedded(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    block = re.search(r'<script type="application/json" id="picture-data">(.*?)</script>', text)
    assert block
    values: dict[str, Any] = json.loads(block[1])
    return values


def test_the_table_comes_back(emitters: Emitters, tmp_path: Path) -> None:
    report(emitters, tmp_path / "r.html")
    said = embedded(tmp_path / "r.html")
    back = read_back(said)
    assert said["count"] == len(emitters)
    assert said["field"] == [-50, 6350, -50, 6350]
    np.testing.assert_allclose(back["x"], emitters.x, rtol=0, atol=0.051)
    np.testing.assert_allclose(back["y"], emitters.y, rtol=0, atol=0.051)
    np.testing.assert_allclose(back["sigma"], mean_error(emitters), rtol=0.016)
    np.testing.assert_allclose(back["prob"], emitters["prob"], rtol=0, atol=0.002)


def test_a_field_of_centimetres_is_coarser_and_whole(emitters: Emitters) -> None:
    far = emitters.with_columns(x=emitters.x * 2000 - 5e6)
    said = packed(far)
    back = read_back(said)
    assert said["step"] == pytest.approx(1.0, abs=0.5)
    np.testing.assert_allclose(back["x"], far.x, rtol=0, atol=0.51 * said["step"])
    np.testing.assert_allclose(back["y"], far.y, rtol=0, atol=0.51 * said["step"])


def test_what_has_no_position_is_left_out(emitters: Emitters) -> None:
    x = emitters.x.copy()
    x[3], x[5] = np.nan, np.inf
    sigma = emitters.sigma_x.copy()
    sigma[0] = np.nan
    said = packed(emitters.with_columns(x=x, sigma_x=sigma))
    assert said["count"] == len(emitters) - 2
    assert len(whole_24(said["x"])) == said["count"] == len(bytes_of(said["sigma"]))
    assert bytes_of(said["sigma"])[0] == 255
    assert np.isfinite(said["field"]).all()


def test_it_stays_small(tmp_path: Path) -> None:
    n = 100_000
    rng = np.random.default_rng(1)
    columns = {name: rng.uniform(0, 50_000, n) for name in COLUMNS}
    columns |= {"frame": np.arange(n), "sigma_x": rng.uniform(3, 30, n), "prob": rng.random(n)}
    meta = {"pixel_size": 100.0, "width": 500, "height": 500, "frames": n}
    report(Emitters(columns, meta), tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    per_row = sum(len(embedded(tmp_path / "r.html")[name]) for name in ("x", "y", "sigma", "prob"))
    assert per_row / n < 10.7  # 10^6 of them: 10.7 MB
    assert len(text) - per_row < 2e6  # all else, most of it the overview
    # What is shown first stands before what takes long to read.
    assert text.index('id="overview"') < text.index('id="picture-data"') < text.index("<footer>")


def test_the_field_is_the_region_that_was_localised(emitters: Emitters) -> None:
    part = Emitters(emitters.columns, {**emitters.meta, "region": [8, 24, 0, 32]})
    assert shown_field(part) == (750, 2350, -50, 3150)
    odd = Emitters(emitters.columns, {**emitters.meta, "region": [24, 8, 0, 32]})
    assert shown_field(odd) == (-50, 6350, -50, 6350)


def test_a_png_is_read_by_others() -> None:
    from io import BytesIO

    from matplotlib.image import imread

    values = np.random.default_rng(0).integers(0, 256, (7, 13)).astype(np.uint8)
    np.testing.assert_array_equal(np.round(255 * imread(BytesIO(png(values)))), values)
    table = np.stack([np.arange(256), 255 - np.arange(256), np.full(256, 9)], 1).astype(np.uint8)
    colours = imread(BytesIO(png(values, table)))
    np.testing.assert_array_equal(np.round(255 * colours[:, :, :3]), table[values])
