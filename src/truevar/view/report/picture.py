"""The super-resolved picture: the localisations themselves, packed, and a first look at them.

The page's script draws what is packed here at whatever zoom is wanted. Per localisation:
x and y as whole steps in 24 bits, the standard error as one of 256 classes, the probability
in 256ths: 8 bytes, of which base64 makes 10.7.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truevar.emitters import Emitters
from truevar.view.field import Extent, field
from truevar.view.picture import GAMMA, PERCENTILE
from truevar.view.render import render
from truevar.view.report.png import colour_table, data_uri, png
from truevar.view.report.section import Section, Told, escaped, figure_of, number_in, numbers_in
from truevar.view.tone import brightness

STEP = 0.1
"""nm that positions are rounded to, in fields of up to 1.6 mm."""

_LARGEST = 2**24 - 1
_FINEST_ERROR, _RATIO = 0.5, 1.03
"""nm of the first class of standard errors; ratio between neighbouring classes."""

_OVERVIEW = 1000
"""Pixels along the longer side of the picture that is there before the script has run."""

COLOUR_MAPS = ("hot", "inferno", "viridis", "cividis", "gray", "gray_r")
_SAID = {"gray": "grey", "gray_r": "grey on white", "cividis": "cividis (colour-blind safe)"}


def shown_field(emitters: Emitters) -> Extent:
    """(x0, x1, y0, y1) in nm: the region that was localised, else as a picture has it."""
    pixel, region = number_in(emitters.meta, "pixel_size"), numbers_in(emitters.meta, "region", 4)
    if pixel and region and region[0] < region[1] and region[2] < region[3]:
        x0, x1, y0, y1 = ((edge - 0.5) * pixel for edge in region)
        return x0, x1, y0, y1
    meta = {name: value for name, value in emitters.meta.items() if name != "region"}
    return field(Emitters(emitters.columns, meta))


def packed(emitters: Emitters) -> dict[str, Any]:
    """The localisations as plain values for JSON.

    Returns:
        ``count``; ``field`` (x0, x1, y0, y1 in nm); ``first`` (x, y in nm) and ``step`` (nm) of
        the positions; ``x``, ``y``: base64 of 24-bit little-endian whole numbers of steps;
        ``sigma`` and ``prob``, where the table has them: base64 of bytes, with the nm of the
        first class and the ratio of ``classes``. Rows whose position is not finite are left out.
    """
    good = np.isfinite(emitters.x) & np.isfinite(emitters.y)
    shown = emitters if good.all() else emitters.select(good)
    extent = shown_field(shown)
    x, y = shown.x, shown.y
    first = (float(x.min(initial=extent[0])), float(y.min(initial=extent[2])))
    span = max(
        float(x.max(initial=extent[1])) - first[0], float(y.max(initial=extent[3])) - first[1]
    )
    step = max(STEP, span / _LARGEST)
    said: dict[str, Any] = {
        "count": len(shown),
        "field": [float(edge) for edge in extent],
        "first": list(first),
        "step": step,
        "classes": {"first": _FINEST_ERROR, "ratio": _RATIO},
        "x": _text(_bytes_24((x - first[0]) / step)),
        "y": _text(_bytes_24((y - first[1]) / step)),
    }
    error = mean_error(shown)
    if error is not None:
        number = np.log(np.maximum(error, _FINEST_ERROR) / _FINEST_ERROR) / np.log(_RATIO)
        said["sigma"] = _text(_byte(np.nan_to_num(number, nan=255.0)))
    if "prob" in shown:
        said["prob"] = _text(_byte(255 * np.nan_to_num(shown["prob"])))
    return said


def mean_error(emitters: Emitters) -> NDArray[np.float64] | None:
    """(N,) standard error in nm, the quadratic mean over x and y; None without errors."""
    if "sigma_x" not in emitters or "sigma_y" not in emitters:
        return None
    return np.sqrt((emitters.sigma_x**2 + emitters.sigma_y**2) / 2)


def picture_section(told: Told) -> Section:
    """The picture with what moves it."""
    said = packed(told.emitters)
    x0, x1, y0, y1 = said["field"]
    pixel = max(x1 - x0, y1 - y0) / _OVERVIEW
    drawn = brightness(render(told.emitters, pixel, (x0, x1, y0, y1)), PERCENTILE, GAMMA)
    tables = {name: colour_table(name) for name in COLOUR_MAPS}
    overview = png(np.round(255 * drawn).astype(np.uint8), tables["hot"])
    said["colours"] = {name: _text(table.tobytes()) for name, table in tables.items()}
    choices = "".join(
        f'<option value="{name}">{escaped(_SAID.get(name, name))}</option>' for name in COLOUR_MAPS
    )
    size = f"{figure_of((x1 - x0) / 1000, 3)} × {figure_of((y1 - y0) / 1000, 3)} µm"
    lost = len(told.emitters) - said["count"]
    without = f" {lost:,} rows without a position are not shown." if lost else ""
    drawn_as = (
        '<label>Drawn as <select id="drawn-as"><option value="errors">width of their '
        'error</option><option value="points">points</option></select></label>'
        if "sigma" in said
        else ""
    )
    sure = _slider("least-prob", "Probability at least", 0, 100, 0) if "prob" in said else ""
    fine = _slider("worst-error", "Error at most", 0, 100, 100) if "sigma" in said else ""
    markup = f"""\
