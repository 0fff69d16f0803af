"""How long molecules are on, where a table has been linked."""

from __future__ import annotations

import numpy as np

from truevar.view.report.chart import grid
from truevar.view.report.histograms import histogram
from truevar.view.report.section import Section, Told, figure_of, paragraphs


def kinetics_section(told: Told) -> Section | None:
    """Detections and time on; nothing for a table of single localisations."""
    emitters = told.emitters
    if "detections" not in emitters or "last_frame" not in emitters or not len(emitters):
        return None
    detections, span = emitters["detections"], emitters["last_frame"] - emitters.frame
    once = float(np.mean(detections == 1))
    gaps = int(np.sum(span + 1 > detections))
    text = paragraphs(
        f"{len(emitters):,} molecules of {int(detections.sum()):,} localisations, "
        f"{figure_of(float(detections.mean()), 3)} each; {figure_of(100 * once, 3)} % were seen in "
        f"one frame only, {gaps:,} were missing in between.",
        f"A molecule is on for {figure_of(float(span.mean()), 3)} frames in the mean (last frame "
        "minus first, which allows for its beginning anywhere within a frame; molecules that the "
        "movie's ends cut off are counted as they are). Times in seconds are these times the "
        "camera's frame time, which the table does not hold. A molecule that went dark for longer "
        "than the gap that linking allowed, and came back, counts anew.",
    )
    figures = [
        histogram(
            "Localisations per molecule", "frames in which it was seen", detections, whole=True
        ),
        histogram("Span", "frames from the first to the last, both included", span + 1, whole=True),
    ]
    return Section("kinetics", "Kinetics", text + grid(figures))
