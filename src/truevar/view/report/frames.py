"""The section with camera frames: what was found in them, and what each scale says."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from truevar.imaging.residual import LEAST
from truevar.view.report.frame_sample import MOST_Z, FrameSample, Shown, Span
from truevar.view.report.picture import data_block
from truevar.view.report.png import data_uri
from truevar.view.report.section import Section, Told, escaped, figure_of, paragraphs


def frames_section(told: Told) -> Section:
    """Frames with a slider, or how to get them."""
    title = "Frames"
    if told.frames is None:
        text = paragraphs(
            "The movie was not given, so that its frames are not here. <code>truevar report TABLE "
            "-o OUT.html --movie MOVIE</code> shows the emitters in the frames they were found in."
        )
        return Section("frames", title, text)
    sample = told.frames
    numbers = list(sample.frames)
    marks = "molecules that are on" if sample.molecules else "emitters found"
    text = paragraphs(
        f"{len(numbers)} of the movie's frames, evenly chosen; rings are the {marks}. In all of "
        f"them black is {figure_of(sample.greys[0])} ADU, white {figure_of(sample.greys[1])} ADU "
        "and more."
        + (
            f" A pixel here is the mean of {sample.binned} × {sample.binned} of the camera's."
            if sample.binned > 1
            else ""
        )
    )
    if sample.moved:
        text += paragraphs(
            "The table was moved after localising (drift correction): rings may lie beside their "
            "spots by as much as it was moved."
        )
    first, last = numbers[0], numbers[-1]
    text += f"""\
<div class="tools">
<button type="button" id="frame-before" aria-label="Frame before">‹</button>
<label class="long">Frame <output id="frame-is" for="frame"></output>
<input type="range" id="frame" min="0" max="{len(numbers) - 1}" value="0"
 aria-label="Frame, {first} to {last}"></label>
<button type="button" id="frame-after" aria-label="Frame after">›</button>
<label><input type="checkbox" id="frame-marks" checked> Rings</label>
</div>
<p class="quiet" id="frame-said" role="status"></p>
<canvas id="camera-frame" style="{_shape(sample.span)}" role="img"
 aria-label="Camera frame, emitters ringed"></canvas>
{_left_text(sample)}{_scales_text(sample)}"""
    return Section("frames", title, text + data_block("frames-data", _values(sample)))


def _left_text(sample: FrameSample) -> str:
    if not sample.left:
        return ""
    text = paragraphs(
        "The frame less the light of all its emitters, as an emitter at every place would explain "
        f"it: red where light is missing from the table, blue where it has too much, up to "
        f"{MOST_Z:g} standard errors. Noise alone is pale. Rings are where one more emitter would "
        f"explain more than noise does (above {LEAST:g} standard errors). At the border light "
        "comes in from emitters beside the field."
    )
    return f"""\
<h3>What they leave</h3>
{text}<p class="quiet" id="left-said"></p>
<canvas id="left-over" style="{_shape(sample.span)}" role="img"
 aria-label="What the emitters leave of the frame"></canvas>
"""


def _scales_text(sample: FrameSample) -> str:
    head = "<h3>Scale by scale, coarse to fine</h3>\n"
    if sample.without_scales:
        return head + paragraphs(f"Not shown: {escaped(sample.without_scales)}.")
    n_scales = len(next(iter(sample.scales.values()), []))
    x0, x1, y0, y1 = sample.scale_span
    middle = sample.scale_span != sample.span
    part = (
        f" They show the middle {figure_of((x1 - x0) / 1000, 3)} × "
        f"{figure_of((y1 - y0) / 1000, 3)} µm."
        if middle
        else ""
    )
    few = (
        f" They were worked out for {len(sample.scales)} of these frames."
        if len(sample.scales) < len(sample.frames)
        else ""
    )
    panels = "".join(
        f'<figure><canvas id="scale-{k}" style="{_shape(sample.scale_span)}" role="img" '
        f'aria-label="Scale {k + 1}"></canvas>'
        f'<figcaption id="scale-{k}-said"></figcaption></figure>\n'
        for k in range(n_scales)
    )
    text = paragraphs(
        "The model decides how many emitters lie in large cells, then how they are shared out "
        "among smaller ones. Brightness is the probability that a cell holds an emitter, from 0 "
        f"(black) to 1; rings are what that scale alone would report.{part}{few}"
    )
    missing = '<p class="quiet" id="scales-missing" hidden>Not worked out for this frame.</p>\n'
    return f'{head}{text}{missing}<div class="scales" id="scales">\n{panels}</div>\n'


def _shape(span: Span) -> str:
    """Keeps the place of an image until it is drawn."""
    x0, x1, y0, y1 = span
    return f"aspect-ratio: {(x1 - x0) / (y1 - y0):.4f}"


def _values(sample: FrameSample) -> dict[str, Any]:
    return {
        "frames": [
            {
                "frame": frame,
                "shown": _plain(shown),
                "left": _plain(sample.left[frame]) if frame in sample.left else None,
                "scales": [_plain(one) for one in sample.scales.get(frame, ())],
            }
            for frame, shown in sample.frames.items()
        ]
    }


def _plain(shown: Shown) -> dict[str, Any]:
    """As JSON has it: places are base64 of x, y, x, y, … as 16-bit little-endian 65535ths."""
    inside = ((shown.at_N2 >= 0) & (shown.at_N2 <= 1)).all(1)  # False for NaN
    at = np.round(65535 * shown.at_N2[inside]).astype("<u2")
    return {
        "image": data_uri(shown.image),
        "at": base64.b64encode(at.tobytes()).decode(),
        "cell": f"{shown.cell:g} nm",
    }