<p>All {said["count"]:,} localisations, {size}, y down as in the movie.{without}</p>
<div class="viewer">
<div>
<div id="stage" style="aspect-ratio: {max((x1 - x0) / (y1 - y0), 0.2):.4f}">
<img id="overview" alt="Super-resolved picture of the whole field" src="{data_uri(overview)}">
<div class="zoom" role="group" aria-label="Zoom" hidden>
<button type="button" id="zoom-in" aria-label="Zoom in">+</button>
<button type="button" id="zoom-out" aria-label="Zoom out">−</button>
<button type="button" id="zoom-all">Whole field</button>
</div>
<canvas id="picture" tabindex="0" role="application" hidden
 aria-label="Super-resolved picture. Arrow keys move it, plus and minus zoom, 0 shows all of it."
></canvas>
<div id="scale-bar" hidden><span></span></div>
</div>
<p class="quiet"><span id="in-view" role="status"></span>
<span class="hint">Drag, turn the wheel or pinch; or use the arrow keys, +, − and 0.</span></p>
</div>
<div class="tools beside" role="group" aria-label="How it is drawn">
<label>Colours <select id="colours">{choices}</select></label>
{drawn_as}
{_slider("bright-at", "Brightest from percentile", 0, 100, 46)}
{_slider("gamma", "Lift the dark parts", 0, 100, 50)}
{sure}
{fine}
<button type="button" id="save-picture">Save view as PNG</button>
</div>
</div>
<noscript><p class="warning">To zoom, this page needs JavaScript; the picture above shows the whole
field.</p></noscript>
"""
    return Section("picture", "Super-resolved picture", markup + data_block("picture-data", said))


def data_block(name: str, values: Any) -> str:
    """Values for the page's script, in JSON that cannot end the element it stands in."""
    text = json.dumps(values, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>\n'


def _slider(name: str, label: str, low: int, high: int, value: int) -> str:
    return (
        f'<label>{label} <output id="{name}-is" for="{name}"></output><input type="range" '
        f'id="{name}" min="{low}" max="{high}" value="{value}"></label>'
    )


def _bytes_24(values: NDArray[np.float64]) -> bytes:
    whole = np.clip(np.round(values), 0, _LARGEST).astype("<u4")
    return whole.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def _byte(values: NDArray[np.float64]) -> bytes:
    return np.clip(np.round(values), 0, 255).astype(np.uint8).tobytes()


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
